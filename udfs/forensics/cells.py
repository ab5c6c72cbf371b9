"""Cut a sound into cells of time and frequency: how loud each is, and whether there is one level that none lies under.

A layer of bytes is as loud in the first quarter of a track as in the last, and at the lowest frequency as at the
highest, so wherever the music leaves a hole, the hole has the same depth. Music's own
holes are as deep as they happen to be.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

Real = NDArray[np.float32]
Spectra = NDArray[np.complex64]
Numbers = dict[str, float]

FRAME = 512
HOP = FRAME // 2
NEAR = 4  # frames and bins on either side that say how loud the sound is at a place
PATCH_FRAMES, PATCH_BINS = 8, 16  # whose power is averaged: known to half a decibel
LOWEST = 2  # bins that are left out
PARTS = 4  # of the time, and of the frequencies
LEAST_PATCHES = 4  # in time
WEIGHT_FLOOR = 0.02  # quantile of the levels under which nothing weighs more
NAMES = (
    *("hole_01", "hole_05", "hole_20", "hole_edge", "hole_wall", "hole_share"),
    *("hole_times", "hole_times_span", "hole_pitches", "hole_pitches_upper", "hole_both", "hole_both_least"),
)
NO_HOLES = dict.fromkeys(NAMES, 0.0)
_WINDOW = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME).astype(np.float32)


def cut_cells(values: Real) -> Spectra:
    """Spectra of half-overlapping frames, shape (frames, bins); the lowest bins and the last are nothing."""
    frames = np.lib.stride_tricks.sliding_window_view(values, FRAME)[::HOP]
    spectra = scipy.fft.rfft(frames * _WINDOW, axis=1)
    spectra[:, :LOWEST] = 0
    spectra[:, -1] = 0
    return np.asarray(spectra, np.complex64)


def weigh_quiet(spectra: Spectra, power: Real) -> Real:
    """The sound with each cell divided by how loud it is around there, so that what is quiet has the say.

    That is the best filter for a white layer under a sound of known spectrum, moment by moment.
    """
    level = scipy.ndimage.uniform_filter(power, 2 * NEAR + 1, mode="nearest")
    level += np.float32(0.5 * np.quantile(level[::4, LOWEST + NEAR : -NEAR - 1 : 4], WEIGHT_FLOOR) + 1e-3)
    frames = scipy.fft.irfft(spectra / level, FRAME, axis=1) * _WINDOW
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
