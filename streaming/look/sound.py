"""One upload's sound, reduced to what a picture shows of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.constellation import Constellation, constellation
from udfs.spectrum import RATE, resample, transforms

COLUMNS = 1_600  # of an envelope: more than a picture has pixels for
ROWS = 192  # of a spectrogram, equally spaced in musical pitch
LOWEST, HIGHEST = 100.0, 5_400.0  # Hz: what the fingerprint's rate holds of it
FLOOR_DB = -70.0  # under the loudest
CLOSE_UP_S = 16.0  # seconds that a close-up shows: peaks can still be told apart


@dataclass(frozen=True)
class Envelope:
    """A whole track's waveform: least and greatest sample of any channel, shape (columns,), nominally -1..1."""

    seconds: float
    low: NDArray[np.float32]
    high: NDArray[np.float32]


@dataclass(frozen=True)
class CloseUp:
    """Some seconds of a sound: levels (ROWS, frames) in dB under the loudest, lowest pitch first, and its peaks.

    `first` is where it begins in the track, in seconds; the peaks' times count from there.
    """

    first: float
    seconds: float
    levels: NDArray[np.float32]
    stars: Constellation


def envelope(samples: NDArray[np.float32], sample_rate: int) -> Envelope:
    """Reduce samples of shape (frames, channels) to an envelope."""
    frames = len(samples)
    edges = np.unique(np.linspace(0, frames, min(COLUMNS, frames) + 1).astype(np.int64))[:-1]
    low, high = np.empty(len(edges), np.float32), np.empty(len(edges), np.float32)
    for at, (start, end) in enumerate(zip(edges, np.append(edges[1:], frames), strict=True)):
        part = samples[start:end]
        low[at], high[at] = part.min(), part.max()
    return Envelope(frames / sample_rate, low, high)


def close_up(mono: NDArray[np.float32], sample_rate: int, first: float, seconds: float = CLOSE_UP_S) -> CloseUp:
    """Take a close-up of mono samples, shape (n,), from `first` on; shorter where the sound ends before."""
    start = max(0, round(first * sample_rate))
    part = resample(np.ascontiguousarray(mono[start : start + round(seconds * sample_rate)]), sample_rate)
    part = part / max(1.0, float(np.abs(part).max(initial=0.0)))  # bytes read as floats reach 1e38
    power = np.concatenate([np.abs(spectrum) ** 2 for spectrum in transforms(part)])
    pitches = LOWEST * (HIGHEST / LOWEST) ** (np.arange(ROWS) / (ROWS - 1))
    bins = np.clip(np.round(pitches * 2 * (power.shape[1] - 1) / RATE).astype(int), 1, power.shape[1] - 1)
    level = 10 * np.log10(power[:, bins].T + 1e-12)
    levels = np.clip(level - level.max(initial=-120.0), FLOOR_DB, 0).astype(np.float32)
    return CloseUp(start / sample_rate, len(part) / RATE, levels, constellation(part, RATE))


def where_to_look(row: dict[str, object], seconds: float, data_from: float | None = None) -> float:
    """Say where a close-up of an upload begins, in seconds.

    Where its match does; else a little before what looks like data does; else where the sound is under way.
    """
    offset = row.get("query_offset_ms")
    if row.get("identity") == "match" and isinstance(offset, int):
        return offset / 1000
    if data_from is not None:
        return max(0.0, data_from - CLOSE_UP_S / 3)
    return max(0.0, (seconds - CLOSE_UP_S) / 4)
