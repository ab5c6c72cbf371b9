"""The fingerprint of a recording: landmarks to find it by, and its spectrum in four bits a band to be sure of it.

Landmarks are pairs of spectral peaks (Wang, "An industrial-strength audio search algorithm", ISMIR 2003). The dense
part is the logarithm of the power in bands of equal musical width, less its mean over the surrounding two seconds and
over the frame, so that neither loudness nor a room's or a loudspeaker's colour is left in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs import kernels
from udfs.spectrum import FRAMES_PER_SECOND, HIGHEST, LOWEST, RATE, WINDOW, power, resample

VERSION = 1  # of everything below that changes a fingerprint: an index of another version is refused
BANDS = 36
STEPS_PER_OCTAVE = 24  # the pitch grid of landmarks: quarter-tones
WHITEN_FRAMES = 43  # 2 s
PEAK_REACH = (3, 8)  # frames, bins
FLOOR_DB = -60.0  # below the loudest band of the recording there is nothing to be recognised

_FIRST_BIN, _LAST_BIN = int(LOWEST * WINDOW / RATE), int(HIGHEST * WINDOW / RATE) + 1


@dataclass(frozen=True)
class Constellation:
    """Spectral peaks: `frames` and `pitches` (quarter-tones above `LOWEST`), both of shape (n,), in order of time."""

    frames: NDArray[np.int32]
    pitches: NDArray[np.int32]


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a recording.

    `landmarks`: shape (n, 2), hash and frame. `bands`: shape (frames, BANDS), int8 -7..7.
    """

    landmarks: NDArray[np.uint32]
    bands: NDArray[np.int8]
    constellation: Constellation


def _filterbank() -> NDArray[np.float32]:
    edges = LOWEST * (HIGHEST / LOWEST) ** (np.arange(-1, BANDS + 1) / (BANDS - 1))
    hz = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    bank = np.zeros((hz.size, BANDS), np.float32)
    for band in range(BANDS):
        low, middle, high = edges[band : band + 3]
        bank[:, band] = np.clip(np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)), 0, None)
    return bank


_BANK = _filterbank()


def running_mean(values: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Mean over `frames` frames around each, axis 0; shorter at the ends."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    at = np.arange(len(values))
    low, high = np.maximum(at - frames // 2, 0), np.minimum(at + frames // 2 + 1, len(values))
    return np.asarray((total[high] - total[low]) / (high - low)[:, None], dtype=np.float32)


def fingerprint(samples: NDArray[np.floating], sample_rate: int, fan: int = 5, per_second: int = 16) -> Fingerprint:
    """Take the fingerprint of mono samples, shape (n,), nominally -1..1."""
    spectrum = power(resample(samples, sample_rate))
    energy = spectrum @ _BANK
    floor = max(float(energy.max(initial=0.0)) * 10 ** (FLOOR_DB / 10), 1e-9)
    level = np.log(energy + floor)
    level -= running_mean(level, WHITEN_FRAMES)
    level -= level.mean(axis=1, keepdims=True)
    bands = np.rint(np.tanh(level / 2) * 7).astype(np.int8)
    stars = _constellation(spectrum, floor, per_second)
    return Fingerprint(kernels.pairs(stars.frames, stars.pitches, fan), bands, stars)


def _constellation(spectrum: NDArray[np.float32], floor: float, per_second: int) -> Constellation:
    level = np.log(np.ascontiguousarray(spectrum[:, _FIRST_BIN:_LAST_BIN]) + floor / 50)
    found = kernels.peaks(level, *PEAK_REACH, float(np.log(floor)))
    frames, bins = found[:, 0], found[:, 1]
    white = level[frames, bins] - running_mean(level, WHITEN_FRAMES)[frames, bins]
    block = frames // round(FRAMES_PER_SECOND)
    order = np.lexsort((-white, block))
    first = np.searchsorted(block[order], block[order])
    kept = np.sort(order[np.arange(order.size) - first < per_second])
    frames, bins = frames[kept], bins[kept]
    hz = (bins + _FIRST_BIN + _between(level, frames, bins)) * RATE / WINDOW
    pitches = np.clip(np.rint(STEPS_PER_OCTAVE * np.log2(hz / LOWEST)), 0, 127)
    return Constellation(np.ascontiguousarray(frames), pitches.astype(np.int32))


def _between(level: NDArray[np.float32], frames: NDArray[np.int32], bins: NDArray[np.int32]) -> NDArray[np.float32]:
    """Where between its bins a peak lies, -0.5..0.5: the vertex of the parabola through it and its neighbours."""
    left, here, right = (level[frames, bins + step] for step in (-1, 0, 1))
    bend = left - 2 * here + right
    return np.clip(np.where(bend < 0, (left - right) / (2 * np.minimum(bend, -1e-6)), 0), -0.5, 0.5).astype(np.float32)
