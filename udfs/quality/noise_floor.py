"""The noise floor: what never goes away and never changes, however quiet the sound gets.

Noise fills a band evenly, so the geometric mean of the bins' powers tells its level also under a tone, which fills only
some of them (the log of a noisy bin's power lies Euler's constant under the log of its mean on average). A band's noise
is the least that it ever falls to, if it falls to that again and again and is filled evenly then: music and voices that
never leave a band fall to another level each time, and their partials stand out.

Rain and rivers are noise as well, and nothing is wrong with them. What tells them from a voice under noise is what the
loud parts consist of: a voice's partials and formants fill a band unevenly, rain fills it evenly also where it is loud.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.quality.glimpses import Floats

BAND_BINS = 16
EULER = 0.5772156649  # mean under the log of its mean, of the log of an exponential variable
LOWEST, HIGHEST = 100.0, 8000.0  # Hz: hum and rumble below, little to be heard above
LOW, QUIET = 5.0, 25.0  # percentiles over the windows; the very least is a fluke
STEADY = 0.8  # nepers from one to the other at most; 0.3 to 0.7 where noise lies under sound, 1 to 10 in music
EVEN = 1.6  # nepers, deviation of the bins in quiet windows; 1.28 in noise, over 1.8 where partials stand out
UNEVEN = 1.9  # nepers: the deviation of one window's bins that noise has in three of a hundred
LEAST_SHARE = 1 / 3  # of the bands that are such: noise is in all of them, but for those that music never leaves
LOW_BIAS = 0.45  # nepers by which the low percentile of a mean over `BAND_BINS` bins of steady noise is too low
LOUD_PERCENTILE = 90.0  # of the windows' power: what the noise is compared with
SILENCE = 1e-12  # -120 dB: below are windows of digital silence, where nothing was recorded


@dataclass(frozen=True, slots=True)
class Floor:
    """What stands above the noise, and the noise: powers, weighted, 1 for full scale; both 0 in digital silence.

    `uneven_share` is the part of the loud half's power that is in bands which noise alone would not fill so.
    """

    signal: float
    noise: float
    uneven_share: float


def find_floor(powers: Floats, frequencies: NDArray[np.float64], weights: Floats) -> Floor:
    """Find the noise floor.

    Parameters
    ----------
    powers
        (windows, bins), as of `Glimpses`.
    frequencies
        Hz, of each bin.
    weights
        What each bin's power counts.
    """
    levels = powers @ weights
    sounding = levels > SILENCE
    if not sounding.any():
        return Floor(0.0, 0.0, 0.0)
    levels = levels[sounding]
    signal = float(np.percentile(levels, LOUD_PERCENTILE))
    used = (frequencies >= LOWEST) & (frequencies <= HIGHEST)
    bands = int(used.sum()) // BAND_BINS
    if not bands:  # of a rate at which there is nothing to be heard
        return Floor(signal, 0.0, 1.0)
    weighted = (powers[:, used] * weights[used])[sounding, : bands * BAND_BINS]
    binned = weighted.reshape(len(weighted), bands, BAND_BINS)
    logs = np.log(binned + np.float32(1e-20))
    means, deviations = logs.mean(axis=2), logs.std(axis=2)
    loud = levels >= np.median(levels)
    power = binned[loud].sum(axis=2)
    total = float(power.sum())
    uneven = float(power[deviations[loud] > UNEVEN].sum()) / total if total else 1.0
    return Floor(signal, _noise(means, deviations), uneven)


def _noise(means: Floats, deviations: Floats) -> float:
    """Power of the noise, of the bands' mean logarithms and their deviations, (windows, bands)."""
    low, quiet = np.percentile(means, (LOW, QUIET), axis=0)
    in_quiet = means <= quiet
    uneven = (deviations * in_quiet).sum(axis=0) / in_quiet.sum(axis=0)
    is_noise = (quiet - low < STEADY) & (uneven < EVEN)
    if is_noise.mean() < LEAST_SHARE:
        return 0.0
    return float(BAND_BINS * np.exp(low[is_noise] + EULER + LOW_BIAS).sum())
