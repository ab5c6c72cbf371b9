"""Recover the integers behind samples that were scaled and shifted: the lattice on which all their values lie.

Bytes written as samples take at most 256 different values at equal steps, whatever the gain and offset; the step and
the origin come back from the sorted distinct values alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_LEVELS = 1024  # levels from lowest to highest; finer lattices are those of 16-bit sound itself
MIN_DISTINCT = 2
HEAD = 1 << 13  # samples by which a gain is recovered
MOST_SAMPLES = 1 << 24  # of a track: three minutes in stereo
BLOCK = 1 << 16  # frames
MAX_LEVEL = 1 << 15  # of 16-bit samples
MAX_ERROR = 0.3  # of a step, by which rounding may move a sample

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Samples as ``origin + step * levels``; `levels` are integers from 0."""

    step: float
    origin: float
    levels: NDArray[np.int64]

    @property
    def highest(self) -> int:
        return int(self.levels.max())


def recover_lattice(samples: Samples, quantum: float) -> Lattice | None:
    """The coarsest lattice that holds all of `samples`, or None where there is none of `MAX_LEVELS` or fewer.

    Parameters
    ----------
    samples
        Shape (n,), any unit.
    quantum
        What rounding may have moved a sample by: one least significant bit of the stored format, in the same unit;
        0 for floating point.
    """
    values = np.unique(samples)
    step = fit_lattice(values, quantum)
    if step is None:
        return None
    return Lattice(step, float(values[0]), np.rint((samples - values[0]) / step).astype(np.int64))


def fit_lattice(values: Samples, quantum: float) -> float | None:
    """Step of the coarsest lattice through `values`, which are sorted and distinct; None as in `recover_lattice`."""
    if not MIN_DISTINCT <= len(values) <= MAX_LEVELS:
        return None
    span = float(values[-1] - values[0])
    fuzz = max(1.5 * quantum, span * 1e-6)
    gaps = np.diff(values)
    # Steps of one and two quanta cannot be told from rounding: there the format itself is the lattice.
    if quantum and gaps.min() <= 2.5 * quantum:
        return quantum if span / quantum < MAX_LEVELS else None
    gaps = gaps[gaps > fuzz]
    if not len(gaps):
        return None
    step = _fit_step(values - values[0], _fit_gaps(gaps, float(gaps.min())))
    if span / step > MAX_LEVELS:
        return None
    levels = np.rint((values - values[0]) / step)
    # The lowest value was rounded as well: the line through all values need not go through it.
    step, origin = np.polyfit(levels, values, 1)
    error = float(np.abs(values - origin - levels * step).max())
    return float(step) if error <= max(0.7 * quantum, span * 1e-6) else None


def _fit_step(offsets: Samples, first: float) -> float:
    """Least-squares step, refined outwards from the smallest values so that no level is miscounted."""
    step, reach = first, 8
    while True:
        near = offsets[1:reach]
        levels = np.rint(near / step)
        levels[levels == 0] = 1
        step = float(near @ levels / (levels @ levels))
        if reach >= len(offsets):
            return step
        reach *= 2


def recover_scale(samples: NDArray[np.generic]) -> float | None:
    """The step of samples, shape (n,), that are whole multiples of one, 16 bits of them at most; None if they are not.

    Single precision keeps about 24 bits of each sample and 24-bit integers a little less, which leaves room to tell
    multiples of a 16-bit step.
    """
    values = np.unique(samples[:HEAD]).astype(np.float64)
    if len(values) < 16 or not np.isfinite(values).all():
        return None
    largest = float(max(-values[0], values[-1]))
    gaps = np.diff(values)
    gaps = gaps[gaps > largest * 2e-7]
    finest = largest / (MAX_LEVEL + 0.5)
    if len(gaps) < 8 or (first := float(gaps.min())) < 0.9 * finest or (samples.dtype.kind == "i" and first < 2):
        return None
    first = float(np.median(gaps[gaps < 1.5 * first]))
    for divisor in range(1, 5):
        step = _grow_step(values, _fit_gaps(gaps, first / divisor), finest)
        if step is not None:
            return step
    return None


def _fit_gaps(gaps: Samples, step: float) -> float:
    """Refine a step by the gaps of a few steps: there are many, and what rounding adds to each averages out."""
    for most in (3, 6, 12):
        near = gaps[gaps < (most + 0.5) * step]
        levels = np.rint(near / step)
        step = float(near @ levels / (levels @ levels)) if levels.any() else step
    return step


def _grow_step(values: Samples, step: float, finest: float) -> float | None:
    """Refine a step from the values about zero outwards, each fit near enough for the next; None where one fails."""
    reach = 16.0
    largest = max(-values[0], values[-1])
    while True:
        near = values[np.abs(values) <= reach * step]
        levels = np.rint(near / step)
        if levels.any():
            step = float(near @ levels / (levels @ levels))
        if step < 0.99 * finest or np.abs(near / step - np.rint(near / step)).max(initial=0.0) > MAX_ERROR:
            return None
        if reach * step >= largest:
            return step
        reach *= 2


def undo_gain(samples: NDArray[np.generic]) -> NDArray[np.int16] | None:
    """The 16-bit integers of which all of `samples` (any shape) are multiples, less the gain; None where they are not.

    Floats and integers of 24 bits and more have room for a gain between the steps of 16-bit sound; what was written
    as such, and turned up or down later, is the same sound, or the same bytes. Looked at up to `MOST_SAMPLES`; what
    lies on a coarser lattice, or on one side of zero as characters do, is left as it is.
    """
    head = samples.reshape(-1)[:HEAD]
    if samples.size > MOST_SAMPLES or head.min(initial=0) >= 0 or len(np.unique(head)) <= MAX_LEVELS:
        return None
    step = recover_scale(head)
    if step is None:
        return None
    integers = np.empty(samples.shape, np.int16)
    for start in range(0, len(samples), BLOCK):
        multiples = samples[start : start + BLOCK].astype(np.float64) / step
        whole = np.rint(multiples)
        if np.abs(whole).max() > MAX_LEVEL or np.abs(multiples - whole).max() > MAX_ERROR:
            return None
        integers[start : start + BLOCK] = np.clip(whole, -MAX_LEVEL, MAX_LEVEL - 1)
    return integers
