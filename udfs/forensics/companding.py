"""µ-law and A-law sound as the codes that it is stored in, in the order of their values.

Samples that were expanded lie on few values, far apart when loud: their histogram says nothing of sound or data. Their
codes are 8-bit samples like others, somewhat compressed.

Source: ITU-T G.711, "Pulse code modulation (PCM) of voice frequencies".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.signal import Signal

CODES = np.arange(256)


def mu_law() -> NDArray[np.int64]:
    """The 256 values of µ-law as 16-bit samples, ascending; zero is there twice."""
    magnitude = CODES[:128]
    size = (((magnitude & 15) << 3) + 132 << (magnitude >> 4)) - 132
    return np.concatenate([-size[::-1], size])


def a_law() -> NDArray[np.int64]:
    """The 256 values of A-law as 16-bit samples, ascending."""
    magnitude = CODES[:128]
    exponent, mantissa = magnitude >> 4, (magnitude & 15) << 4
    size = np.where(exponent == 0, mantissa + 8, mantissa + 264 << np.maximum(exponent - 1, 0))
    return np.concatenate([-size[::-1], size])


def as_codes(signal: Signal) -> Signal:
    """The signal as 8-bit samples where it is companded and its values are those of G.711, else as it is."""
    if not signal.companded or not signal.values.size:
        return signal
    for values in (mu_law(), a_law()):
        ranks = np.searchsorted(values, signal.values, "right") - 1
        if np.array_equal(values[np.maximum(ranks, 0)], signal.values):
            return replace(signal, values=(ranks - 128).astype(np.int16), bits=8, stored=b"")
    return signal
