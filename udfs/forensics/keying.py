"""Keyed carriers: a tone whose frequency, phase or level jumps between two values on a clock, at random.

Frequency-shift, phase-shift and on-off keying have in common what no instrument does: changes happen only at whole
multiples of a symbol's time, of a few milliseconds, and which multiples is as unpredictable as the bits are. Sound
with a pitch changes every period, a trill evenly, speech at no clock at all.

Source: symbol-timing recovery as in any textbook on digital modems; the test on the clock is Rayleigh's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from udfs.forensics.band import Complex, Real
from udfs.forensics.entropy import entropy

NEAR = 2  # bins on either side that belong to a line
MIN_TRANSITIONS = 32
MAX_SYMBOL_SECONDS = 0.026  # 40 symbols a second and more: no hand keys that fast
MIN_SYMBOL_SAMPLES = 3.0
MOST_ITEMS = 1000  # of a sequence that are compared with each other
MOST_SAMPLES = 1 << 15  # in which a carrier of phases is looked for: three seconds hold enough of its symbols
SMOOTHINGS = (2, 5, 12, 30)  # samples over which the frequency is averaged: for fast and for slow symbols

Numbers = dict[str, float]
Number = TypeVar("Number", bound=np.inexact)


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


def smooth(values: NDArray[Number], width: int) -> NDArray[Number]:
    """Running mean over `width` samples, same length."""
    return np.asarray(scipy.ndimage.uniform_filter1d(values, width, mode="nearest"))


@lru_cache(maxsize=64)
def hann(size: int) -> NDArray[np.float32]:
    """A window of `size` that begins and ends just over nothing."""
    return np.asarray(np.hanning(size + 2)[1:-1], np.float32)


def two_valued(values: Real) -> tuple[float, float]:
    """Share of the variance that two levels explain (Otsu's criterion) and the threshold between them."""
    if len(values) < 16:
        return 0.0, 0.0
    low, high = (part(values[:: max(1, len(values) // 4096)], share) for share in (0.02, 0.98))
    if high - low < 1e-9:
        return 0.0, low
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
    period = _sharpest(changes, length, 0.7 * shortest, 1.3 * shortest)
    multiples = np.clip(np.rint(gaps / period), 0, 12).astype(int)
    regularity = float(_line(changes, np.array([1 / period]))[0])
    return Clock(period, regularity, entropy(np.bincount(multiples)), repetition(multiples), len(changes))


def _sharpest(changes: NDArray[np.integer], length: int, least: float, most: float) -> float:
    """The period between `least` and `most` samples that `changes` keep best."""
    coarse = max(1, int(least / 2.5))  # samples put together: the line is under half the rate that is left
    count = length // coarse + 1
    size = scipy.fft.next_fast_len(2 * count, real=True)
    line = np.abs(scipy.fft.rfft(np.bincount(changes // coarse, minlength=count).astype(np.float32), size))
    first = int(size * coarse / most)
    best = first + int(line[first : int(size * coarse / least) + 1].argmax())
    near = (best + np.linspace(-0.75, 0.75, 13)) / (size * coarse)
    return float(1 / near[int(_line(changes, near).argmax())])


def _line(changes: NDArray[np.integer], frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """How well `changes` keep clocks of so many beats a sample, 0..1."""
    return np.asarray(np.abs(np.exp(-2j * np.pi * np.outer(frequencies, changes)).mean(axis=1)))


def repetition(sequence: NDArray[np.integer]) -> float:
    """The best share of a sequence's items that equal the one some fixed number of places before."""
    sequence = sequence[:MOST_ITEMS]
    lags = range(1, min(96, len(sequence) // 3) + 1)
    same = (np.count_nonzero(sequence[lag:] == sequence[:-lag]) / (len(sequence) - lag) for lag in lags)
    return max(same, default=0.0)


def part(values: Real, share: float) -> float:
    """The value that a share of all are below: a quantile, without what makes those of numpy slow."""
    at = min(len(values) - 1, int(share * len(values)))
    return float(np.partition(values, at)[at])


def sharpest(power: Real) -> tuple[int, float]:
    """The highest bin of a spectrum, and what share of the power lies there and in its neighbours."""
    best = int(power.argmax())
    return best, float(power[max(0, best - NEAR) : best + NEAR + 1].sum() / (power.sum() + 1e-12))


def find_keyings(signal: Complex, rate: float) -> dict[str, Keying]:
    """The clearest keying of each kind of a one-sided signal at `rate` Hz, as far as there is any."""
    envelope = np.abs(signal)
    active = envelope > 0.3 * part(envelope[::8], 0.9)
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
        hop = max(1, width // 4)
        frequency = np.angle(smooth(turns, width)[::hop]) * (rate / (2 * np.pi))
        explained, threshold = two_valued(frequency[active[1::hop]])
        if explained > 0.7:
            found += _judge("fsk", frequency, threshold, explained, rate / hop)
    return found


def _shifted_phase(signal: Complex, active: NDArray[np.bool_], rate: float) -> list[Keying]:
    start = int(active.argmax())
    signal, active = signal[start : start + MOST_SAMPLES], active[start : start + MOST_SAMPLES]
    size = scipy.fft.next_fast_len(len(signal))
    spectrum = scipy.fft.fft(signal * signal, size)
    best, share = sharpest(spectrum.real**2 + spectrum.imag**2)
    if share < 0.25:
        return []
    carrier = best / size if best < size / 2 else best / size - 1
    still = signal * np.exp(-1j * np.pi * carrier * np.arange(len(signal)))
    still *= np.exp(-0.5j * np.angle(np.mean(still * still)))
    level = smooth(still.real, 4)
    explained, _ = two_valued(level[active])
    return _judge("psk", level, 0.0, explained, rate) if explained > 0.75 else []


def _on_off(envelope: Real, rate: float) -> list[Keying]:
    level = smooth(envelope, 5)
    explained, threshold = two_valued(level)
    return _judge("ook", level, threshold, explained, rate) if explained > 0.8 else []
