"""The inner loops of taking a fingerprint, compiled: power in bands, what stands out of it, what a query tells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from udfs.compiled import compiled, filling_the_cache

_LEVELS = types.Array(types.float32, 2, "C", readonly=True)
_SHARES = types.Array(types.float32, 1, "C", readonly=True)
_BANDS = types.Array(types.int64, 1, "C", readonly=True)
_TRANSFORM = types.Array(types.complex64, 2, "C", readonly=True)
_FLAGS = types.Array(types.uint8, 1, "C", readonly=True)

CAP = 1.2  # of a level's mean over the frames around: what is louder counts as this loud
# What a query's bits are weighed by, beside 1 for what stands out: what stands out once levels are capped, narrowness,
# and, subtracted because a partial lasts and spreads, what stands out one and two frames and one band away.
QUIET, NARROWNESS, NEXT, SECOND, BESIDE = (np.float32(one) for one in (0.7, 0.7, 0.05, 0.15, 0.2))


def _band_power(
    transform: NDArray[np.complex64], band_of_bin: NDArray[np.int64], share: NDArray[np.float32], bands: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sum the power of a transform's bins into bands, and take the root of the sum of its squares.

    `share` of a bin goes into its band, the rest into the next.
    """
    out = np.zeros((transform.shape[0], bands), np.float32)
    roots = np.empty((transform.shape[0], bands), np.float32)
    squares = np.empty(bands, np.float64)
    for b in range(transform.shape[1]):
        band = band_of_bin[b]
        if band >= 0:
            break
    first = b
    for t in range(transform.shape[0]):
        squares[:] = 0
        for b in range(first, transform.shape[1]):
            band = band_of_bin[b]
            if band < 0:
                break
            value = transform[t, b]
            power = value.real * value.real + value.imag * value.imag
            square = np.float64(power) * power
            out[t, band] += share[b] * power
            squares[band] += share[b] * square
            if band + 1 < bands:
                out[t, band + 1] += (np.float32(1) - share[b]) * power
                squares[band + 1] += (np.float32(1) - share[b]) * square
        roots[t] = np.sqrt(squares)
    return out, roots


@compiled()
def _advance(level: Any, total: Any, first: int, last: int, t: int, frames_each_side: int) -> Any:
    """Move the frames from `first` to `last`, whose sum is in `total`, to those around `t`."""
    while last < min(level.shape[0], t + frames_each_side + 1):
        for b in range(level.shape[1]):
            total[b] += level[last, b]
        last += 1
    while first < t - frames_each_side:
        for b in range(level.shape[1]):
            total[b] -= level[first, b]
        first += 1
    return first, last


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
    first, last = 0, 0
    for t in range(count):
        first, last = _advance(level, total, first, last, t, frames_each_side)
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


def _cap(level: NDArray[np.float32], frames_each_side: int) -> NDArray[np.float32]:
    """Return levels, none more than `CAP` times its mean over the frames around: a voice hides less of its quiet."""
    capped = np.empty_like(level)
    total = np.zeros(level.shape[1], np.float64)
    first, last = 0, 0
    for t in range(level.shape[0]):
        first, last = _advance(level, total, first, last, t, frames_each_side)
        for b in range(level.shape[1]):
            capped[t, b] = min(level[t, b], np.float32(CAP * total[b] / (last - first)))
    return capped


def _narrowness(
    energy: NDArray[np.float32], roots: NDArray[np.float32], active: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return how narrow each band's sound is: as a steady tone is, and neither noise nor a voice that glides.

    The logarithm of the sum of the bins' squared powers (`roots`) over the square of their sum, less its mean over the
    band's active frames; 0 where it is silent.
    """
    count, bands = energy.shape
    out = np.zeros((count, bands), np.float32)
    mean = np.zeros(bands, np.float64)
    used = 0
    for t in range(count):
        if active[t]:
            used += 1
            for b in range(bands):
                share = roots[t, b] / energy[t, b] if energy[t, b] > 0 else np.float32(0)
                out[t, b] = np.log(share * share + np.float32(1e-6))
                mean[b] += out[t, b]
    for t in range(count):
        if active[t]:
            for b in range(bands):
                out[t, b] -= np.float32(mean[b] / used)
    return out


def _listen(
    standing: NDArray[np.float32], quiet: NDArray[np.float32], narrow: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Say of each band and frame how surely a recording stands out there (above 0) or does not (below), if it is heard.

    Of all is given the hyperbolic tangent: of what stands out, of what stands out of capped levels, and of narrowness.
    """
    count, bands = standing.shape
    out = np.empty((count, bands), np.float32)
    for t in range(count):
        one, two, next_one, next_two = max(0, t - 1), max(0, t - 2), min(count - 1, t + 1), min(count - 1, t + 2)
        for b in range(bands):
            value = standing[t, b] + QUIET * quiet[t, b] + NARROWNESS * narrow[t, b]
            value -= NEXT * (standing[one, b] + standing[next_one, b]) + SECOND * (
                standing[two, b] + standing[next_two, b]
            )
            value -= BESIDE * (standing[t, max(0, b - 1)] + standing[t, min(bands - 1, b + 1)])
            out[t, b] = value
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
    band_power = compiled(types.UniTuple(types.float32[:, ::1], 2)(_TRANSFORM, _BANDS, _SHARES, types.int64))(
        _band_power
    )
    stand_out = compiled(types.float32[:, ::1](_LEVELS, types.int64, types.int64))(_stand_out)
    cap = compiled(types.float32[:, ::1](_LEVELS, types.int64))(_cap)
    narrowness = compiled(types.float32[:, ::1](_LEVELS, _LEVELS, _FLAGS))(_narrowness)
    listen = compiled(types.float32[:, ::1](_LEVELS, _LEVELS, _LEVELS))(_listen)
    pack = compiled(types.uint64[::1](_LEVELS, types.float64))(_pack)
