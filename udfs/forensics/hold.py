"""Undo held samples: a signal that only ever moves at multiples of some period is one symbol a period."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)

MIN_CHANGES = 48
BLOCK = 1 << 16  # frames that are looked at together


def hold_period(samples: NDArray[np.generic]) -> int:
    """Frames for which every value is held, for samples of shape (n,) or (n, channels); 1 where they are not."""
    if len(samples) <= MIN_CHANGES:
        return 1
    period, last, count = 0, -1, 0
    for changes in _changes(samples):
        if len(changes):
            steps = np.diff(changes, prepend=last) if last >= 0 else np.diff(changes)
            period = int(np.gcd.reduce(steps, initial=period))
            last, count = int(changes[-1]), count + len(changes)
        if period == 1:  # nearly every track, within its first block
            return 1
    return period if count >= MIN_CHANGES else 1


def _changes(samples: NDArray[np.generic]) -> Iterator[NDArray[np.int64]]:
    """Frames after which the samples change, block by block, so that hours of sound need no memory."""
    for start in range(0, len(samples) - 1, BLOCK):
        block = samples[start : start + BLOCK + 1]
        moved = (block[1:] != block[:-1]).reshape(len(block) - 1, -1).any(axis=1)
        yield np.flatnonzero(moved) + start


def slice_symbols(samples: NDArray[Number], period: int) -> NDArray[Number]:
    """One sample from each period, in step with the changes."""
    if period == 1:
        return samples
    first = next(int(changes[0]) for changes in _changes(samples) if len(changes))
    return samples[(first + 1) % period :: period]
