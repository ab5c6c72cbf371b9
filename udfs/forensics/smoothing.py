"""How loud a sound is around each frequency: what its spectrum is divided by to make it flat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def running_mean(power: NDArray[np.floating], reach: int) -> NDArray[np.float64]:
    """Average each value with up to `reach` neighbours on either side, along the last axis; at the ends with fewer."""
    count = power.shape[-1]
    sums = np.zeros((*power.shape[:-1], count + 1))
    np.cumsum(power, axis=-1, dtype=np.float64, out=sums[..., 1:])
    low = np.maximum(np.arange(count) - reach, 0)
    high = np.minimum(np.arange(count) + reach + 1, count)
    return np.asarray((sums[..., high] - sums[..., low]) / (high - low))
