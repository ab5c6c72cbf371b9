"""Measure a track's quality from its samples alone; the order of the measures is that of `Measures`."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from udfs.findings import Quality
from udfs.quality.bandwidth import find_bandwidth
from udfs.quality.clipping import clipped_share
from udfs.quality.dropouts import find_dropouts
from udfs.quality.glimpses import Floats, frequencies_of, take_glimpses
from udfs.quality.grade import Measures, grade
from udfs.quality.loudness_range import estimate_loudness_range
from udfs.quality.noise_floor import find_floor
from udfs.quality.rounding import rounding_noise
from udfs.quality.weighting import k_weights


def examine_quality(samples: Floats, sample_rate: int) -> Quality | None:
    """Grade a track.

    Parameters
    ----------
    samples
        float32 (frames, channels), nominally -1..1.
    sample_rate
        Hz.

    Returns
    -------
    Quality
        The grade, what it was made of, and what lowered it; None for a track of less than 2,048 frames, of digital
        silence, or of floats whose squares are beyond all numbers, of which there is nothing to say.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _examine(samples, sample_rate)


def _examine(samples: Floats, sample_rate: int) -> Quality | None:
    glimpses = take_glimpses(samples, sample_rate)
    if glimpses is None:
        return None
    weights = _weights(sample_rate)
    floor = find_floor(glimpses.powers, glimpses.frequencies, weights)
    if not 0 < floor.signal < math.inf or not 0 < glimpses.level < math.inf:
        return None
    rounding = rounding_noise(glimpses.windows)
    noise = max(floor.noise, rounding)
    bandwidth = find_bandwidth(glimpses.powers, glimpses.frequencies)
    dropouts, lost_seconds = find_dropouts(glimpses, math.sqrt(3 * rounding))
    seconds = len(samples) / sample_rate
    return grade(
        Measures(
            clipped_share=clipped_share(glimpses.windows),
            noise_floor_db=_decibels(noise) if noise else None,
            signal_to_noise_db=_decibels(floor.signal) - _decibels(noise) if noise else None,
            uneven_share=floor.uneven_share,
            bandwidth_hz=bandwidth.hz,
            cliff_db=bandwidth.cliff_db,
            dropouts_a_minute=60 * dropouts / seconds,
            lost_share=lost_seconds / seconds,
            dc_offset=float(np.abs(glimpses.windows.mean(axis=(0, 1))).max()),
            loudness_range_lu=estimate_loudness_range(glimpses, weights),
        ),
        sample_rate,
    )


@lru_cache(maxsize=16)
def _weights(sample_rate: int) -> Floats:
    return k_weights(frequencies_of(sample_rate))


def _decibels(power: float) -> float:
    return 10 * math.log10(max(power, 1e-15))
