"""The constellation of a sound: its spectral peaks, what people know a fingerprint by and what a picture shows.

The search itself keeps every band (`udfs.fingerprint`), for peaks alone are lost in noise; these are for looking at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter1d

from udfs.spectrum import FRAMES_PER_SECOND, HIGHEST, HOP, LOWEST, RATE, WINDOW, resample, transforms

REACH = (7, 17)  # frames and bins within which a peak is the highest
AROUND = 43  # frames that its height is measured against


@dataclass(frozen=True)
class Constellation:
    """Spectral peaks in order of time: `seconds`, `hz` and `height` (natural logarithm over its surroundings)."""

    seconds: NDArray[np.float64]
    hz: NDArray[np.float64]
    height: NDArray[np.float32]


def constellation(samples: NDArray[np.floating], sample_rate: int, per_second: int = 12) -> Constellation:
    """Find the peaks of mono samples, shape (n,), at most `per_second` of the highest in each second."""
    spectra = [np.abs(spectrum) ** 2 for spectrum in transforms(resample(samples, sample_rate))]
    bins = np.arange(int(LOWEST * WINDOW / RATE), int(HIGHEST * WINDOW / RATE) + 1)
    power = np.concatenate(spectra)[:, bins]
    level = np.log(power + power.max(initial=0.0) * 1e-7 + 1e-20)
    above = level - uniform_filter1d(level, AROUND, axis=0, mode="nearest")
    frames, columns = np.nonzero((level == maximum_filter(level, REACH)) & (above > 1.0))
    height = above[frames, columns]
    second = (frames / FRAMES_PER_SECOND).astype(np.int64)
    order = np.lexsort((-height, second))
    rank = np.arange(order.size) - np.searchsorted(second[order], second[order])
    kept = np.sort(order[rank < per_second])
    seconds = (frames[kept] * HOP + WINDOW / 2) / RATE
    return Constellation(seconds, bins[columns[kept]] * RATE / WINDOW, height[kept])
