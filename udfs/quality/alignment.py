"""Where a copy lies in a recording: by the peak of their cross-correlation, at the rate that PESQ hears.

A copy that was cut out, or begins earlier or later, is found; one that plays at another speed is brought to the
recording's first where the speed is known (a match says it). The correlation is whitened in part, so that a low tone
common to all of a recording does not outweigh the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import soxr
from numpy.typing import NDArray

RATE = 16_000  # Hz
WHITENING = 0.5  # 0: plain correlation, 1: phases alone
LEAST_OVERLAP_SECONDS = 0.5
LEAST_PEAK = 18.0  # times the correlation's own deviation: 5 to 12 for other recordings, over 30 for noisy copies

Floats = NDArray[np.float32]


class NotAlignedError(ValueError):
    """The two share nothing that could be aligned; the message says what was looked for."""


@dataclass(frozen=True)
class Aligned:
    """The stretch that both have, at `RATE`, and where it begins in each, in ms."""

    reference: Floats
    degraded: Floats
    reference_offset_ms: int
    degraded_offset_ms: int


def align(reference: Floats, reference_rate: int, degraded: Floats, degraded_rate: int, speed: float = 1.0) -> Aligned:
    """Align mono samples (n,) of a recording and of a copy; `speed` is the copy's, 1.02 for two per cent faster.

    Raises
    ------
    NotAlignedError
        One of them is silent or too short, or nothing of the one is in the other.
    """
    ours = np.asarray(soxr.resample(reference, reference_rate, RATE), np.float32)
    theirs = np.asarray(soxr.resample(degraded, degraded_rate / speed, RATE), np.float32)
    if min(len(ours), len(theirs)) < LEAST_OVERLAP_SECONDS * RATE:
        raise NotAlignedError(f"less than {LEAST_OVERLAP_SECONDS} s of sound cannot be aligned")
    if not ours.any() or not theirs.any():
        raise NotAlignedError("one of the two is silent")
    lag = _find_lag(ours, theirs)
    first, begins = max(0, lag), max(0, -lag)
    length = min(len(ours) - first, len(theirs) - begins)
    if length < LEAST_OVERLAP_SECONDS * RATE:
        raise NotAlignedError(f"they overlap by less than {LEAST_OVERLAP_SECONDS} s where they are most alike")
    return Aligned(
        ours[first : first + length],
        theirs[begins : begins + length],
        round(first * 1000 / RATE),
        round(begins * 1000 / RATE / speed),
    )


def _find_lag(reference: Floats, degraded: Floats) -> int:
    """Give the frame of `reference` at which `degraded` begins; negative where it begins before it."""
    size = scipy.fft.next_fast_len(len(reference) + len(degraded), real=True)
    spectra = [scipy.fft.rfft(each, size) for each in (reference, degraded)]
    common = spectra[0] * np.conj(spectra[1])
    strength = np.abs(common)
    common /= np.maximum(strength, 1e-9 * float(strength.max())) ** WHITENING
    correlation = scipy.fft.irfft(common, size)
    peak = int(np.argmax(np.abs(correlation)))
    if abs(float(correlation[peak])) < LEAST_PEAK * float(correlation.std()):
        raise NotAlignedError("nothing of the one is found in the other: are they the same recording?")
    return peak if peak < len(reference) else peak - size
