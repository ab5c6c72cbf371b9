"""The band of an excerpt where its sound lies, as a one-sided signal at its own rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

BAND = 6000.0  # Hz that are looked at: the lowest, where modems are, or those that hold nearly all of the sound
BLOCK, SILENT = 1024, 0.02  # samples; share of the mean power under which such a block is silent
MIN_SHARE = 0.8  # of the power, from which on a higher band is looked at

Complex = NDArray[np.complexfloating]
Real = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Band:
    """`BAND` Hz of an excerpt.

    `signal` is one-sided, shape (n,), at `rate` samples a second, `sound` its real part; `power` its spectrum, a bin
    each `hertz`; `above` says whether it begins higher than 0 Hz.
    """

    signal: Complex
    sound: NDArray[np.float32]
    rate: float
    power: Real
    hertz: float
    above: bool


def take_band(samples: Real, sample_rate: int) -> Band:
    """The lowest `BAND` Hz, or those that hold nearly all of the sound; at least as long as the samples are."""
    size = scipy.fft.next_fast_len(len(samples), real=True)
    spectrum = scipy.fft.rfft(samples.astype(np.float32, copy=False), size)
    hertz = sample_rate / size
    power = spectrum.real**2 + spectrum.imag**2
    lowest = _choose(power, hertz, sample_rate)
    first = int(lowest / hertz)
    count = min(len(spectrum) - first, round(BAND / hertz))
    wide = np.zeros(2 * count, np.complex64)  # twice the width leaves room above the band, so that jumps stay sharp
    wide[1:count] = spectrum[first + 1 : first + count]
    signal = scipy.fft.ifft(wide, overwrite_x=True)[: 2 * count * len(samples) // size]
    return Band(
        signal, np.ascontiguousarray(signal.real), 2.0 * count * hertz, power[first : first + count], hertz, lowest > 0
    )


def begun(band: Band, most: int) -> Complex:
    """Up to `most` samples of the band's signal from where its sound begins, silence before it left out."""
    count = len(band.sound) // BLOCK
    blocks = band.sound[: count * BLOCK].reshape(count, BLOCK)
    energy = np.einsum("ij,ij->i", blocks, blocks)
    first = int((energy > SILENT * energy.mean()).argmax()) * BLOCK if count else 0
    start = min(first, max(0, len(band.signal) - most))
    return band.signal[start : start + most]


def _choose(power: Real, hertz: float, sample_rate: int) -> float:
    """Where the band begins in Hz: 0, or where `MIN_SHARE` of the power lies higher."""
    sums = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    starts = np.arange(0.0, max(BAND, sample_rate / 2 - BAND / 2), BAND / 4)
    ends = np.minimum(((starts + BAND) / hertz).astype(int), len(power))
    within = (sums[ends] - sums[np.minimum((starts / hertz).astype(int), len(power))]) / (sums[-1] + 1e-12)
    best = int(within.argmax())
    return float(starts[best]) if within[0] < 0.5 and within[best] > MIN_SHARE else 0.0
