"""The fingerprint of sound: two words of 64 bits every 46 ms, a bit for each band that stands out around it.

From a band's level (the fourth root of its power) the mean over the surrounding two seconds is taken, so that what
does not change (a room's, a codec's or a loudspeaker's colour, steady noise) is gone, and then the mean over the bands
around, so that what changes broadly (speech, applause) is gone as well. What is left are partials and onsets. One word
keeps its signs, the other where it is strong, that is over its root mean square. A query's sign must be set above all
where the reference is strong: noise and other voices add to a sound and hide its weak parts, and seldom cancel its
strong ones. After Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002), whose bits compare
neighbours only; docs/fingerprint.md has the measurements behind each choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from udfs import code_kernels
from udfs.spectrum import HIGHEST, HOP, LOWEST, RATE, WINDOW, resample, transforms

VERSION = 3  # of everything that changes a fingerprint: an index of another version is refused
BANDS = 64
AROUND_FRAMES = 21  # each side: two seconds
AROUND_BANDS = 4  # each side: half an octave
BAND_OCTAVES = float(np.log2(HIGHEST / LOWEST)) / BANDS
STRONG = 1.0  # root mean squares
SURE, SUREST = 0.25, 0.9  # of what `udfs.code_kernels.listen` gives: beyond it a query's bit counts, and counts twice
NARROW = np.float32(1.2)  # how much narrowness, a logarithm, tells
SILENT = 1e-6  # of the power of the loudest frame: nothing to be recognised below


@dataclass(frozen=True)
class Fingerprint:
    """The codes of a stretch of sound.

    Attributes
    ----------
    signs
        uint64, shape (frames,): bit b is set where band b, the lowest first, is above its surroundings.
    strong
        uint64, shape (frames,): and this one where it is far above.
    active
        uint8, shape (frames,): 0 where the frame is silent, and its code is noise.
    heard
        uint64, shape (3, frames): what a query tells of the recording that it is part of (`hear`). Which bits of the
        recording's `signs` are likely set, of which of them it is sure, and of which surest.
    """

    signs: NDArray[np.uint64]
    strong: NDArray[np.uint64]
    active: NDArray[np.uint8]
    heard: NDArray[np.uint64] = field(default_factory=lambda: np.empty((3, 0), np.uint64))

    def __post_init__(self) -> None:
        """Take every sign for heard alike where nothing else is said."""
        if self.heard.shape[1] != len(self.signs):
            object.__setattr__(self, "heard", plainly_heard(self.signs))

    def part(self, first: int, end: int) -> Fingerprint:
        """Return the frames from `first` to before `end`."""
        heard = np.ascontiguousarray(self.heard[:, first:end])
        return Fingerprint(self.signs[first:end], self.strong[first:end], self.active[first:end], heard)


def fingerprint(samples: NDArray[np.floating], sample_rate: int) -> Fingerprint:
    """Take the fingerprint of mono samples of shape (n,), at any rate in Hz and any loudness."""
    energy, _ = _band_power(resample(samples, sample_rate))
    return _coded(energy, _stand_out(_level(energy)))


def hear(samples: NDArray[np.floating], sample_rate: int) -> Fingerprint:
    """Take the fingerprint of a query, samples as in `fingerprint`, with what it tells in spite of noise and voices.

    A sign says as much of the recording behind the noise as its bit stands out, as it does so beside what is loud for
    a moment, and as its sound is narrow, as tones are and voices are not. The weights are those that set queries under
    voices, noise and other music, of other recordings than docs/fingerprint.md's, off best from chance.
    """
    energy, roots = _band_power(resample(samples, sample_rate))
    level = _level(energy)
    outstanding = _stand_out(level)
    plain = _coded(energy, outstanding)
    narrow = code_kernels.narrowness(energy, roots, plain.active)
    del energy, roots  # 20 MB each of an hour
    quiet = _stand_out(code_kernels.cap(level, AROUND_FRAMES))
    del level
    narrow *= NARROW
    told = code_kernels.listen(*(np.tanh(one, out=one) for one in (outstanding, quiet, narrow)))
    del outstanding, quiet, narrow
    signs = code_kernels.pack(told, 0.0)
    sure = np.abs(told, out=told)
    heard = np.stack([signs, code_kernels.pack(sure, SURE), code_kernels.pack(sure, SUREST)])
    heard[:, plain.active == 0] = 0
    return Fingerprint(plain.signs, plain.strong, plain.active, heard)


def plainly_heard(signs: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return what is heard of a query that is as sure of every sign, shape (3, frames)."""
    return np.stack([signs, np.full_like(signs, ~np.uint64(0)), np.zeros_like(signs)])


def _coded(energy: NDArray[np.float32], outstanding: NDArray[np.float32]) -> Fingerprint:
    loudness = energy.sum(axis=1)
    signs, strong = code_kernels.pack(outstanding, 0.0), code_kernels.pack(outstanding, STRONG)
    active = (loudness > float(loudness.max(initial=0.0)) * SILENT).astype(np.uint8)
    silent = active == 0
    signs[silent], strong[silent] = noise_codes(int(silent.sum()))
    return Fingerprint(signs, strong, active)


def signs_of(mono: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Take the signs alone of samples at `RATE`, shape (n,); where it is silent they mean nothing."""
    return np.asarray(code_kernels.pack(_stand_out(_level(_band_power(mono)[0])), 0.0))


def noise_codes(count: int) -> NDArray[np.uint64]:
    """Return signs and strong ones that agree with nothing, shape (2, count): for silence and a time line's ends."""
    random = np.random.default_rng(0x50554E44).integers(0, 2**64, (4, count), dtype=np.uint64)
    return np.stack([random[0], random[0] & random[1] & random[2]])


def _band_power(mono: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    count = max(0, mono.size - WINDOW) // HOP + 1
    energy, roots = np.empty((count, BANDS), np.float32), np.empty((count, BANDS), np.float32)
    first = 0
    for spectrum in transforms(mono):
        end = first + len(spectrum)
        found = code_kernels.band_power(spectrum, _BAND_OF_BIN, _SHARE_OF_BIN, BANDS)
        energy[first:end], roots[first:end] = found
        first = end
    return energy, roots


def _level(energy: NDArray[np.float32]) -> NDArray[np.float32]:
    level = np.sqrt(energy)
    return np.sqrt(level, out=level)


def _stand_out(level: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(code_kernels.stand_out(level, AROUND_FRAMES, AROUND_BANDS))


def _filterbank() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which of the bands (of equal musical width) a bin begins in, and the share of the bin that is in it.

    The rest is in the next band. Bins outside all bands are in band -1.
    """
    edges = LOWEST * (HIGHEST / LOWEST) ** (np.arange(BANDS + 1) / BANDS)
    width = RATE / WINDOW
    begins = (np.arange(WINDOW // 2 + 1) - 0.5) * width
    band = np.searchsorted(edges, begins, side="right") - 1
    upper = np.append(edges, np.inf)[np.clip(band + 1, 0, BANDS)]
    share = np.clip((upper - begins) / width, 0, 1)
    return np.where(band < BANDS, band, -1).astype(np.int64), share.astype(np.float32)


_BAND_OF_BIN, _SHARE_OF_BIN = _filterbank()
