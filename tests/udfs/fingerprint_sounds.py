"""Made-up music for the fingerprint tests: chords of decaying partials in a random rhythm, and noise to hide it in."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE = 22050


@cache
def music(seed: int, seconds: float) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    out = np.zeros(int(seconds * RATE), np.float32)
    at = 0.0
    while at < seconds:
        length = float(random.uniform(0.3, 1.5))
        time = np.arange(int(length * RATE)) / RATE
        for pitch in 110 * 2 ** (random.integers(0, 48, 3) / 12):
            for partial in range(1, 7):
                decay = np.exp(-time * random.uniform(1, 6))
                tone = np.sin(2 * np.pi * pitch * partial * time + random.uniform(0, 6)) * decay / partial
                start = int(at * RATE)
                out[start : start + len(tone)] += 0.1 * tone[: max(0, len(out) - start)].astype(np.float32)
        at += float(random.choice([0.2, 0.25, 0.4, 0.5]))
    out.flags.writeable = False
    return out


def noisy(samples: NDArray[np.float32], snr_db: float, seed: int) -> NDArray[np.float32]:
    """Add pink noise."""
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft(random.standard_normal(len(samples)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, len(samples))
    gain = np.sqrt(np.mean(samples**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    return np.asarray(samples + gain * noise, np.float32)
