"""Measure what lies under a sound: is there a layer that is there all the time, at every frequency, and no music?

Bytes written as samples are white, reach to the last hertz under half the sample rate, where music decoded from a
lossy file and converters leave nothing, do not follow the music's level, and are not Gaussian. Each number here is one
of those properties, taken where the sound leaves most room: in the spectrum's top, in its quiet moments, and in the
sound whitened. None proves anything alone; `udfs.forensics.mixture` weighs them together.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.smoothing import running_mean

Real = NDArray[np.float32]
Numbers = dict[str, float]

PART = 1 << 15  # samples that are whitened together
PARTS = 8  # spread over the track
FRAME = 1024
LEAST_FRAMES = 16
BLOCK = 128  # samples over which whitened sound is normalised
SMOOTHING = 128  # bins of a part's spectrum on either side that say how loud the sound is there
STEADY = (0.45, 0.75)  # log of the mean less mean of the log of a power: Euler's 0.577 for steady noise
TOPS = {"half": 2, "quarter": 4, "eighth": 8, "sixteenth": 16}  # of the spectrum, counted from its upper end
WHITENED = {"all": 0.0, "high": 0.5, "top": 0.8}  # lower edges of bands of the whitened sound, of half the rate

_BINS = (
    *("unrest_least", "unrest_10", "unrest_50", "unrest_quarter", "unrest_eighth", "unrest_edge"),
    *("steady_share", "steady_level", "steady_flat", "edge", "slope", "hole"),
)
_TOP = (
    *("low", "level", "spread", "span", "drop", "follows", "jumps"),
    *("white_10", "white_50", "white_90"),
)
_FLOOR = ("floor_flat", "floor_top_flat", "floor_level", "floor_gap")
_VALUES = (
    *("kurtosis_10", "kurtosis_50", "kurtosis_90", "kurtosis", "quiet_kurtosis", "skew", "quiet_skew"),
    *("unsteady", "drop"),
)
NAMES = (
    *_BINS,
    *(f"{top}_{name}" for top in TOPS for name in _TOP),
    *_FLOOR,
    *(f"{band}_{name}" for band in WHITENED for name in _VALUES),
)


def cut_parts(column: NDArray[np.generic], scale: float) -> Real:
    """Up to `PARTS` stretches of equal length spread over a channel, shape (parts, samples), in units of 1/32768."""
    length = min(PART, len(column))
    count = max(1, min(PARTS, len(column) // length))
    starts = np.linspace(0, len(column) - length, count).astype(np.int64)
    parts = np.stack([column[start : start + length] for start in starts]).astype(np.float32)
    return np.asarray(parts * np.float32(32768 / scale))


def describe_layer(parts: Real) -> Numbers | None:
    """`NAMES` and what they are; None for sound too short or too silent to tell."""
    frames = np.ascontiguousarray(parts[:, : parts.shape[1] // FRAME * FRAME]).reshape(-1, FRAME)
    if len(frames) < LEAST_FRAMES:
        return None
    power = _power(frames - frames.mean(axis=1, keepdims=True))
    total = power.mean(axis=1)
    active = total > total.mean() * 1e-3
    if int(active.sum()) < LEAST_FRAMES or total.mean() < 0.05:
        return None
    numbers = _describe_bins(power[active]) | _describe_tops(power[active]) | _describe_floor(power[active])
    for name, signal in _whiten(parts - parts.mean(axis=1, keepdims=True)).items():
        numbers |= {f"{name}_{key}": value for key, value in _describe_values(signal).items()}
    return numbers


def _power(frames: Real) -> Real:
    """Power spectra of Hann-weighted frames, the lowest bins and the last one left out."""
    spectra = scipy.fft.rfft(frames * np.hanning(FRAME + 1)[:FRAME].astype(np.float32), axis=1)[:, 4:-1]
    return np.asarray((spectra.real**2 + spectra.imag**2) / (FRAME * 0.375) + 1e-3, np.float32)


def _decibels(power: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(10 * np.log10(power))


def _describe_bins(power: Real) -> Numbers:
    """How steady each frequency is, and how loud those are that are as steady as noise."""
    mean, logarithms = power.mean(axis=0), np.log(power).mean(axis=0)
    unrest = np.log(mean) - logarithms
    count = len(mean)
    level = _decibels(mean / mean.mean())
    steady = (unrest > STEADY[0]) & (unrest < STEADY[1])
    enough = int(steady.sum()) > 8
    return {
        "unrest_least": float(np.quantile(unrest, 0.02)),
        "unrest_10": float(np.quantile(unrest, 0.1)),
        "unrest_50": float(np.median(unrest)),
        "unrest_quarter": float(unrest[-count // 4 :].mean()),
        "unrest_eighth": float(unrest[-count // 8 :].mean()),
        "unrest_edge": float(unrest[-count // 32 :].mean()),
        "steady_share": float(steady.mean()),
        "steady_level": float(np.median(level[steady])) if enough else -120.0,
        "steady_flat": float(level[steady].std()) if enough else 20.0,
        "edge": float(level[-count // 64 :].mean() - level[-count // 8 : -count // 64].mean()),
        "slope": float(level[-count // 32 :].mean() - level[-count // 4 : -count // 8].mean()),
        "hole": float(level[-count // 8 :].mean() - level.min()),
    }


def _describe_tops(power: Real) -> Numbers:
    """The upper ends of the spectrum: how loud against the whole, how steady, how white in each moment."""
    total = _decibels(power.mean(axis=1))
    centred = total - total.mean()
    whole = float(_decibels(power.mean()))
    numbers: Numbers = {}
    for name, share in TOPS.items():
        top = power[:, -power.shape[1] // share :]
        mean = top.mean(axis=1)
        level = _decibels(mean)
        low, least, middle, high = np.quantile(level, (0.1, 0.02, 0.5, 0.9))
        white = np.quantile(np.log(mean) - np.log(top).mean(axis=1), (0.1, 0.5, 0.9))
        numbers |= {
            f"{name}_low": float(low - total.mean()),
            f"{name}_level": float(middle - whole),
            f"{name}_spread": float(level.std()),
            f"{name}_span": float(high - low),
            f"{name}_drop": float(middle - least),
            f"{name}_follows": float(centred @ (level - level.mean()) / (centred @ centred + 0.3 * len(total))),
            f"{name}_jumps": float(np.diff(level).std()),
            f"{name}_white_10": float(white[0]),
            f"{name}_white_50": float(white[1]),
            f"{name}_white_90": float(white[2]),
        }
    return numbers


def _describe_floor(power: Real) -> Numbers:
    """The spectrum of the quietest moments, in sixteen bands."""
    edges = np.linspace(0, power.shape[1], 17).astype(int)
    bands = _decibels(np.add.reduceat(power, edges[:-1], axis=1) / np.diff(edges))
    floor, middle = np.quantile(bands, (0.05, 0.5), axis=0)
    lowest = np.sort(floor)
    return {
        "floor_flat": float(lowest[:8].std()),
        "floor_top_flat": float(floor[8:].std()),
        "floor_level": float(lowest[:4].mean() - _decibels(power.mean())),
        "floor_gap": float(np.median(np.sort(middle)[:4]) - np.median(lowest[:4])),
    }


def _whiten(parts: Real) -> dict[str, Real]:
    """The sound with its spectrum made flat, whole and in two upper bands; each of shape (blocks, `BLOCK`)."""
    spectra = scipy.fft.rfft(parts, axis=1)
    power = spectra.real**2 + spectra.imag**2
    count = power.shape[1]
    smooth = running_mean(power, SMOOTHING)
    smooth += power.mean(axis=1, keepdims=True) * 1e-9 + 1e-6
    spectra /= np.sqrt(smooth).astype(np.float32)
    found = {}
    for name, edge in WHITENED.items():
        spectra[:, : int(count * edge)] = 0
        signal = scipy.fft.irfft(spectra, parts.shape[1], axis=1)
        whole = parts.shape[1] // BLOCK * BLOCK
        found[name] = np.ascontiguousarray(signal[:, :whole]).reshape(-1, BLOCK)
    return found


def _describe_values(blocks: Real) -> Numbers:
    """Are the values of whitened sound Gaussian, over all, in each block, and in quiet blocks?"""
    power = np.einsum("bn,bn->b", blocks, blocks) / BLOCK
    local = np.convolve(power, np.full(5, 0.2, np.float32), "same") + np.float32(1e-12)
    scaled = blocks / np.sqrt(local)[:, None]
    square = scaled * scaled
    second, third, fourth = square.mean(axis=1), np.einsum("bn,bn->b", square, scaled) / BLOCK, (square**2).mean(axis=1)
    kurtosis = np.quantile(fourth / (second**2 + 1e-9), (0.1, 0.5, 0.9))
    order = np.argsort(power)
    quiet = order[len(order) // 20 : max(len(order) // 3, len(order) // 20 + 1)]
    logarithms = np.log(power + 1e-12)
    return {
        "kurtosis_10": float(kurtosis[0]),
        "kurtosis_50": float(kurtosis[1]),
        "kurtosis_90": float(kurtosis[2]),
        "kurtosis": _kurtosis(second, fourth),
        "quiet_kurtosis": _kurtosis(second[quiet], fourth[quiet]),
        "skew": _skew(second, third),
        "quiet_skew": _skew(second[quiet], third[quiet]),
        "unsteady": float(logarithms.std()),
        "drop": float(np.median(logarithms) - np.quantile(logarithms, 0.05)),
    }


def _kurtosis(second: Real, fourth: Real) -> float:
    return float(min(30.0, fourth.mean() / (second.mean() ** 2 + 1e-12)))


def _skew(second: Real, third: Real) -> float:
    return float(min(9.0, abs(third.mean()) / (second.mean() ** 1.5 + 1e-12)))
