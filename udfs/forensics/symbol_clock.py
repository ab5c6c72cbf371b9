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

from udfs.forensics.band import Complex
from udfs.forensics.entropy import entropy
from udfs.forensics.keying import Numbers, hann, part, repetition, smooth, two_valued

Curve = NDArray[np.float32]

WINDOWS = {"fast": 0.004, "middle": 0.010, "slow": 0.025}  # seconds of one spectrum
TURN = 0.00025  # seconds: the advance of the phase over so long, against that over the next, for symbols under a window
QUICKEST = 3000.0  # symbols a second
MOST_TURNS = 1 << 15  # samples that are looked at for those
STEPS = 5  # spectra in one window's time
SLOWEST = 7.0  # symbols a second
LEAST_BEATS = 32  # bins of the change's spectrum: twice as many as beats
MOST_SYMBOLS = 2000
MOST_FRAMES = 1000
TONES = 6  # bins: of two tones at a time
BEATS = ("line", "rate", "second", "still", "split", "changed", "repeats", "words")
SHAPE = ("pure_50", "pure_90", "lines", "spread", "silent", "on_lines", "box", "edge")
NAMES = (*BEATS, *SHAPE)
NOTHING = dict.fromkeys(NAMES, 0.0)


def describe_clock(sound: NDArray[np.float32], rate: float, window: str) -> Numbers:
    """`NAMES` by one of `WINDOWS`, of a sound at `rate` Hz; by the fast one also what the phases say (`BEATS`)."""
    return {f"{window}_{name}": value for name, value in _describe(sound, rate, window).items()}


def _describe(sound: NDArray[np.float32], rate: float, window: str) -> Numbers:
    seconds = WINDOWS[window]
    size = max(8, int(seconds * rate) // 2 * 2)
    hop = max(1, size // STEPS)
    if len(sound) < 40 * size:
        return NOTHING
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop]
    spectra = scipy.fft.rfft(frames * hann(size), axis=1)[:, : size // 2]
    power = spectra.real**2 + spectra.imag**2
    total = power.sum(axis=1)
    if not total.any():
        return NOTHING
    change = _change(np.sqrt(power), total)
    found = _describe_clock(change, rate / hop, seconds) | _describe_tones(power, total)
    if window != "fast":
        return found
    phases = _describe_clock(_turn(spectra, total), rate / hop, 0.6 * seconds)
    return found | {f"phase_{name}": value for name, value in phases.items()}


def describe_turns(signal: Complex, rate: float) -> Numbers:
    """The clock's `BEATS` for symbols too short for any window, from how the phase's advance changes.

    A tone that stays turns evenly; a symbol's edge breaks that in any keying.
    """
    reach = max(2, round(TURN * rate))
    if len(signal) < 400 * reach:
        return dict.fromkeys(BEATS, 0.0)
    turns = signal[reach:] * np.conj(signal[:-reach])
    power = signal.real**2 + signal.imag**2
    level = smooth(power, 8 * reach)[reach:-reach]
    if not level.any():
        return dict.fromkeys(BEATS, 0.0)
    change = np.abs(turns[reach:] - turns[:-reach]) / (level + 1e-3 * float(level.mean()))
    return _describe_clock(np.asarray(change, np.float32), rate, 0.9 / QUICKEST)


def _change(spectra: NDArray[np.floating], total: NDArray[np.floating]) -> Curve:
    """How much of the spectrum is another one `STEPS` frames later, 0..1."""
    before, after = total[:-STEPS], total[STEPS:]
    louder = np.maximum(before, after) + 1e-3 * part(total, 0.9) + 1e-12
    common = np.einsum("ij,ij->i", spectra[:-STEPS], spectra[STEPS:])
    return np.asarray(np.maximum(before + after - 2 * common, 0.0) / louder, np.float32)


def _turn(spectra: Complex, total: NDArray[np.floating]) -> Curve:
    """How much the phases' advance in each bin is another one from one frame to the next, as `_change` is."""
    advance = spectra[1:] * np.conj(spectra[:-1])
    lag = STEPS // 2
    change = np.abs(advance[lag:] - advance[:-lag]).sum(axis=1)
    middle = total[lag : len(change) + lag]
    return np.asarray(change / (middle + 1e-3 * part(total, 0.9) + 1e-12), np.float32)


def _describe_clock(change: Curve, clock: float, seconds: float) -> Numbers:
    """The sharpest line of the change's spectrum, and what changes at and between its beats."""
    centred = change - change.mean()
    size = scipy.fft.next_fast_len(2 * len(centred), real=True)
    spectrum = np.abs(scipy.fft.rfft(centred * hann(len(centred)), size))
    hertz = clock / size
    first, last = max(LEAST_BEATS, int(SLOWEST / hertz)), min(len(spectrum), int(0.9 / seconds / hertz))
    if last - first < 32:
        return dict.fromkeys(BEATS, 0.0)
    stretch = spectrum[first:last]
    local = part(stretch, 0.5) + 1e-12
    best = first + int(stretch.argmax())
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
    return {
        "line": float(np.log2(spectrum[best] / local)),
        "rate": float(np.log2(best * hertz)),
        "second": float(np.log2(double / local + 1)),
        "still": float(1 - part(middles, 0.5) / (edges.mean() + 1e-9)),
        "split": float(explained),
        "changed": float(changed.mean()),
        "repeats": repetition(np.minimum(gaps, 12)) if len(gaps) > 8 else 1.0,
        "words": entropy(np.bincount(np.minimum(gaps, 12))) if len(gaps) else 0.0,
    }


def _describe_tones(power: NDArray[np.floating], total: NDArray[np.floating]) -> Numbers:
    """How few tones there are at a time, and in all."""
    loud = total > 0.1 * part(total, 0.9)
    frames = power[loud]
    frames = frames[:: max(1, len(frames) // MOST_FRAMES)]
    strongest = min(TONES, frames.shape[1])
    pure = np.partition(frames, -strongest, axis=1)[:, -strongest:].sum(axis=1) / (frames.sum(axis=1) + 1e-12)
    mean = frames.mean(axis=0)
    falling = np.sort(mean)[::-1]
    needed = int(np.searchsorted(np.cumsum(falling), 0.9 * falling.sum())) + 1
    return {
        "pure_50": part(pure, 0.5),
        "pure_90": part(pure, 0.1),
        "lines": float(np.log2(needed)),
        "spread": entropy(np.bincount(frames.argmax(axis=1))),
        "silent": float(1 - loud.mean()),
        "on_lines": float(needed / len(mean)),
        "box": float(np.log2((falling[needed // 4] + 1e-12) / (falling[3 * needed // 4] + 1e-12))),
        "edge": float(np.log2(1 + np.searchsorted(np.cumsum(falling), 0.99 * falling.sum())) - np.log2(needed)),
    }
