"""The mel spectrogram: 128 bands, fifty frames a second, kept in a byte a value.

A byte is half a decibel: 0 is -120 dB and less of a full-scale square wave's power in a band, 255 is +7.5 dB.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.features.frames import FRAMES_A_SECOND, RATE, WINDOW, Floats

BANDS = 128
LOWEST_HZ, HIGHEST_HZ = 0.0, RATE / 2
FLOOR_DB, STEPS_A_DB = -120.0, 2

PARAMETERS = {
    "bands": BANDS,
    "lowest_hz": LOWEST_HZ,
    "highest_hz": HIGHEST_HZ,
    "scale": "slaney",
    "floor_db": FLOOR_DB,
    "steps_a_db": STEPS_A_DB,
}


def make_filters(librosa: Any) -> Floats:
    """Make the bands' triangles (BANDS, bins), Slaney's, each of area one."""
    filters = librosa.filters.mel(sr=RATE, n_fft=WINDOW, n_mels=BANDS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    return np.asarray(filters, np.float32)


def mel_levels(powers: Floats, filters: Floats) -> Floats:
    """Give a block's levels in dB (BANDS, frames), from its power spectra (bins, frames)."""
    scale = (2.0 / WINDOW) ** 2  # of a Hann window's own sum, so that a full-scale sine is near 0 dB before the filter
    floor = 10 ** (FLOOR_DB / 10)
    return np.asarray(10 * np.log10(np.maximum(filters @ powers * np.float32(scale), floor)), np.float32)


def quantise(levels: Floats) -> NDArray[np.uint8]:
    """Keep levels in dB (BANDS, frames) as bytes (frames, BANDS)."""
    return np.clip(np.round((levels.T - FLOOR_DB) * STEPS_A_DB), 0, 255).astype(np.uint8)


def restore(stored: bytes) -> Floats:
    """Give the levels in dB (frames, BANDS) of what a row of the table holds."""
    values = np.frombuffer(stored, np.uint8).reshape(-1, BANDS)
    return np.asarray(values / STEPS_A_DB + FLOOR_DB, np.float32)


def of_second(quantised: NDArray[np.uint8], second: int) -> bytes:
    """Give one second's frames as a row holds them."""
    return quantised[second * FRAMES_A_SECOND : (second + 1) * FRAMES_A_SECOND].tobytes()
