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
    step = _fit_step(values - values[0], float(gaps.min()))
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


def recover_scale(samples: NDArray[np.floating]) -> float | None:
    """The step of floating-point samples that are whole multiples of it, 16 bits of them at most; None if they are not.

    Single precision keeps about 24 bits of each sample, which leaves room to tell multiples of a 16-bit step.
    """
    values = np.unique(samples[:4096].astype(np.float64))
    largest = float(np.abs(values).max()) if len(values) else 0.0
    gaps = np.diff(values)
    gaps = np.sort(gaps[gaps > largest * 2e-6])[:64]
    if len(gaps) < 8 or largest > 1e6:
        return None
    for divisor in range(1, 33):
        step = _fit_step(np.concatenate([[0.0], gaps]), float(gaps[0]) / divisor)
        multiples = values / step
        if np.abs(multiples).max() <= 32768.5 and np.abs(multiples - np.rint(multiples)).max() < 0.2:
            whole = np.rint(multiples)
            return float(values @ whole / (whole @ whole))
    return None
