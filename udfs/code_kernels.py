"""The inner loops of taking a fingerprint, compiled: power in bands, what stands out of it, packed into words."""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from udfs.compiled import compiled, filling_the_cache

_LEVELS = types.Array(types.float32, 2, "C", readonly=True)
_SHARES = types.Array(types.float32, 1, "C", readonly=True)
_BANDS = types.Array(types.int64, 1, "C", readonly=True)
_TRANSFORM = types.Array(types.complex64, 2, "C", readonly=True)


def _band_power(
    transform: NDArray[np.complex64], band_of_bin: NDArray[np.int64], share: NDArray[np.float32], bands: int
) -> NDArray[np.float32]:
    """Sum the power of a transform's bins into bands: `share` of a bin into its band, the rest into the next."""
    out = np.zeros((transform.shape[0], bands), np.float32)
    for b in range(transform.shape[1]):
        band = band_of_bin[b]
        if band >= 0:
            break
    first = b
    for t in range(transform.shape[0]):
        for b in range(first, transform.shape[1]):
            band = band_of_bin[b]
            if band < 0:
                break
            value = transform[t, b]
            power = value.real * value.real + value.imag * value.imag
            out[t, band] += share[b] * power
            if band + 1 < bands:
                out[t, band + 1] += (np.float32(1) - share[b]) * power
    return out


def _stand_out(level: NDArray[np.float32], frames_each_side: int, bands_each_side: int) -> NDArray[np.float32]:
    """Return by how much each level stands out from its surroundings, relative to what is usual around it.

    From a level its mean over the frames around is taken, then from what is left the mean over the bands around; that
    is divided by its root mean square over all bands of the frames around.
    """
    count, bands = level.shape
    out = np.empty((count, bands), np.float32)
    squares = np.zeros(count + 1, np.float64)
    total = np.zeros(bands, np.float64)
    left = np.empty(bands + 1, np.float64)
    first, last = 0, 0  # the frames whose sum is in `total`
    for t in range(count):
        while last < min(count, t + frames_each_side + 1):
            for b in range(bands):
                total[b] += level[last, b]
            last += 1
        while first < t - frames_each_side:
            for b in range(bands):
                total[b] -= level[first, b]
            first += 1
        left[0] = 0.0
        for b in range(bands):
            left[b + 1] = left[b] + level[t, b] - total[b] / (last - first)
        square = 0.0
        for b in range(bands):
            low, high = max(0, b - bands_each_side), min(bands, b + bands_each_side + 1)
            value = (left[b + 1] - left[b]) - (left[high] - left[low]) / (high - low)
            out[t, b] = value
            square += value * value
        squares[t + 1] = squares[t] + square / bands
    for t in range(count):
        low, high = max(0, t - frames_each_side), min(count, t + frames_each_side + 1)
        usual = np.sqrt(max(0.0, squares[high] - squares[low]) / (high - low)) + 1e-12
        for b in range(bands):
            out[t, b] /= usual
    return out


def _pack(values: NDArray[np.float32], threshold: float) -> NDArray[np.uint64]:
    """Return a word a row: bit b is set where column b is over the threshold."""
    words = np.zeros(values.shape[0], np.uint64)
    for t in range(values.shape[0]):
        for b in range(values.shape[1]):
            if values[t, b] > threshold:
                words[t] |= np.uint64(1) << np.uint64(b)
    return words


with filling_the_cache():
    band_power = compiled(types.float32[:, ::1](_TRANSFORM, _BANDS, _SHARES, types.int64))(_band_power)
    stand_out = compiled(types.float32[:, ::1](_LEVELS, types.int64, types.int64))(_stand_out)
    pack = compiled(types.uint64[::1](_LEVELS, types.float64))(_pack)
