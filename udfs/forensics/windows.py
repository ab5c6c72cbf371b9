"""Cut a signal into windows and measure each: is this second of this channel sound?

Sound is predictable from its past, moves through neighbouring values, and its high bits are slower than its low ones.
Bytes written as samples are none of these: every byte of a sample is drawn from the same distribution, whichever
value comes next is as likely far away as near, and values that the file never used have used neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.entropy import corrected_entropy
from udfs.forensics.lattice import fit_lattice
from udfs.forensics.signal import Signal
from udfs.forensics.waveform import (
    Windows,
    band_levels,
    fade_evenly,
    flatness,
    high_layer,
    lag1,
    line_share,
    moment,
    prediction,
    residuals,
    short_time_power,
    unsteadiness,
)

WINDOW = 8192  # frames at most; shorter clips are one window
LEAST_FRAMES = 512  # a shorter track cannot be measured
MEASURED_WHOLE = 8  # windows; a track of no more is measured without a gap
MAX_WINDOWS = 240  # a channel

FEATURES = (
    "gain2_db",  # linear-prediction gain, order 2: how far neighbours tell a sample
    "gain24_db",  # the same, order 24
    "flatness_db",  # spectral flatness: 0 for white
    "lag1",  # correlation of neighbouring samples
    "kurtosis",
    "residual_kurtosis",  # of the prediction error
    "residual_skew",
    "plane_divergence",  # Jensen-Shannon divergence between the bytes of a sample, bits; -1 for 8 bits and fewer
    "high_entropy",  # entropy of the highest byte, bits
    "low_entropy",
    "levels_log2",  # log2 of the lattice's levels; 16 where the samples lie on none
    "used_levels",  # share of the lattice's levels that occur
    "roughness",  # bits a sample that the own histogram gains over itself smoothed
    "uniformity",  # divergence of the values' histogram from flat over their range, bits
    "repeats",  # share of samples equal to the one before
    "zeros",
    "crest_db",  # peak to root mean square
    "peak",  # of full scale
    "difference_roughness",  # roughness of sample-to-sample differences
    "bimodality",  # share of samples at the two commonest values
    "active",  # share of samples that differ from the commonest value
    "high_kurtosis",  # of fourth differences, which leave little but the spectrum's upper half
    "high_skew",
    "high_share_db",  # power of fourth differences over the signal's own
    "high_unsteadiness_db",  # spread of that power over blocks of `waveform.BLOCK` samples
    "high_drop_db",  # its tenth percentile under its median
    "high_follows",  # correlation with the power of the signal's own blocks
    "unsteadiness_db",  # spread of the level over blocks of `waveform.BLOCK` samples
    "residual_unsteadiness_db",  # the same of the prediction error: bytes of one kind are as loud all the time
    "line_share_db",  # power of the whole window's strongest `waveform.LINES` of a spectrum, over all
    "at_both_ends",  # share of samples at the window's lowest value or at its highest, whichever is less: clipping
    "at_an_end",  # whichever is more
    "gain_line",  # log2 of standard deviations by which the values' histogram has a period, as a gain gives it; 16 bits
)
HIGH = FEATURES.index("high_kurtosis")
EVEN_KURTOSIS, EVEN_LAG = 2.3, 0.2  # of windows that are even over their range and white, as bytes and some noises are
SMOOTH = 0.02  # periods a step of the format, under which the values' distribution itself has power


@dataclass(frozen=True)
class Measured:
    """Windows of one channel.

    Where they begin and how long they are (frames), their `FEATURES` (windows, features), the power of equal
    bands (windows, `waveform.BANDS`) in dB of full scale, and which of them fade evenly, as struck and blown things do.
    """

    channel: int
    starts: NDArray[np.int64]
    length: int
    features: NDArray[np.float64]
    bands: NDArray[np.float64]
    fades: NDArray[np.bool_]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Windows that hold enough different values to be told: digital silence is neither sound nor data."""
        return np.asarray(self.features[:, FEATURES.index("active")] > 0.02)

    def joined(self, others: Measured) -> Measured:
        """These windows and others of the same channel and length, in the order of time."""
        starts = np.concatenate([self.starts, others.starts])
        order = np.argsort(starts)
        return Measured(
            self.channel,
            starts[order],
            self.length,
            np.concatenate([self.features, others.features])[order],
            np.concatenate([self.bands, others.bands])[order],
            np.concatenate([self.fades, others.fades])[order],
        )


def choose(column: NDArray[np.generic], sample_rate: int) -> tuple[NDArray[np.int64], int]:
    """Where windows begin and how long they are: of each second the one whose samples tell least of their neighbours.

    A payload of a quarter of a second is found that way without measuring everything; short clips are measured whole.
    """
    length = min(WINDOW, len(column))
    count = len(column) // length
    if count <= MEASURED_WHOLE:
        return np.linspace(0, len(column) - length, count).astype(np.int64), length
    order = [abs(neighbour_correlation(column[i * length : (i + 1) * length])) for i in range(count)]
    groups = min(count, MAX_WINDOWS, max(MEASURED_WHOLE, round(len(column) / sample_rate)))
    edges = np.linspace(0, count, groups + 1).astype(int)
    starts = [a + int(np.argmin(order[a:b])) for a, b in pairwise(edges)]
    return np.array(starts, np.int64) * length, length


def neighbour_correlation(window: NDArray[np.generic]) -> float:
    """Correlation of neighbouring samples; 1 for silence, which has nothing to tell."""
    values = window.astype(np.float32)
    values -= values.mean()
    power = float(values @ values)
    return float(values[1:] @ values[:-1]) / power if power > 0 else 1.0


def measure_channel(signal: Signal, channel: int) -> Measured:
    """Measure the windows of one channel."""
    return measure_windows(signal, channel, *choose(signal.values[:, channel], signal.sample_rate))


def measure_windows(signal: Signal, channel: int, starts: NDArray[np.int64], length: int) -> Measured:
    """Measure the windows of one channel that begin at `starts` and are `length` frames long."""
    column = signal.values[:, channel]
    raw = np.stack([column[start : start + length] for start in starts])
    windows = raw.astype(np.float64)
    scale = float(np.abs(windows).max()) + 1e-300
    windows /= scale  # raw bytes read as floats reach 1e38, whose fourth power is no number
    centred = windows - windows.mean(axis=1, keepdims=True)
    spectra = short_time_power(centred)
    gains, coefficients = prediction(spectra)
    features = np.empty((len(raw), len(FEATURES)))
    features[:, 0], features[:, 1] = gains[:, 1], gains[:, -1]
    features[:, 2] = flatness(spectra)
    features[:, 3] = lag1(centred)
    features[:, 4] = moment(centred, 4)
    error = residuals(centred, coefficients)
    features[:, 5], features[:, 6] = moment(error, 4), moment(error, 3)
    for i, window in enumerate(raw):
        features[i, 7:10] = byte_planes(window, signal)
        features[i, 10:HIGH] = distribution(window, signal)
    even = (features[:, 4] < EVEN_KURTOSIS) & (np.abs(features[:, 3]) < EVEN_LAG) & (signal.bits == 16)
    features[:, HIGH:] = np.column_stack(
        [
            high_layer(centred),
            unsteadiness(centred),
            unsteadiness(error),
            line_share(centred),
            at_ends(raw),
            [gain_line(window) if flat else 0.0 for window, flat in zip(raw, even, strict=True)],
        ]
    )
    np.nan_to_num(features, copy=False, nan=0.0, posinf=99.0, neginf=-99.0)
    bands = band_levels(spectra) + 20 * np.log10(scale / signal.full_scale)
    return Measured(channel, starts, length, features, bands, fade_evenly(centred))


def at_ends(raw: NDArray[np.generic]) -> NDArray[np.float64]:
    """Shares of samples at the window's lowest and highest value, the lesser and the greater; shape (windows, 2)."""
    ends = (raw.min(axis=1, keepdims=True), raw.max(axis=1, keepdims=True))
    return np.sort(np.stack([(raw == end).mean(axis=1) for end in ends], axis=1), axis=1)


def gain_line(window: NDArray[np.generic]) -> float:
    """How clearly values have gaps or doubles at even distances, as 16-bit values have behind a gain, rounded again.

    Noise that was made at some level has none; so of two noises that are as even as bytes, this is the one that was
    integers before. Given as log2(1 + standard deviations) of the clearest line in the spectrum of the histogram.
    """
    counts = np.bincount(window.astype(np.int32) + 32768, minlength=65536).astype(np.float32)
    lines = np.abs(scipy.fft.rfft(counts))[int(SMOOTH * 65536) :]
    return float(np.log2(1 + lines.max() / np.sqrt(len(window))))


def byte_planes(window: NDArray[np.generic], signal: Signal) -> tuple[float, float, float]:
    """Divergence between a sample's highest and lowest byte, and their entropies; all in bits."""
    if signal.bits and signal.bits <= 8:
        return -1.0, 8.0, 8.0
    if signal.bits:
        width = (signal.bits + 7) // 8
        planes = window.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width]
    else:
        planes = window.astype("<f4").view(np.uint8).reshape(-1, 4)
    low, high = (np.bincount(planes[:, column], minlength=256) for column in (0, -1))
    low_entropy, high_entropy = corrected_entropy(low), corrected_entropy(high)
    divergence = corrected_entropy(low + high) - (low_entropy + high_entropy) / 2
    return max(0.0, divergence), high_entropy, low_entropy


def distribution(window: NDArray[np.generic], signal: Signal) -> tuple[float, ...]:
    """Eleven of `FEATURES`, those before `HIGH`: what values occur, and how often."""
    values = window.astype(np.float64)
    distinct, counts = np.unique(window, return_counts=True)
    distinct = distinct.astype(np.float64)
    total, span = len(values), float(distinct[-1] - distinct[0])
    step = fit_lattice(distinct, signal.quantum)
    levels = np.rint((values - distinct[0]) / step) if step else None
    peak = float(np.abs(values).max())
    order = np.sort(counts)
    count = float(levels.max() + 1) if levels is not None else 65536.0
    change = np.diff(levels) if levels is not None else np.zeros(1)
    return (
        float(np.log2(count)),
        len(distinct) / min(count, total),
        _roughness(levels) if levels is not None else _rank_roughness(counts, total),
        _uniformity(values, distinct[0], span),
        float(np.mean(np.diff(values) == 0)) if total > 1 else 0.0,
        float(np.mean(values == 0)),
        20 * np.log10((peak + 1e-12) / (np.sqrt(np.mean(values**2)) + 1e-12)),
        peak / signal.full_scale,
        _roughness(change - change.min()) if len(change) else 0.0,
        float(order[-2:].sum() / total),
        1 - float(order[-1] / total),
    )


def _rank_roughness(counts: NDArray[np.integer], total: int) -> float:
    """For fine lattices: bits by which repeated values are commoner than in a continuous distribution."""
    return float(max(0.0, np.log2(total) - corrected_entropy(counts)))


def _roughness(levels: Windows) -> float:
    counts = np.bincount(levels.astype(np.int64)).astype(np.float64)
    if len(counts) < 3:
        return 0.0
    reach = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (reach / 2.0) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), mode="full")[6:-6]
    used = counts > 0
    smooth *= counts.sum() / smooth.sum()
    bits = float(counts[used] @ np.log2(counts[used] / smooth[used]) / counts.sum())
    return float(bits - used.sum() / (2 * np.log(2) * counts.sum()))


def _uniformity(values: Windows, lowest: float, span: float) -> float:
    if span <= 0:
        return 5.0
    counts = np.bincount(np.minimum((values - lowest) * (32 / span), 31).astype(np.int64), minlength=32)
    return max(0.0, 5.0 - corrected_entropy(counts))
