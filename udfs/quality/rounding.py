"""Coarse rounding: samples that lie on a few levels only, as an 8-bit file's do, whatever format it is in by now."""

from __future__ import annotations

import numpy as np

from udfs.quality.glimpses import Floats

LOOKED_AT = 4096  # samples
LEAST_STEP = 1e-4  # of full scale: finer than 14 bits, and nobody hears it
LEAST_LEVELS = 8
OFF = 0.02  # of a step that a sample may lie beside its level; floats round


def rounding_noise(windows: Floats) -> float:
    """Power of the rounding to coarse levels (1 for full scale); 0 where the samples lie on none that are coarse."""
    values = windows[:, :, 0].ravel()
    values = np.sort(values[:: max(1, len(values) // LOOKED_AT)])
    steps = np.diff(values)
    steps = steps[steps > 1e-7]
    if len(steps) < LEAST_LEVELS:
        return 0.0
    step = float(steps.min())
    if step < LEAST_STEP:
        return 0.0
    levels = (values - values[0]) / step
    return step * step / 12 if np.abs(levels - np.round(levels)).max() < OFF * max(1.0, levels[-1] / 256) else 0.0
