"""Sounds whose features are known, and the demo's recordings that golden files pin."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from udfs.decode import Decoded, decode
from udfs.track import Track

DEMO = Path(__file__).parents[3] / "references/demo"
RATE = 44_100


def track_of(samples: np.ndarray, rate: int = RATE) -> tuple[Track, Decoded]:
    """Samples as a track, and decoded."""
    track = Track.from_samples(samples, rate)
    return track, decode(track)


def tone(hz: float, seconds: float = 3.0, level: float = 0.5) -> np.ndarray:
    """A tone with four partials."""
    axis = np.arange(int(seconds * RATE)) / RATE
    return level / 2 * sum(np.sin(2 * np.pi * hz * n * axis) / n for n in range(1, 5))


def clicks(beats_a_minute: float, seconds: float = 12.0) -> np.ndarray:
    """Bursts of noise at a steady beat."""
    sound = np.zeros(int(seconds * RATE))
    burst = np.random.default_rng(1).standard_normal(2000) * np.exp(-np.arange(2000) / 300)
    for at in np.arange(0.5, seconds - 0.1, 60 / beats_a_minute):
        start = int(at * RATE)
        sound[start : start + 2000] += 0.5 * burst[: len(sound) - start]
    return sound


@cache
def recording(name: str) -> tuple[Track, Decoded]:
    """A recording of the demo."""
    track = Track.from_file(DEMO / name)
    return track, decode(track)
