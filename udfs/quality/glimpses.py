"""What the quality is measured on: a few short windows of a track, and a thinned copy of all of it.

A recording's spectrum, noise floor and clipping show in any part of it, so these are measured on windows spread over
the track, in groups of three seconds, because that is the time over which loudness is felt. What can happen anywhere,
and how loudness goes, is looked for in every so many-th frame: power does not change by leaving samples out, and a gap
of some milliseconds has many of them. Both cost little more for an hour than for a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

WINDOW = 2048  # frames: bins of 21.5 Hz at 44.1 kHz
GROUP_SECONDS = 3.0  # the short term of EBU Tech 3341
GROUPS = 40  # at most: two minutes are looked at evenly, of longer tracks stretches
WINDOWS_A_GROUP = 4
LEAST_WINDOWS = 48  # of a short track, overlapping by no more than half
MAX_CHANNELS = 2  # the first two: what is recorded in more is seldom heard in more
THINNED_RATE = 2000  # frames a second that are kept at least
COARSER = 4  # times as thin, for the power of three seconds: 1,500 samples tell it to a fifth of a decibel
BLOCK = 4  # thinned frames whose highest is kept: about 2 ms
AT_ONCE = 1 << 22  # frames that are thinned together, so that hours need no memory
SILENT_CHANNEL = 0.01  # of the other's power

_HANN = np.hanning(WINDOW + 1)[:WINDOW].astype(np.float32)
_POWER_SCALE = 2.0 / (WINDOW * float(np.sum(_HANN**2)))

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Glimpses:
    """Parts of a track.

    Parameters
    ----------
    sample_rate
        Hz.
    windows
        float32 (windows, WINDOW, channels), as they are in the track; as many in each group.
    powers
        float32 (windows, WINDOW // 2 + 1): power of one channel's or the channels' mean's bins; their sum over bins is
        the window's mean square, 1 for a full-scale square wave.
    group_powers
        float64 (groups,): mean square of each group's three seconds, summed over the channels.
    heights
        float32 (blocks,): the highest magnitude in each block of thinned frames of the whole track.
    block_seconds
        How long such a block is.
    level
        Root mean square of the whole track.
    """

    sample_rate: int
    windows: Floats
    powers: Floats
    group_powers: NDArray[np.float64]
    heights: Floats
    block_seconds: float
    level: float

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Hz, of each bin of `powers`."""
        return frequencies_of(self.sample_rate)


def frequencies_of(sample_rate: int) -> NDArray[np.float64]:
    """Hz, of each bin of a window's spectrum."""
    return cast("NDArray[np.float64]", np.arange(WINDOW // 2 + 1) * (sample_rate / WINDOW))


def take_glimpses(samples: Floats, sample_rate: int) -> Glimpses | None:
    """Look at a track, (frames, channels) at `sample_rate` Hz; None where it is shorter than one window."""
    frames = len(samples)
    if frames < WINDOW:
        return None
    samples = samples[:, :MAX_CHANNELS]
    group = max(WINDOW, min(frames, int(GROUP_SECONDS * sample_rate)))
    count = min(GROUPS, max(1, round(frames / group)))
    starts = np.linspace(0, frames - group, count).astype(np.int64)
    most = max(1, 2 * group // WINDOW - 1)
    within = np.linspace(0, group - WINDOW, min(most, max(WINDOWS_A_GROUP, LEAST_WINDOWS // count))).astype(np.int64)
    windows = np.stack([samples[at : at + WINDOW] for at in (starts[:, None] + within).ravel()])
    step = max(1, sample_rate // THINNED_RATE)
    group_powers = np.array([_power(samples[at : at + group : COARSER * step]) for at in starts])
    heights, level = _thin(samples, step)
    return Glimpses(sample_rate, windows, _powers(windows), group_powers, heights, BLOCK * step / sample_rate, level)


def _powers(windows: Floats) -> Floats:
    spectra = scipy.fft.rfft(_one_channel(windows) * _HANN, axis=1)
    powers = spectra.real**2 + spectra.imag**2
    return np.asarray(powers * np.float32(_POWER_SCALE), np.float32)


def _one_channel(windows: Floats) -> Floats:
    """The channels' mean; the louder channel where they cancel each other, or one of them is empty."""
    if windows.shape[2] == 1:
        return windows[:, :, 0]
    left, right = windows[:, :, 0], windows[:, :, 1]
    mean = (left + right) * np.float32(0.5)
    of_left, of_right, of_mean = (_power(each[::4]) for each in (left, right, mean))
    least = SILENT_CHANNEL * max(of_left, of_right)
    if of_mean > least and min(of_left, of_right) > least:
        return mean
    return left if of_left >= of_right else right


def _power(samples: Floats) -> float:
    """Mean square, summed over the second axis."""
    flat = np.ascontiguousarray(samples).ravel()
    return float(np.dot(flat, flat)) / len(samples)


def _thin(samples: Floats, step: int) -> tuple[Floats, float]:
    """Give the blocks' heights, pair by pair, which is faster than over a short axis, and the level of it all."""
    heights, squares, kept = [], 0.0, 0
    piece = AT_ONCE // (step * BLOCK) * step * BLOCK
    for at in range(0, len(samples), piece):
        thinned = np.ascontiguousarray(samples[at : at + piece : step])
        squares += float(np.vdot(thinned, thinned))
        kept += thinned.size
        high = np.abs(thinned[: len(thinned) // BLOCK * BLOCK])
        high = high[:, 0] if high.shape[1] == 1 else np.maximum(high[:, 0], high[:, 1])
        heights.append(np.maximum(np.maximum(high[::4], high[1::4]), np.maximum(high[2::4], high[3::4])))
    return np.concatenate(heights), (squares / kept) ** 0.5
