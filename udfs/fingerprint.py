"""The fingerprint of sound: one word of 64 bits every 46 ms, each bit a band that stands out from its surroundings.

From the logarithm of a band's power the mean over the surrounding two seconds is taken, so that what does not change
(loudness, a room's, a codec's or a loudspeaker's colour, steady noise) is gone, and then the mean over the bands
around, so that what changes broadly (speech, applause) is gone as well. What is left are partials and onsets, and of
those only the sign is kept: it survives noise better than the height does, costs one bit, and two fingerprints are
compared by counting differing bits. After Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR
2002), whose bits compare only neighbours; docs/fingerprint.md has the measurements behind each choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs import kernels
from udfs.spectrum import HIGHEST, LOWEST, RATE, WINDOW, resample, transform

VERSION = 2  # of everything that changes a fingerprint: an index of another version is refused
BANDS = 64
AROUND_FRAMES = 21  # each side: two seconds
AROUND_BANDS = 4  # each side: half an octave
BAND_OCTAVES = float(np.log2(HIGHEST / LOWEST)) / BANDS
SILENT = 1e-6  # of the power of the loudest frame: nothing to be recognised below
_FLOOR = 1e-9  # of the power of the loudest frame, and in a band as good as nothing


@dataclass(frozen=True)
class Fingerprint:
    """The codes of a stretch of sound.

    Attributes
    ----------
    codes
        uint64, shape (frames,): bit b is band b, the lowest first.
    active
        uint8, shape (frames,): 0 where the frame is silent, and its code is noise.
    """

    codes: NDArray[np.uint64]
    active: NDArray[np.uint8]


def fingerprint(samples: NDArray[np.floating], sample_rate: int) -> Fingerprint:
    """Take the fingerprint of mono samples of shape (n,), at any rate in Hz and any loudness."""
    energy = kernels.band_power(transform(resample(samples, sample_rate)), _BAND_OF_BIN, _SHARE_OF_BIN, BANDS)
    loudness = energy.sum(axis=1)
    loudest = float(loudness.max(initial=0.0))
    level = np.log(energy + np.float32(loudest * _FLOOR + 1e-20))
    codes = kernels.pack_signs(level, AROUND_FRAMES, AROUND_BANDS)
    active = (loudness > loudest * SILENT).astype(np.uint8)
    silent = active == 0
    codes[silent] = noise_codes(int(silent.sum()))
    return Fingerprint(codes, active)


def noise_codes(count: int) -> NDArray[np.uint64]:
    """Return codes that agree with nothing, uint64 of shape (count,): for silence and for the ends of a time line."""
    return np.random.default_rng(0x50554E44).integers(0, 2**64, count, dtype=np.uint64)


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
