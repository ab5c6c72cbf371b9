"""What windows of one length are like as waveforms: how predictable, how white, how steady, how they fade.

Each function takes windows less their means, or their spectra, one window a row, and measures all of them at once.

Source: linear prediction by the recursion of Levinson and Durbin, as in any textbook on speech.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

SEGMENT = 512  # frames of one short-time spectrum
BANDS = 32
BLOCK = 128
ORDER = 24  # of the linear prediction
ENVELOPE, FADE, EVENLY = 8, 8.0, 0.65  # blocks of a window, dB, share of the level's variance that a line explains
LINES = 0.01  # noise has 0.056 of its power there, whatever its length

Windows = NDArray[np.float64]


def band_levels(spectra: Windows) -> Windows:
    """Mean power of `BANDS` equal bands, in dB."""
    edges = np.linspace(1, spectra.shape[1], BANDS + 1).astype(int)
    sums = np.add.reduceat(spectra, edges[:-1], axis=1) / np.maximum(np.diff(edges), 1)
    return np.asarray(10 * np.log10(sums + 1e-18))


def short_time_power(centred: Windows) -> Windows:
    """Mean power spectra of Hann-weighted segments, half overlapping; shape (windows, SEGMENT // 2 + 1)."""
    size = min(SEGMENT, centred.shape[1])
    segments = np.lib.stride_tricks.sliding_window_view(centred, size, axis=1)[:, :: size // 2]
    hann = np.hanning(size + 1)[:size]
    spectra = scipy.fft.rfft(segments * (hann / np.sqrt(np.sum(hann**2))), axis=2)
    return np.asarray((spectra.real**2 + spectra.imag**2).mean(axis=1))


def prediction(spectra: Windows) -> tuple[Windows, Windows]:
    """Prediction gains in dB at orders 1 to `ORDER` and the last order's error filters, by Levinson-Durbin."""
    correlation = scipy.fft.irfft(spectra, axis=1)[:, : ORDER + 1]
    correlation[:, 0] = correlation[:, 0] * (1 + 1e-9) + 1e-12
    power = correlation[:, 0].copy()
    filters = np.zeros((len(spectra), ORDER + 1))
    filters[:, 0] = 1.0
    gains = np.zeros((len(spectra), ORDER))
    for order in range(1, ORDER + 1):
        reflection = -np.einsum("wk,wk->w", filters[:, :order], correlation[:, order:0:-1]) / power
        filters[:, 1 : order + 1] += reflection[:, None] * filters[:, order - 1 :: -1][:, :order]
        power *= np.maximum(1 - reflection**2, 1e-12)
        gains[:, order - 1] = 10 * np.log10(correlation[:, 0] / power)
    return gains, filters


def residuals(centred: Windows, filters: Windows) -> Windows:
    """Prediction errors: the windows filtered by their own error filters, less the first `ORDER` samples."""
    size = scipy.fft.next_fast_len(centred.shape[1] + ORDER, real=True)
    product = scipy.fft.rfft(centred, size, axis=1) * scipy.fft.rfft(filters, size, axis=1)
    return np.asarray(scipy.fft.irfft(product, size, axis=1)[:, ORDER : centred.shape[1]])


def flatness(spectra: Windows) -> NDArray[np.float64]:
    """Geometric over arithmetic mean of the power spectrum, dB."""
    power = spectra[:, 1:-1] + 1e-12
    return np.asarray(10 * (np.log10(power).mean(axis=1) - np.log10(power.mean(axis=1))))


def lag1(centred: Windows) -> NDArray[np.float64]:
    """Correlation of neighbouring samples."""
    return np.asarray((centred[:, 1:] * centred[:, :-1]).sum(axis=1) / ((centred**2).sum(axis=1) + 1e-12))


def moment(centred: Windows, order: int) -> NDArray[np.float64]:
    """Standardised central moment: 3 = skewness, 4 = kurtosis (3 for noise that is Gaussian)."""
    square = centred * centred
    mean_square = square.mean(axis=1) + 1e-12
    powers = np.einsum("wn,wn->w", square, square if order == 4 else centred) / centred.shape[1]
    return np.asarray(np.clip(powers / mean_square ** (order / 2), -50, 50))


def high_layer(centred: Windows) -> Windows:
    """Six of `windows.FEATURES`: what the spectrum's upper half holds, and whether it follows the rest."""
    high = np.diff(centred, n=4, axis=1)
    count = max(1, high.shape[1] // BLOCK)
    size = min(BLOCK, high.shape[1])
    blocks = high[:, : count * size].reshape(len(high), count, size)
    own = centred[:, : count * size].reshape(len(high), count, size)
    level, own_level = _level(blocks), _level(own)
    low, middle = np.quantile(level, (0.1, 0.5), axis=1)
    a, b = level - level.mean(axis=1, keepdims=True), own_level - own_level.mean(axis=1, keepdims=True)
    follows = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1) + 1e-9)
    share = 10 * np.log10(((high**2).mean(axis=1) + 1e-18) / ((centred**2).mean(axis=1) + 1e-18) / 70)
    return np.stack([moment(high, 4), moment(high, 3), share, level.std(axis=1), middle - low, follows], axis=1)


def unsteadiness(centred: Windows) -> NDArray[np.float64]:
    """Standard deviation of the level over blocks of `BLOCK` samples, dB."""
    size = min(BLOCK, centred.shape[1])
    count = centred.shape[1] // size
    blocks = centred[:, : count * size].reshape(len(centred), count, size)
    return np.asarray(_level(blocks).std(axis=1))


def _level(blocks: NDArray[np.float64]) -> Windows:
    """Power of blocks, shape (windows, blocks, samples), in dB."""
    return np.asarray(10 * np.log10((blocks**2).mean(axis=2) + 1e-18))


def line_share(centred: Windows) -> NDArray[np.float64]:
    """Power of the strongest `LINES` of the Hann-weighted window's spectrum over all of it, dB."""
    count = centred.shape[1]
    spectra = scipy.fft.rfft(centred.astype(np.float32) * np.hanning(count).astype(np.float32), axis=1)
    power = spectra.real**2 + spectra.imag**2
    lines = max(4, round(LINES * power.shape[1]))
    strongest = np.partition(power, power.shape[1] - lines, axis=1)[:, -lines:]
    return np.asarray(10 * np.log10((strongest.sum(axis=1) + 1e-18) / (power.sum(axis=1) + 1e-18)), np.float64)


def fade_evenly(centred: Windows) -> NDArray[np.bool_]:
    """Which windows' level falls along a line in dB, by `FADE` and more: bytes have no such envelope."""
    size = centred.shape[1] // ENVELOPE
    blocks = centred[:, : size * ENVELOPE].reshape(len(centred), ENVELOPE, size)
    level = 10 * np.log10((blocks**2).mean(axis=2) + 1e-9)
    time = np.arange(ENVELOPE) - (ENVELOPE - 1) / 2
    slope = (level @ time) / (time @ time)
    spread = level.var(axis=1) * ENVELOPE + 1e-9
    explained = slope**2 * (time @ time) / spread
    return np.asarray((slope * ENVELOPE < -FADE) & (explained > EVENLY))
