"""Many-tone modems: DTMF pairs, one of M tones at a time, many tones at once.

They hold a set of pure tones for a symbol's time and jump to another set. What sets them apart from a tune of pure
tones is the grid: modems space their tones evenly in hertz (or on the eight frequencies of the telephone's keypad),
instruments by equal ratios.

Source: ITU-T Q.23 for the keypad's frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.band import Band, Complex, Real
from udfs.forensics.keying import find_clock, repetition, smooth, two_valued

KEYPAD = np.array([697, 770, 852, 941, 1209, 1336, 1477, 1633], np.float64)
MIN_KEYS = 10
MIN_KEYPAD_SHARE = 0.5
MIN_TONES = 7  # fewer can lie evenly by chance, and two to four are found as frequency-shift keying
MIN_FIT = 0.85
MERGED = 9.0  # Hz
MIN_SYMBOLS = 24  # more than any telephone number with its prefixes
MAX_TONES = 40
FRAME_SECONDS, HOP_SECONDS = 0.024, 0.008


@dataclass(frozen=True, slots=True)
class ToneGrid:
    """A many-tone modem: ``dtmf``, ``mfsk`` or ``multitone``.

    `tones` different ones (keys for DTMF), `symbols` seen, how well the tones lie on the grid (`fit`, 0..1), how well
    changes keep a clock (0..1), and the share of the symbols that a fixed pattern foretells.
    """

    kind: str
    tones: int
    symbols: int
    fit: float
    regularity: float
    repetition: float


def find_dtmf(band: Band) -> ToneGrid | None:
    """Pairs of keypad tones, one after the other, of more different keys than a telephone number has."""
    signal, rate = band.signal, band.rate
    size, hop = int(FRAME_SECONDS * rate), int(HOP_SECONDS * rate)
    if len(signal) < 8 * size or keypad_share(band) < MIN_KEYPAD_SHARE:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(signal, size)[::hop]
    power = (np.abs(frames) ** 2).mean(axis=1)
    active = power > 0.1 * np.quantile(power, 0.9)
    probes = np.exp(-2j * np.pi * np.outer(np.arange(size), KEYPAD) / rate)
    tones = np.abs(frames[active] @ probes) ** 2 / size**2
    low, high = tones[:, :4].argmax(axis=1), tones[:, 4:].argmax(axis=1)
    rows = np.arange(len(tones))
    pair = np.stack([tones[rows, low], tones[rows, 4 + high]], 1)
    clear = (pair.sum(axis=1) > 0.7 * power[active]) & (pair.min(axis=1) > 0.15 * pair.max(axis=1))
    keys = np.where(clear, 4 * low + high, -1)
    # A key counts where two frames in a row agree on it; a pause or another key begins the next symbol.
    steady = np.where((keys[1:] == keys[:-1]) & (keys[1:] >= 0), keys[1:], -1)
    sequence = steady[np.flatnonzero((steady[1:] != steady[:-1]) & (steady[1:] >= 0)) + 1]
    different = len(np.unique(sequence))
    # The fourth column is on no telephone that people dial.
    fourth = float((sequence % 4 == 3).mean()) if len(sequence) else 0.0
    if len(sequence) < MIN_SYMBOLS or (different < MIN_KEYS and (different < 4 or fourth < 0.05)):
        return None
    return ToneGrid("dtmf", different, len(sequence), float(clear.mean()), 1.0, repetition(sequence))


def keypad_share(band: Band) -> float:
    """Share of the power that lies within 30 Hz of the keypad's frequencies."""
    if band.above:
        return 0.0
    edges = ((KEYPAD[:, None] + (-30, 30)) / band.hertz).astype(int)
    near = sum(float(band.power[first:last].sum()) for first, last in edges)
    return near / (float(band.power.sum()) + 1e-12)


def find_mfsk(signal: Complex, rate: float) -> ToneGrid | None:
    """One of at least seven evenly spaced tones at a time, on a clock."""
    envelope = np.abs(signal)
    active = envelope > 0.4 * np.quantile(envelope[::8], 0.9)
    if active.mean() < 0.8:
        return None
    turns = signal[1:] * np.conj(signal[:-1])
    best = None
    for seconds in (0.002, 0.006, 0.02):
        width = max(2, int(seconds * rate))
        frequency = np.angle(smooth(turns, width)) * (rate / (2 * np.pi))
        tones, share = _steady_tones(frequency[active[1:]])
        if len(tones) < MIN_TONES or share < 0.6 or _even_spacing(tones) < MIN_FIT:
            continue
        nearest = np.searchsorted((tones[1:] + tones[:-1]) / 2, frequency)
        found = _one_at_a_time(nearest, tones, width)
        if found and (best is None or found.regularity > best.regularity):
            best = found
    return best


def _one_at_a_time(nearest: NDArray[np.integer], tones: Real, width: int) -> ToneGrid | None:
    """Judge a sequence of tones (their numbers, sample by sample) that changes pass through in `width` samples."""
    changes = np.flatnonzero(np.diff(nearest))
    if not len(changes):
        return None
    starts = changes[np.diff(changes, prepend=-10 * width) > 2 * width]
    clock = find_clock(starts, len(nearest))
    if clock is None or clock.period < 3 * width:
        return None
    middles = np.minimum(starts + int(clock.period / 2), len(nearest) - 1)
    sequence = nearest[middles]
    return ToneGrid("mfsk", len(tones), len(starts), _even_spacing(tones), clock.regularity, repetition(sequence))


def _steady_tones(frequency: Real) -> tuple[Real, float]:
    """Frequencies at which the signal rests, and the share of the time that it is at one of them."""
    low, high = np.quantile(frequency[::8], (0.005, 0.995))
    if high - low < 20:
        return np.empty(0), 0.0
    counts, edges = np.histogram(frequency, int(min(2000, (high - low) / 2)), (low - 4, high + 4))
    smooth = np.convolve(counts, np.hanning(9), "same")
    peaks = np.flatnonzero((smooth[1:-1] >= smooth[:-2]) & (smooth[1:-1] > smooth[2:])) + 1
    peaks = peaks[smooth[peaks] > 0.08 * smooth.max()]
    if len(peaks) > MAX_TONES:
        return np.empty(0), 0.0
    centres = (edges[1:] + edges[:-1]) / 2
    # Peaks that nearly touch are one tone; its frequency is their mean, weighted.
    groups = np.split(peaks, np.flatnonzero(np.diff(centres[peaks]) > MERGED) + 1)
    tones = np.array([np.average(centres[group], weights=smooth[group]) for group in groups])
    return tones, float(smooth[peaks].sum() / counts.sum())


def _even_spacing(tones: Real) -> float:
    """How well tones lie on a grid of equal steps in hertz, 0..1; 0 where a grid of equal ratios fits as well."""
    span = tones[-1] - tones[0]
    steps = span / np.arange(len(tones) - 1, min(64, 4 * len(tones)) + 1)
    phases = np.exp(2j * np.pi * (tones[:, None] - tones[0]) / steps)
    linear = float(np.abs(phases.mean(axis=0)).max())
    semitones = np.exp(2j * np.pi * 12 * np.log2(np.maximum(tones, 1.0)))
    return 0.0 if float(np.abs(semitones.mean())) > min(0.9, linear) else linear


def find_multitone(signal: Complex, rate: float) -> ToneGrid | None:
    """Several evenly spaced tones, each switched on and off by itself on one clock."""
    lines = _spectral_lines(signal, rate)
    if not 3 <= len(lines) <= MAX_TONES:
        return None
    spacing = float(np.min(np.diff(lines)))
    width = int(rate / spacing)
    if not 8 <= width <= rate * 0.03 or _even_spacing(lines) < 0.95:
        return None
    time = np.arange(len(signal), dtype=np.float32) / np.float32(rate)
    states, quality = [], []
    for line in lines:
        level = np.abs(smooth(signal * np.exp(np.complex64(-2j * np.pi * line) * time), width))
        explained, threshold = two_valued(level)
        states.append(level > threshold)
        quality.append(explained)
    switched = np.stack(states)
    changes = np.flatnonzero((switched[:, 1:] != switched[:, :-1]).any(axis=0))
    starts = changes[np.diff(changes, prepend=-10 * width) > width // 2] if len(changes) else changes
    clock = find_clock(starts, len(signal))
    together = np.abs(np.corrcoef(switched)[np.triu_indices(len(lines), 1)])
    if clock is None or np.isnan(together).any() or np.median(together) > 0.4:
        return None
    middles = np.minimum(starts + int(clock.period / 2), len(signal) - 1)
    words = np.packbits(switched[:, middles], axis=0)
    pattern = np.unique(words, axis=1, return_inverse=True)[1].reshape(-1)
    fit = float(np.median(quality))
    return ToneGrid("multitone", len(lines), len(starts), fit, clock.regularity, repetition(pattern))


def _spectral_lines(signal: Complex, rate: float) -> Real:
    """Frequencies of sharp, strong lines of the whole excerpt's spectrum, in Hz, ascending."""
    spectrum = np.abs(scipy.fft.fft(signal * np.hanning(len(signal)))) ** 2
    spectrum = spectrum[: len(spectrum) // 2]
    hertz = rate / len(signal)
    reach = max(2, int(20 / hertz))
    order = np.argsort(spectrum)[::-1][: 4 * MAX_TONES]
    lines: list[int] = []
    for at in order[spectrum[order] > 0.06 * spectrum[order[0]]]:
        if all(abs(at - line) > reach for line in lines):
            lines.append(int(at))
    return np.sort(np.array(lines)) * hertz
