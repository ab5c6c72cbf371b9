"""Loudness by ITU-R BS.1770-4, and loudness range by EBU Tech 3342, with pyloudnorm's filters.

The filters run over a track piece by piece and remember where they were, so that hours need no memory; the rest is
arithmetic on the power of each 100 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.signal
from numpy.typing import NDArray
from pyloudnorm import Meter

from udfs.decode import Decoded

STEP_SECONDS = 0.1
GATED_STEPS, SHORT_TERM_STEPS = 4, 30  # 400 ms and 3 s
ABSOLUTE_GATE, RELATIVE_GATE, RANGE_GATE = -70.0, -10.0, -20.0  # LUFS; LU; LU
PERCENTILES = (10, 95)
OFFSET = -0.691
WEIGHTS = {1: (1.0,), 2: (1.0, 1.0), 3: (1.0, 1.0, 1.0), 5: (1.0, 1.0, 1.0, 1.41, 1.41)}
SURROUND = (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)  # 5.1 has its low-frequency effects fourth, and they do not count
LEAST_RATE = 8_000  # Hz: below, the filters of BS.1770 have no meaning
PIECE_SECONDS = 30

PARAMETERS = {"standard": "ITU-R BS.1770-4", "range": "EBU Tech 3342", "filter": "K-weighting", "step_seconds": 0.1}


@dataclass(frozen=True)
class Loudness:
    """Integrated loudness (LUFS) and range (LU), None where all is under the gate; and each second's, ungated."""

    integrated_lufs: float | None
    range_lu: float | None
    by_second: tuple[float | None, ...]


def measure_loudness(decoded: Decoded) -> Loudness:
    """Measure a track at its own rate, over all its channels; None throughout under 8 kHz."""
    seconds = -(-len(decoded.samples) // decoded.sample_rate)
    if decoded.sample_rate < LEAST_RATE:
        return Loudness(None, None, (None,) * seconds)
    powers = step_powers(decoded.samples, decoded.sample_rate)
    by_second = [float(np.mean(powers[at : at + 10])) for at in range(0, len(powers), 10)]
    levels = tuple(_lufs(power) for power in by_second)
    return Loudness(_integrated(powers), _range(powers), (levels + (None,) * seconds)[:seconds])


def step_powers(samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Give the K-weighted power of each 100 ms, summed over the weighted channels; a last part of one is left out."""
    channels = samples.shape[1]
    weights = np.array(SURROUND if channels == 6 else WEIGHTS.get(channels, (1.0,) * channels))
    stages = [(each.b * each.passband_gain, each.a) for each in Meter(sample_rate)._filters.values()]
    memory = [np.zeros((max(len(b), len(a)) - 1, channels)) for b, a in stages]
    edges = np.round(np.arange(int(len(samples) / sample_rate / STEP_SECONDS) + 1) * sample_rate * STEP_SECONDS)
    steps = edges.astype(np.int64)
    a_piece = round(PIECE_SECONDS / STEP_SECONDS)
    powers: list[NDArray[np.float64]] = []
    for first in range(0, len(steps) - 1, a_piece):
        inside = steps[first : first + a_piece + 1]
        piece = samples[inside[0] : inside[-1]].astype(np.float64)
        for number, (b, a) in enumerate(stages):
            piece, memory[number] = scipy.signal.lfilter(b, a, piece, axis=0, zi=memory[number])
        sums = np.add.reduceat(np.square(piece), inside[:-1] - inside[0], axis=0)
        powers.append((sums / np.diff(inside)[:, None]) @ weights)
    return np.concatenate(powers) if powers else np.zeros(0)


def _integrated(powers: NDArray[np.float64]) -> float | None:
    blocks = _sliding(powers, GATED_STEPS)
    loud = blocks[blocks > _power(ABSOLUTE_GATE)]
    if not len(loud):
        return None
    gate = max(_power(ABSOLUTE_GATE), float(np.mean(loud)) * 10 ** (RELATIVE_GATE / 10))
    return _lufs(float(np.mean(blocks[blocks > gate])))


def _range(powers: NDArray[np.float64]) -> float | None:
    blocks = _sliding(powers, SHORT_TERM_STEPS)
    loud = blocks[blocks >= _power(ABSOLUTE_GATE)]
    if not len(loud):
        return None
    loud = loud[loud >= float(np.mean(loud)) * 10 ** (RANGE_GATE / 10)]
    low, high = np.percentile(10 * np.log10(loud), PERCENTILES)
    return float(high - low)


def _sliding(powers: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """Means over so many steps, one beginning at each step."""
    if len(powers) < steps:
        return np.zeros(0)
    sums = np.cumsum(np.r_[0.0, powers])
    return np.asarray(np.maximum((sums[steps:] - sums[:-steps]) / steps, 0.0))


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET) / 10))


def _lufs(power: float) -> float | None:
    return OFFSET + 10 * math.log10(power) if power > 1e-15 else None
