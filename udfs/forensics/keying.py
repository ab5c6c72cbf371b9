"""Keyed carriers: a tone whose frequency, phase or level jumps between two values on a clock, at random.

Frequency-shift, phase-shift and on-off keying have in common what no instrument does: changes happen only at whole
multiples of a symbol's time, of a few milliseconds, and which multiples is as unpredictable as the bits are. Sound
with a pitch changes every period, a trill evenly, speech at no clock at all.

Source: symbol-timing recovery as in any textbook on digital modems; the test on the clock is Rayleigh's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

BAND = 6000.0  # Hz that are looked at: the lowest, where modems are, or those that hold nearly all of the sound
MIN_SHARE = 0.8  # of the power, from which on a higher band is looked at
MIN_TRANSITIONS = 32
MAX_SYMBOL_SECONDS = 0.026  # 40 symbols a second and more: no hand keys that fast
MIN_SYMBOL_SAMPLES = 3.0
SMOOTHINGS = (2, 5, 12, 30)  # samples over which the frequency is averaged: for fast and for slow symbols

Number = TypeVar("Number", bound=np.inexact)
Complex = NDArray[np.complexfloating]
Real = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Clock:
    """A symbol clock.

    `period` in samples; `regularity` is how well changes keep it (0..1); `surprise` the entropy of how many symbols
    lie between changes, in bits; `repetition` the share of those numbers that a fixed pattern foretells.
    """

    period: float
    regularity: float
    surprise: float
    repetition: float
    changes: int


@dataclass(frozen=True, slots=True)
class Keying:
    """A keyed carrier: ``fsk``, ``psk`` or ``ook``, its symbols a second, and how two-valued it is (0..1)."""

    kind: str
    rate: float
    two_valued: float
    clock: Clock


def choose_band(samples: Real, sample_rate: int) -> float:
    """Where the band begins that is to be looked at, in Hz: 0, or where `MIN_SHARE` of the power lies higher."""
    power = np.abs(scipy.fft.rfft(samples[: 1 << 17].astype(np.float32, copy=False))) ** 2
    hertz = sample_rate / 2 / len(power)
    sums = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    starts = np.arange(0.0, max(BAND, sample_rate / 2 - BAND / 2), BAND / 4)
    ends = np.minimum(((starts + BAND) / hertz).astype(int), len(power))
    within = (sums[ends] - sums[np.minimum((starts / hertz).astype(int), len(power))]) / (sums[-1] + 1e-12)
    best = int(within.argmax())
    return float(starts[best]) if within[0] < 0.5 and within[best] > MIN_SHARE else 0.0


def analytic_band(samples: Real, sample_rate: int, lowest: float = 0.0) -> tuple[Complex, float]:
    """`BAND` Hz from `lowest` on as a one-sided signal at its own rate; shape (n,), and that rate in Hz."""
    size = scipy.fft.next_fast_len(len(samples), real=True)
    spectrum = scipy.fft.rfft(samples.astype(np.float32, copy=False), size)
    first = int(lowest * size / sample_rate)
    count = min(len(spectrum) - first, round(BAND * size / sample_rate))
    band = np.zeros(2 * count, np.complex64)  # twice the width leaves room above the band, so that jumps stay sharp
    band[:count] = spectrum[first : first + count]
    band[0] = 0
    signal = scipy.fft.ifft(band)
    return signal[: len(signal) * len(samples) // size], 2.0 * count * sample_rate / size


def smooth(values: NDArray[Number], width: int) -> NDArray[Number]:
    """Running mean over `width` samples, same length."""
    return np.asarray(scipy.ndimage.uniform_filter1d(values, width, mode="nearest"))


def two_valued(values: Real) -> tuple[float, float]:
    """Share of the variance that two levels explain (Otsu's criterion) and the threshold between them."""
    if len(values) < 16:
        return 0.0, 0.0
    low, high = np.quantile(values[:: max(1, len(values) // 4096)], (0.02, 0.98))
    if high - low < 1e-9:
        return 0.0, float(low)
    bins = np.clip((values - low) * (64 / (high - low)), 0, 63).astype(np.int64)
    counts = np.bincount(bins, minlength=64)
    centres = np.arange(64) + 0.5
    weight, total = np.cumsum(counts)[:-1], counts.sum()
    mass = np.cumsum(counts * centres)
    between = (mass[-1] * weight / total - mass[:-1]) ** 2 / np.maximum(weight * (total - weight), 1)
    variance = (counts @ centres**2) / total - (mass[-1] / total) ** 2
    best = int(between.argmax())
    return float(between[best] / max(variance, 1e-12)), float(low + (best + 1) * (high - low) / 64)


def find_clock(changes: NDArray[np.integer], length: int) -> Clock | None:
    """The clock that `changes` (positions in samples) keep, or None where there are too few."""
    if len(changes) < MIN_TRANSITIONS:
        return None
    gaps = np.diff(changes)
    shortest = float(np.quantile(gaps, 0.1))
    if shortest < MIN_SYMBOL_SAMPLES:
        return None
    size = scipy.fft.next_fast_len(4 * length, real=True)
    train = np.zeros(length, np.float32)
    train[changes] = 1.0
    line = np.abs(scipy.fft.rfft(train, size)) / len(changes)
    first, last = int(size / (1.3 * shortest)), int(size / (0.7 * shortest)) + 1
    best = first + int(line[first:last].argmax())
    period = size / best
    multiples = np.clip(np.rint(gaps / period), 0, 12).astype(int)
    share = np.bincount(multiples) / len(multiples)
    share = share[share > 0]
    surprise = float(-(share @ np.log2(share)))
    return Clock(period, float(line[best]), surprise, repetition(multiples), len(changes))


def repetition(sequence: NDArray[np.integer]) -> float:
    """The best share of a sequence's items that equal the one some fixed number of places before."""
    longest = min(96, len(sequence) // 3)
    return max((float((sequence[lag:] == sequence[:-lag]).mean()) for lag in range(1, longest + 1)), default=0.0)


def find_keyings(signal: Complex, rate: float) -> dict[str, Keying]:
    """The clearest keying of each kind of a one-sided signal at `rate` Hz, as far as there is any."""
    envelope = np.abs(signal)
    active = envelope > 0.3 * np.quantile(envelope[::8], 0.9)
    best: dict[str, Keying] = {}
    for keying in (
        *_shifted_frequency(signal, active, rate),
        *_shifted_phase(signal, active, rate),
        *_on_off(envelope, rate),
    ):
        known = best.get(keying.kind)
        if known is None or _clarity(keying) > _clarity(known):
            best[keying.kind] = keying
    return best


def _clarity(keying: Keying) -> float:
    return keying.two_valued * keying.clock.regularity


def _judge(kind: str, levels: Real, threshold: float, explained: float, rate: float) -> list[Keying]:
    above = levels > threshold
    clock = find_clock(np.flatnonzero(above[1:] != above[:-1]), len(levels))
    if clock is None or clock.period > MAX_SYMBOL_SECONDS * rate:
        return []
    return [Keying(kind, rate / clock.period, explained, clock)]


def _shifted_frequency(signal: Complex, active: NDArray[np.bool_], rate: float) -> list[Keying]:
    if active.mean() < 0.5:
        return []
    turns = signal[1:] * np.conj(signal[:-1])
    found = []
    for width in SMOOTHINGS:
        frequency = np.angle(smooth(turns, width)) * (rate / (2 * np.pi))
        explained, threshold = two_valued(frequency[active[1:]])
        if explained > 0.7:
            found += _judge("fsk", frequency, threshold, explained, rate)
    return found


def _shifted_phase(signal: Complex, active: NDArray[np.bool_], rate: float) -> list[Keying]:
    squared = signal * signal
    spectrum = np.abs(scipy.fft.fft(squared)) ** 2
    best = int(spectrum.argmax())
    line = float(spectrum[max(0, best - 2) : best + 3].sum() / (spectrum.sum() + 1e-12))
    if line < 0.25:
        return []
    carrier = best / len(signal) if best < len(signal) / 2 else best / len(signal) - 1
    still = signal * np.exp(-1j * np.pi * carrier * np.arange(len(signal)))
    still *= np.exp(-0.5j * np.angle(np.mean(still * still)))
    level = smooth(still.real, 4)
    explained, _ = two_valued(level[active])
    return _judge("psk", level, 0.0, explained, rate) if explained > 0.75 else []


def _on_off(envelope: Real, rate: float) -> list[Keying]:
    level = smooth(envelope, 5)
    explained, threshold = two_valued(level)
    return _judge("ook", level, threshold, explained, rate) if explained > 0.8 else []
