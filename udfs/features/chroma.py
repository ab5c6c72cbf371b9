"""Chroma: how strong each of the twelve pitch classes is, from C to B, whatever the octave."""

from __future__ import annotations

from typing import Any

import numpy as np

from udfs.features.frames import RATE, WINDOW, Floats, over_seconds

CLASSES = 12
TUNING = 0.0  # A4 is 440 Hz: recordings stay comparable, and nothing is estimated
OCTAVE_CENTRE, OCTAVE_WIDTH = 5.0, 2.0
SILENT = 1e-6 * (WINDOW / 4) ** 2  # power a frame, 60 dB under a full-scale tone's: what is left there has no pitch

PARAMETERS = {
    "classes": CLASSES,
    "tuning": TUNING,
    "octave_centre": OCTAVE_CENTRE,
    "octave_width": OCTAVE_WIDTH,
    "silent": SILENT,
}


def make_filters(librosa: Any) -> Floats:
    """Make the pitch classes' weights (CLASSES, bins)."""
    filters = librosa.filters.chroma(
        sr=RATE, n_fft=WINDOW, n_chroma=CLASSES, tuning=TUNING, ctroct=OCTAVE_CENTRE, octwidth=OCTAVE_WIDTH
    )
    return np.asarray(filters, np.float32)


def by_second(energies: Floats) -> list[list[float]]:
    """Give each class's share of the strongest, second by second, of energies (frames, CLASSES); 0 in near silence."""
    return over_seconds(energies, _relative)


def _relative(frames: Floats) -> list[float]:
    total = frames.sum(axis=0)
    highest = float(total.max())
    return [round(float(value) / highest, 4) if highest > SILENT * len(frames) else 0.0 for value in total]
