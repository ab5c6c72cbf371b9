"""Effective bandwidth: up to which frequency there is sound, and whether something cut it off there.

A recording's spectrum falls slowly and fades into the noise. Where it falls off a cliff, a filter was at work: a lossy
codec's (16 kHz in MP3 at 128 kbit/s) or a lower sample rate's, from which the file was blown up. The file's own rate
says nothing of either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.quality.glimpses import Floats

PARTS = 5  # of the windows, each by itself
SMOOTH_HZ = 120.0  # over which the spectrum is averaged
SIDE_HZ = 500.0  # each side of a cliff that is compared
GAP_HZ = 350.0  # the cliff's own width: filters of codecs and resamplers are this steep
LEAST_CLIFF_DB = 22.0
LEAST_VOICE_CLIFF_DB = 30.0  # where voices and instruments end steeply by themselves:
VOICE_HZ = 5000.0  # below
ABOVE_DB = 12.0  # what comes above a cliff may rise by over what is right above it
LOWEST_CUT = 1500.0  # Hz
FADED_DB = 6.0  # over the quietest part of the spectrum: what is below has faded into it
LEAST_LEVEL_DB = -112.0  # of a bin: 16 bits' own rounding noise is there


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """`hz` up to where there is sound; `cliff_db` by how much the spectrum falls there at once, 0 where it fades."""

    hz: float
    cliff_db: float


def find_bandwidth(powers: Floats, frequencies: NDArray[np.float64]) -> Bandwidth:
    """Find the effective bandwidth from powers (windows, bins) and the bins' frequencies in Hz."""
    width = float(frequencies[1])
    spectrum = 10 * np.log10(_smooth(_heights(powers), max(1, round(SMOOTH_HZ / width))) + 1e-16)
    spectrum = np.maximum(spectrum, LEAST_LEVEL_DB)
    cliff = _find_cliff(spectrum, width)
    return cliff or Bandwidth(_fading(spectrum, width), 0.0)


def _find_cliff(spectrum: NDArray[np.float64], width: float) -> Bandwidth | None:
    """Find the highest place where the spectrum falls steeply, and never comes back."""
    side, gap = max(2, round(SIDE_HZ / width)), max(1, round(GAP_HZ / width))
    last = len(spectrum) - 2 * gap  # near the top, every converter's filter makes a cliff
    first = max(side, round(LOWEST_CUT / width))
    if last <= first:
        return None
    sums = np.r_[0.0, np.cumsum(spectrum)]
    at = np.arange(first, last)
    ends = np.minimum(at + gap + side, len(spectrum))
    below = (sums[at] - sums[at - side]) / side
    above = (sums[ends] - sums[at + gap]) / (ends - at - gap)
    highest = np.maximum.accumulate(spectrum[::-1])[::-1]
    least = np.where(at * width < VOICE_HZ, LEAST_VOICE_CLIFF_DB, LEAST_CLIFF_DB)
    fits = (below - above >= least) & (highest[at + gap] <= above + ABOVE_DB) & (highest[at + gap] < below)
    if not fits.any():
        return None
    drop = np.where(fits, below - above, 0.0)
    steepest = int(np.argmax(drop))
    return Bandwidth(float((at[steepest] + gap / 2) * width), float(drop[steepest]))


def _fading(spectrum: NDArray[np.float64], width: float) -> float:
    """Highest frequency that stands out of the spectrum's quietest part; the top where nothing is that quiet."""
    heard = np.flatnonzero(spectrum > max(float(spectrum.min()) + FADED_DB, LEAST_LEVEL_DB + FADED_DB))
    return float((heard[-1] + 1) * width) if len(heard) else 0.0


def _heights(powers: Floats) -> NDArray[np.float64]:
    """The highest that each bin gets, but for flukes: the middle one of the highest of some parts of the windows.

    A cut leaves nothing above it in any window; a voice's or an instrument's own end is somewhere else in others.
    """
    parts = [powers[first::PARTS].max(axis=0) for first in range(min(PARTS, len(powers)))]
    return np.asarray(np.median(parts, axis=0), np.float64)


def _smooth(values: NDArray[np.floating], width: int) -> NDArray[np.float64]:
    padded = np.pad(values.astype(np.float64), (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")
