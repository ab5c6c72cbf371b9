"""Undo held samples: a signal that only ever moves at multiples of some period is one symbol a period."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)

MIN_CHANGES = 48


def hold_period(samples: NDArray[np.generic]) -> int:
    """Frames for which every value is held, for samples of shape (n,) or (n, channels); 1 where they are not."""
    if len(samples) <= MIN_CHANGES:
        return 1
    changes = np.flatnonzero((np.diff(samples, axis=0) != 0).reshape(len(samples) - 1, -1).any(axis=1))
    if len(changes) < MIN_CHANGES:
        return 1
    head = int(np.gcd.reduce(np.diff(changes[:MIN_CHANGES])))
    return int(np.gcd.reduce(np.diff(changes))) if head > 1 else 1


def slice_symbols(samples: NDArray[Number], period: int) -> NDArray[Number]:
    """One sample from each period, in step with the changes."""
    first = int(np.flatnonzero((np.diff(samples, axis=0) != 0).reshape(len(samples) - 1, -1).any(axis=1))[0])
    return samples[(first + 1) % period :: period] if period > 1 else samples
