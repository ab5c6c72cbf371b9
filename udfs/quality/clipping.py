"""Clipping: tops that were cut off, at full scale or below it, where a clipped recording was turned down later.

Uncompressed, a cut top is flat: three samples or more within 0.3 % of the channel's peak that the wave leaves by more
than 4 % within two samples. A whole wave's top is never that: a sine that stays near its peak for so long leaves it
slowly. A lossy codec ripples the flat tops, but leaves them near the peak: a recording's samples become rarer towards
its peak, and those of a clipped one commoner. So do a pure tone's, which its low kurtosis tells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.quality.glimpses import Floats

TOP, LEFT = 0.997, 0.96  # of the peak
LEAST_RUN = 3  # samples
BEYOND = 2  # samples behind a top within which the wave has left it
LEAST_PEAK = 0.02  # of full scale: in quieter channels a top is some steps of 16 bits wide by itself
FULL_SCALE = 1.0  # what a lossy codec gives beyond is cut off by whoever plays it
PEAK_SHARE = 0.0005  # of the samples are above what counts as the peak of rippled tops
EDGES = (0.8, 0.9)  # of it: as many samples above as between is no recording's
LEAST_KURTOSIS = 2.4  # 1.5 for a tone; 2.7 and more for clipped music, 5 for speech
THIN = 8  # every so many samples say where the peak is


def clipped_share(windows: Floats) -> float:
    """Share of samples on cut tops or beyond full scale, in the worst channel; windows (n, frames, channels)."""
    return max(_share(np.ascontiguousarray(windows[:, :, channel])) for channel in range(windows.shape[2]))


def _share(windows: Floats) -> float:
    values = windows.ravel()
    counted = beyond = 0
    for peak, side in ((float(values.max()), 1), (-float(values.min()), -1)):
        if peak < LEAST_PEAK:
            continue
        tops = np.flatnonzero(values >= TOP * peak if side > 0 else values <= -TOP * peak)
        counted += _count_flat(values, tops, side * peak, windows.shape[1])
        if peak > FULL_SCALE:
            beyond += int(np.count_nonzero(values > FULL_SCALE if side > 0 else values < -FULL_SCALE))
    return max(counted / values.size, beyond / values.size, _rippled_share(values))


def _count_flat(values: Floats, tops: NDArray[np.int64], peak: float, window: int) -> int:
    """Count samples in runs of `tops` that end as a flat top does; one that a window's edge cuts is left out."""
    if len(tops) < LEAST_RUN:
        return 0
    breaks = np.flatnonzero(np.diff(tops) > 1)
    first, last = tops[np.r_[0, breaks + 1]], tops[np.r_[breaks, len(tops) - 1]]
    length = last - first + 1
    inside = (first % window >= BEYOND) & (last % window < window - BEYOND) & (first // window == last // window)
    first, last, length = (each[inside & (length >= LEAST_RUN)] for each in (first, last, length))
    left = (values[first - BEYOND] / peak < LEFT) | (values[last + BEYOND] / peak < LEFT)
    return int(length[left].sum())


def _rippled_share(values: Floats) -> float:
    """Tell by how much samples near the peak outnumber those a little under it, as a share of all; 0 if they do not."""
    heights = np.abs(values)
    some = heights[::THIN]
    at = int(len(some) * (1 - PEAK_SHARE))
    peak = float(np.partition(some, at)[at])
    if peak < LEAST_PEAK:
        return 0.0
    under, near = (int(np.count_nonzero(heights >= edge * peak)) for edge in EDGES)
    more = 2 * near - under
    if more <= 0:
        return 0.0
    squares = some * some
    mean = float(squares.mean())
    kurtosis = float(np.dot(squares, squares)) / len(some) / (mean * mean)
    return more / values.size if kurtosis >= LEAST_KURTOSIS else 0.0
