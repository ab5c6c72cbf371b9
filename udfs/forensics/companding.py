"""µ-law and A-law sound as the codes that it is stored in, in the order of their values.

Samples that were expanded lie on few values, far apart when loud: their histogram says nothing of sound or data. Their
codes are 8-bit samples like others, somewhat compressed.

Source: ITU-T G.711, "Pulse code modulation (PCM) of voice frequencies".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.signal import BLOCK, Signal
from udfs.samples import Samples, SampleStore

CODES = np.arange(256)
NONE = 128  # one over the highest code


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
    if not signal.companded or not signal.values.size or signal.values.dtype != np.int16:
        return signal
    for values in (mu_law(), a_law()):
        codes = _find_codes(signal.values, values)
        if codes is not None:
            return replace(signal, values=codes, bits=8, stored=b"")
    return signal


def _find_codes(samples: Samples, values: NDArray[np.int64]) -> Samples | None:
    """Which of 256 `values` each sample has, -128 the lowest; None where one has none. Hours of them go to a file."""
    whole = np.arange(1 << 16).astype(np.uint16).view(np.int16)  # every sample, at its own number without a sign
    ranks = np.searchsorted(values, whole, "right") - 1
    table = np.where(values[np.maximum(ranks, 0)] == whole, ranks - 128, NONE).astype(np.int16)
    store = SampleStore(samples.dtype, samples.shape[1])
    for start in range(0, len(samples), BLOCK):
        codes = table[samples[start : start + BLOCK].view(np.uint16)]
        if codes.max() == NONE:
            return None
        store.append(codes)
    return store.finish()
