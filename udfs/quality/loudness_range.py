"""Loudness range by EBU Tech 3342, estimated: how far the loud parts are from the quiet ones, in LU.

Short-term loudness is the power of three seconds of thinned samples, corrected by how the windows within them weigh
their frequencies. It lies within a few LU of the exact one (docs/quality.md), at a fiftieth of its cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.quality.glimpses import Floats, Glimpses

LEAST_GROUPS = 4  # twelve seconds: of less, a range says nothing
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -20.0  # LUFS; LU under the mean of what passed the first
LOW, HIGH = 10.0, 95.0  # percentiles
OFFSET = -0.691  # dB, of BS.1770


def estimate_loudness_range(glimpses: Glimpses, weights: Floats) -> float | None:
    """Estimate the range in LU; None for tracks that are too short or silent."""
    groups = len(glimpses.group_powers)
    if groups < LEAST_GROUPS:
        return None
    plain = glimpses.powers.sum(axis=1).reshape(groups, -1).sum(axis=1)
    weighted = (glimpses.powers @ weights).reshape(groups, -1).sum(axis=1)
    power = glimpses.group_powers
    loudness = OFFSET + 10 * np.log10(power * (weighted + 1e-20) / (plain + 1e-20) + 1e-20)
    return _range(loudness[loudness >= ABSOLUTE_GATE])


def _range(loudness: NDArray[np.float64]) -> float | None:
    if len(loudness) < LEAST_GROUPS:
        return None
    gate = 10 * np.log10(np.mean(10 ** (loudness / 10))) + RELATIVE_GATE
    low, high = np.percentile(loudness[loudness >= gate], (LOW, HIGH))
    return float(high - low)
