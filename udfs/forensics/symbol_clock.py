"""Look for a symbol clock: pure tones that change all at once, at multiples of one short time, and hold still between.

A modem's sound is a row of symbols of equal length. In each the same few tones stand still; at its edges some of them
change. So the change of the short-time spectrum has a clock, is nothing in the middle of a symbol, and is as
unpredictable from edge to edge as the data. A tune changes on a slower clock, a buzz at every edge alike, speech and
noise without any clock. The numbers here say how much of each; `udfs.forensics.modem` weighs them.

Source: symbol-timing recovery by spectral line, as in any textbook on digital modems.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.keying import Complex, repetition, smooth, two_valued

Real = NDArray[np.float64]
Numbers = dict[str, float]

WINDOWS = {"fast": 0.004, "middle": 0.010, "slow": 0.025}  # seconds of one spectrum
TURN = 0.00025  # seconds: the advance of the phase over so long, against that over the next, for symbols under a window
QUICKEST = 3000.0  # symbols a second
MOST_TURNS = 1 << 15  # samples that are looked at for those
STEPS = 5  # spectra in one window's time
SLOWEST = 14.0  # symbols a second: slower clocks are those of music
MOST_SYMBOLS = 2000
MOST_FRAMES = 1000
TONES = 6  # bins: of two tones at a time
NAMES = (
    *("line", "rate", "second", "still", "split", "changed", "repeats", "words"),
    *("pure_50", "pure_90", "lines", "spread", "silent", "on_lines"),
)
NOTHING = dict.fromkeys(NAMES, 0.0)


def describe_clock(signal: Complex, rate: float) -> Numbers:
    """`NAMES` for each of `WINDOWS`, of a one-sided signal at `rate` Hz."""
    numbers: Numbers = {}
    for name, seconds in WINDOWS.items():
        found = _describe(signal, rate, seconds)
        numbers |= {f"{name}_{key}": found[key] for key in NAMES}
    return numbers


def _describe(signal: Complex, rate: float, seconds: float) -> Numbers:
    size = max(8, int(seconds * rate))
    hop = max(1, size // STEPS)
    if len(signal) < 40 * size:
        return NOTHING
    frames = np.lib.stride_tricks.sliding_window_view(signal, size)[::hop]
    spectra = np.abs(scipy.fft.fft(frames * np.hanning(size + 2)[1:-1].astype(np.float32), axis=1))[:, : size // 2]
    power = spectra**2
    total = power.sum(axis=1)
    if not total.any():
        return NOTHING
    change = _change(spectra, total)
    clock = rate / hop
    return _describe_clock(change, clock, seconds) | _describe_tones(power, total)


def describe_turns(signal: Complex, rate: float) -> Numbers:
    """The clock's `NAMES` for symbols too short for any window, from how the phase's advance changes.

    A tone that stays turns evenly; a symbol's edge breaks that in any keying.
    """
    reach = max(2, round(TURN * rate))
    signal = signal[:MOST_TURNS]
    if len(signal) < 400 * reach:
        return NOTHING
    turns = signal[reach:] * np.conj(signal[:-reach])
    power = signal.real**2 + signal.imag**2
    level = smooth(power, 8 * reach)[reach:-reach]
    if not level.any():
        return NOTHING
    change = np.abs(turns[reach:] - turns[:-reach]) / (level + 1e-3 * float(level.mean()))
    return _describe_clock(np.asarray(change, np.float64), rate, 0.9 / QUICKEST)


def _change(spectra: NDArray[np.floating], total: NDArray[np.floating]) -> Real:
    """How much of the spectrum is another one `STEPS` frames later, 0..1."""
    before, after = spectra[:-STEPS], spectra[STEPS:]
    louder = np.maximum(total[:-STEPS], total[STEPS:]) + 1e-3 * float(np.quantile(total, 0.9)) + 1e-12
    return np.asarray(np.square(after - before).sum(axis=1) / louder, np.float64)


def _describe_clock(change: Real, clock: float, seconds: float) -> Numbers:
    """The sharpest line of the change's spectrum, and what changes at and between its beats."""
    centred = change - change.mean()
    size = scipy.fft.next_fast_len(2 * len(centred), real=True)
    spectrum = np.abs(scipy.fft.rfft(centred * np.hanning(len(centred)), size))
    hertz = clock / size
    first, last = int(SLOWEST / hertz), min(len(spectrum), int(0.9 / seconds / hertz))
    if last - first < 32:
        return NOTHING
    part = spectrum[first:last]
    local = np.median(part) + 1e-12
    best = first + int(part.argmax())
    double = spectrum[2 * best - 3 : 2 * best + 4].max() if 2 * best + 4 < len(spectrum) else 0.0
    period = clock / (best * hertz)
    beats = np.arange(0, len(change) - period, period)[:MOST_SYMBOLS]
    phases = np.array([change[(beats + shift * period).astype(np.int64)].mean() for shift in np.linspace(0, 0.9, 10)])
    at = int(phases.argmax())
    edges = change[np.minimum(beats + at * period / 10, len(change) - 1).astype(np.int64)]
    middles = change[np.minimum(beats + (at + 5) % 10 * period / 10, len(change) - 1).astype(np.int64)]
    explained, threshold = two_valued(edges)
    changed = edges > threshold
    gaps = np.diff(np.flatnonzero(changed))
    return NOTHING | {
        "line": float(np.log2(spectrum[best] / local)),
        "rate": float(np.log2(best * hertz)),
        "second": float(np.log2(double / local + 1)),
        "still": float(1 - np.median(middles) / (edges.mean() + 1e-9)),
        "split": float(explained),
        "changed": float(changed.mean()),
        "repeats": repetition(np.minimum(gaps, 12)) if len(gaps) > 8 else 1.0,
        "words": _entropy(np.bincount(np.minimum(gaps, 12))) if len(gaps) else 0.0,
    }


def _describe_tones(power: NDArray[np.floating], total: NDArray[np.floating]) -> Numbers:
    """How few tones there are at a time, and in all."""
    loud = total > 0.1 * float(np.quantile(total, 0.9))
    frames = power[loud]
    frames = frames[:: max(1, len(frames) // MOST_FRAMES)]
    strongest = min(TONES, frames.shape[1])
    pure = np.partition(frames, -strongest, axis=1)[:, -strongest:].sum(axis=1) / (frames.sum(axis=1) + 1e-12)
    mean = frames.mean(axis=0)
    falling = np.sort(mean)[::-1]
    needed = int(np.searchsorted(np.cumsum(falling), 0.9 * falling.sum())) + 1
    return {
        "pure_50": float(np.median(pure)),
        "pure_90": float(np.quantile(pure, 0.1)),
        "lines": float(np.log2(needed)),
        "spread": _entropy(np.bincount(frames.argmax(axis=1))),
        "silent": float(1 - loud.mean()),
        "on_lines": float(needed / len(mean)),
    }


def _entropy(counts: NDArray[np.integer]) -> float:
    share = counts[counts > 0] / max(1, counts.sum())
    return float(-(share @ np.log2(share)))
