"""Cut a sound into cells of time and frequency: how loud each is, and whether there is one level that none lies under.

A layer of bytes is as loud in the first quarter of a track as in the last, and at the lowest frequency as at the
highest, so wherever the music leaves a hole, the hole has the same depth. Music's own
holes are as deep as they happen to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

Real = NDArray[np.float32]
Spectra = NDArray[np.complex64]
Numbers = dict[str, float]

LONGEST = 1 << 18  # samples that are looked at
LEAST = 1 << 13
FRAME = 512
HOP = FRAME // 2
NEAR = 4  # frames and bins on either side that say how loud the sound is at a place
PATCH_FRAMES, PATCH_BINS = 8, 16  # whose power is averaged: known to half a decibel
LOWEST = 2  # bins that are left out
PARTS = 4  # of the time, and of the frequencies
LEAST_PATCHES = 4  # in time
WEIGHT_FLOOR = 0.02  # quantile of the levels under which nothing weighs more
BARE = 0.05  # quantile of the levels at which a layer may lie bare
NAMES = (
    *("hole_01", "hole_05", "hole_20", "hole_edge", "hole_wall", "hole_share"),
    *("hole_times", "hole_times_span", "hole_pitches", "hole_pitches_upper", "hole_both", "hole_both_least"),
)
NO_HOLES = dict.fromkeys(NAMES, 0.0)
_WINDOW = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME).astype(np.float32)


@dataclass(frozen=True)
class Cells:
    """A channel cut into cells.

    Parameters
    ----------
    values
        The middle of the channel without its mean, shape (samples,), in units of 1/32768.
    power
        Of each cell, shape (frames, bins); the lowest bins and the last are nothing.
    quiet
        The sound with each cell multiplied by `gain`, shape (samples,): quiet cells have the say.
    gain
        Shape (frames, bins): `level` over how loud the sound is around there.
    level
        Power of the quietest cells.
    """

    values: Real
    power: Real
    quiet: Real
    gain: Real
    level: float


def cut_channel(column: NDArray[np.generic], scale: float = 32768.0) -> Cells | None:
    """Cut up to `LONGEST` samples of a channel of that full scale; None for less than `LEAST`."""
    start = max(0, (len(column) - LONGEST) // 2)
    values = column[start : start + LONGEST].astype(np.float32) * np.float32(32768 / scale)
    values = values[: len(values) // HOP * HOP]
    if len(values) < LEAST:
        return None
    values -= values.mean()
    spectra = _transform(values)
    power = np.asarray(spectra.real**2 + spectra.imag**2)
    gain, level = _weigh(power)
    return Cells(values, power, _transform_back(spectra * gain), gain, level)


def _transform(values: Real) -> Spectra:
    """Spectra of half-overlapping frames, shape (frames, bins); the lowest bins and the last are nothing."""
    frames = np.lib.stride_tricks.sliding_window_view(values, FRAME)[::HOP]
    spectra = scipy.fft.rfft(frames * _WINDOW, axis=1)
    spectra[:, :LOWEST] = 0
    spectra[:, -1] = 0
    return np.asarray(spectra, np.complex64)


def _weigh(power: Real) -> tuple[Real, float]:
    """What to multiply each cell by so that what is quiet has the say, and the power of the quietest.

    That is the best filter for a white layer under a sound of known spectrum, moment by moment.
    """
    level = scipy.ndimage.uniform_filter(power, 2 * NEAR + 1, mode="nearest")
    sample = level[::4, LOWEST + NEAR : -NEAR - 1 : 4]  # a view: it rises with the level
    level += np.float32(0.5 * np.quantile(sample, WEIGHT_FLOOR) + 1e-3)
    bare = np.float32(np.quantile(sample, BARE))
    gain = bare / level
    gain[:, :LOWEST] = 0
    gain[:, -1] = 0
    return np.asarray(gain, np.float32), float(bare)


def _transform_back(spectra: Spectra) -> Real:
    frames = scipy.fft.irfft(spectra, FRAME, axis=1) * _WINDOW
    halves = np.zeros((len(frames) + 1, HOP), np.float32)
    halves[:-1] += frames[:, :HOP]
    halves[1:] += frames[:, HOP:]
    return halves.reshape(-1)


def describe_holes(power: Real) -> Numbers:
    """`NAMES` of the cells' power, shape (frames, bins): levels in dB of the quietest patches, and how they differ."""
    times = len(power) // PATCH_FRAMES
    if times < LEAST_PATCHES:
        return NO_HOLES
    used = power[: times * PATCH_FRAMES, PATCH_BINS // 2 : -PATCH_BINS // 2 - 1]
    bands = used.shape[1] // PATCH_BINS
    patches = used[:, : bands * PATCH_BINS].reshape(times, PATCH_FRAMES, bands, PATCH_BINS).mean(axis=(1, 3))
    patches = patches[patches.mean(axis=1) > 1e-3 * patches.mean()]  # silence has no hole
    if len(patches) < LEAST_PATCHES:
        return NO_HOLES
    level = 10 * np.log10(patches + 1e-3)
    whole = 10 * np.log10(patches.mean() + 1e-3)
    first, second, fifth, tenth, fifths = np.quantile(level, (0.01, 0.02, 0.05, 0.1, 0.2))
    quarters = [np.array_split(part, PARTS, axis=1) for part in np.array_split(level, PARTS)]
    both = np.array([[float(np.quantile(part, 0.1)) for part in row] for row in quarters])
    by_time, by_pitch = (np.quantile(level, 0.05, axis=axis) for axis in (1, 0))
    by_time = np.array([float(np.median(part)) for part in np.array_split(by_time, PARTS)])
    return {
        "hole_01": float(first - whole),
        "hole_05": float(fifth - whole),
        "hole_20": float(fifths - whole),
        "hole_edge": float(tenth - second),
        "hole_wall": float(fifth - first),
        "hole_share": float((np.abs(level - fifth) < 1).mean()),
        "hole_times": float(by_time.std()),
        "hole_times_span": float(np.ptp(by_time)),
        "hole_pitches": float(by_pitch.std()),
        "hole_pitches_upper": float(by_pitch[len(by_pitch) // 2 :].std()),
        "hole_both": float(both.std()),
        "hole_both_least": float(np.sort(both.reshape(-1))[: len(both) * 2].std()),
    }
