"""Sound as all the spectral features see it: mono at one rate, in frames of which fifty are a second exactly.

A frame's middle lies on its time, so the first one begins before the track, where there is silence. What is computed
frame by frame is computed a minute at a time, and gives the same numbers as if it had been computed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

from udfs.decode import Decoded

RATE = 22_050  # Hz
HOP = 441  # samples: 20 ms
FRAMES_A_SECOND = RATE // HOP
WINDOW = 2048  # samples (93 ms), Hann
BLOCK_FRAMES = 60 * FRAMES_A_SECOND

Floats = NDArray[np.float32]
Result = TypeVar("Result")


def as_sound(decoded: Decoded) -> Floats:
    """Give a track's channels' mean at `RATE`, float32 (samples,)."""
    return np.asarray(soxr.resample(decoded.mono(), decoded.sample_rate, RATE), np.float32)


def count_frames(sound: Floats) -> int:
    """Say how many frames a sound has: one for each `HOP` that it has begun."""
    return -(-len(sound) // HOP)


def spectra(librosa: Any, sound: Floats) -> Iterator[Floats]:
    """Give power spectra (bins, frames) of one block of frames after the other; librosa's `stft`, Hann, centred."""
    frames = count_frames(sound)
    for first in range(0, frames, BLOCK_FRAMES):
        last = min(frames, first + BLOCK_FRAMES)
        piece = cut(sound, first * HOP - WINDOW // 2, (last - 1) * HOP + WINDOW // 2)
        spectrum = librosa.stft(piece, n_fft=WINDOW, hop_length=HOP, window="hann", center=False)
        yield np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)


def cut(sound: Floats, start: int, end: int) -> Floats:
    """Give samples `start` to `end`, with silence where there are none."""
    inside = sound[max(0, start) : max(0, end)]
    return np.pad(inside, (max(0, -start), max(0, end - start - max(0, -start) - len(inside))))


def over_seconds(values: NDArray[Any], summarise: Callable[[NDArray[Any]], Result]) -> list[Result]:
    """Summarise frames (frames, …) second by second; the last second may be a part of one."""
    return [summarise(values[at : at + FRAMES_A_SECOND]) for at in range(0, len(values), FRAMES_A_SECOND)]
