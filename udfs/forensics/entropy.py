"""Entropy of a histogram, as it is and as it would be of many samples.

Source: G. A. Miller, "Note on the bias of information estimates" (1955), for the correction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.integer] | NDArray[np.floating]


def entropy(counts: Counts) -> float:
    """Entropy of a histogram in bits; nothing for an empty one."""
    share = counts[counts > 0] / max(1, counts.sum())
    return float(-(share @ np.log2(share)))


def corrected_entropy(counts: Counts) -> float:
    """Entropy in bits of what a histogram of few samples was drawn from; it has at least one."""
    return float(entropy(counts) + (np.count_nonzero(counts) - 1) / (2 * np.log(2) * counts.sum()))
