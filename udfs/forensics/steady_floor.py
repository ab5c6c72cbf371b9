"""A second look at the noise floor of replaced low bits: frequency by frequency, over a longer stretch.

Above a codec's cut-off a recording is nothing but the noise of its own rounding, and that noise is steady: the log of a
frequency's mean power lies Euler's 0.577 over the mean of its log. Frequencies that are that steady and lie at exactly
the power that replacing low bits leaves tell of it, also where they are too few for whole bands (`lowbits.fit_floor`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

FRAME = 1024
STRETCH = 1 << 16  # samples
STRETCHES = 6
MIN_BINS = 12
MIN_STRETCHES = 2
MIN_SHARE = 0.75  # of the steady frequencies near the floor that lie on it
EULER, SPREAD = 0.5772, 1.28  # of the log of an exponential variable: mean under the log of its mean, deviation
NEAR_ZERO = 256  # steps about zero in which a recording uses every value
OFTEN = 4  # samples a value there on average, so that few are left out by chance
MIN_USED = 0.9  # share of those; what was amplified after it was rounded leaves gaps

Integers = NDArray[np.integer]


def is_amplified(channel: Integers) -> bool:
    """Whether values are left out, as amplifying an integer recording does: its floor is that of the gain."""
    near = channel[(channel > -NEAR_ZERO) & (channel < NEAR_ZERO)].astype(np.int64)
    if len(near) < OFTEN * 2 * NEAR_ZERO:
        return False
    used = np.flatnonzero(np.bincount(near + NEAR_ZERO))
    return bool(len(used) < MIN_USED * (used[-1] - used[0] + 1))


def count_stretches(channel: Integers, powers: Sequence[float]) -> list[int]:
    """For each of `powers` (squared steps) how many of up to `STRETCHES` stretches have a floor of just that.

    0 for fewer than `MIN_STRETCHES`.
    """
    length = min(STRETCH, len(channel))
    if length < 16 * FRAME:
        return [0] * len(powers)
    starts = np.linspace(0, len(channel) - length, max(1, min(STRETCHES, len(channel) // length))).astype(int)
    fitting = [0] * len(powers)
    for start in starts:
        frames = _frame_powers(channel[start : start + length])
        for number, power in enumerate(powers):
            fitting[number] += _has_floor(frames, power)
    return [count if count >= MIN_STRETCHES else 0 for count in fitting]


def _frame_powers(samples: Integers) -> NDArray[np.float32]:
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float32)
    hann = np.hanning(FRAME + 1)[:FRAME]
    weight = (hann / np.sqrt(np.sum(hann**2))).astype(np.float32)
    spectra = scipy.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * weight, axis=1)[:, 8:-2]
    return np.asarray(spectra.real**2 + spectra.imag**2, np.float32)


def _has_floor(powers: NDArray[np.float32], expected: float) -> bool:
    loud = powers[powers.max(axis=1) > 50 * expected]  # in silence there is no floor under anything
    if len(loud) < 16:
        return False
    mean = loud.mean(axis=0)
    unrest = np.log(mean + 1e-9) - np.log(loud + 1e-9).mean(axis=0)
    error = 1 / np.sqrt(len(loud))
    steady = np.abs(unrest - EULER) < 3.5 * SPREAD * error
    ratio = mean / expected
    on = steady & (np.abs(ratio - 1) < 3 * error)
    beside = steady & (ratio > 0.4) & (ratio < 2.5) & ~on
    count = int(on.sum())
    if count < MIN_BINS or count < MIN_SHARE * (count + int(beside.sum())):
        return False
    under = int((ratio < 1 - 4 * error).sum())
    off = abs(float(ratio[on].mean()) - 1)
    return under <= 2 + 0.02 * count and off < 2.5 * error / np.sqrt(count) + 0.012
