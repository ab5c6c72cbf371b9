"""Measure a whole signal, second by second and channel by channel, and find the stretches that are data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.companding import as_codes
from udfs.forensics.hold import hold_period, slice_symbols
from udfs.forensics.model import window_model
from udfs.forensics.signal import Signal
from udfs.forensics.windows import LEAST_FRAMES, MEASURED_WHOLE, Measured, measure_channel, measure_windows

MAX_CHANNELS = 8  # measured one by one; a payload in the ninth is read as interleaved bytes only
FADING = 4.0  # log-odds less for what fades as sound does
CLOSER, BESIDE = 4, (-2, -1, 1, 2)  # windows of a channel whose neighbours are measured as well, and which ones
CLOSER_LOG_ODDS = -2.0  # of those windows; one that reaches over a payload's edge is less clear than its neighbour
DATA_LOG_ODDS = 0.0  # from here on a window counts as data


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames `start` to `end` (exclusive) of a channel whose windows look like data; `log_odds` is their mean."""

    channel: int
    start: int
    end: int
    windows: int
    log_odds: float


def without_holds(signal: Signal) -> tuple[Signal, int]:
    """The signal with one frame for each that is held, and for how many frames each was."""
    period = hold_period(signal.values)
    if period == 1:
        return signal, 1
    sliced = slice_symbols(signal.values, period)
    return replace(signal, values=sliced, sample_rate=max(1, signal.sample_rate // period), stored=b""), period


def measure(sliced: Signal) -> list[Measured]:
    """Windows of each channel of a signal without holds; empty for what is too short to measure."""
    if len(sliced.values) < LEAST_FRAMES:
        return []
    signal = as_codes(sliced)
    return [measure_channel(signal, channel) for channel in range(min(MAX_CHANNELS, signal.values.shape[1]))]


def judge(measured: Measured) -> NDArray[np.float64]:
    """Log-odds of being data for each window; -10 for windows that hold too little to say."""
    odds = np.full(len(measured.starts), -10.0)
    usable = measured.usable
    if usable.any():
        odds[usable] = window_model().log_odds(measured.features[usable])
    odds[measured.fades] -= FADING
    return odds


def judge_closely(sliced: Signal, measured: Measured) -> tuple[Measured, NDArray[np.float64]]:
    """The windows, with the neighbours of the likeliest data among them where not all were measured, and their odds.

    One window of a second that looks like data may be a transient; a payload of half a second fills the next ones as
    well, which the second's other windows hide.
    """
    odds, length = judge(measured), measured.length
    if len(measured.starts) <= MEASURED_WHOLE:
        return measured, odds
    likeliest = [at for at in np.argsort(-odds)[:CLOSER] if odds[at] > CLOSER_LOG_ODDS]
    wanted = {int(measured.starts[at]) + step * length for at in likeliest for step in BESIDE}
    last = len(sliced.values) - length
    more = [start for start in sorted(wanted - set(measured.starts.tolist())) if 0 <= start <= last]
    if not more:
        return measured, odds
    extra = measure_windows(as_codes(sliced), measured.channel, np.array(more, np.int64), length)
    joined = measured.joined(extra)
    return joined, judge(joined)


def find_stretches(measured: Measured, odds: NDArray[np.float64], frames: int) -> list[Stretch]:
    """Runs of neighbouring windows that look like data; a run at an edge reaches to it."""
    flagged = odds > DATA_LOG_ODDS
    edges = np.flatnonzero(np.diff(flagged.view(np.int8), prepend=0, append=0))
    found = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        start = 0 if first == 0 else int(measured.starts[first - 1])
        end = frames if last == len(flagged) else int(measured.starts[last] + measured.length)
        found.append(Stretch(measured.channel, start, end, int(last - first), float(odds[first:last].mean())))
    return found
