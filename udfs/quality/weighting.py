"""How loud each frequency is to the ear: the K-weighting of ITU-R BS.1770, as a factor of power."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RATE = 48_000.0  # Hz, for which the recommendation gives its two filters
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))


def k_weights(frequencies: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give the factor by which the power at each frequency (Hz) counts; constant above 24 kHz."""
    delay = np.exp(-2j * np.pi * np.minimum(frequencies, _RATE / 2) / _RATE)
    gain = np.ones(len(frequencies))
    for numerator, denominator in (_SHELF, _HIGH_PASS):
        gain *= np.abs(np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)) ** 2
    return gain.astype(np.float32)
