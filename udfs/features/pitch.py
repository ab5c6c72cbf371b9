"""The pitch of whatever has one pitch at a time, by probabilistic YIN (Mauch and Dixon, ICASSP 2014).

Fifty estimates a second, each with how probably there is a pitch at all. A track is worked on in pieces that overlap,
because the path through all candidates of an hour would need gigabytes; each frame is taken from the piece in which
it lies farther from an edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.features.frames import FRAMES_A_SECOND, HOP, RATE, WINDOW, Floats, count_frames, cut

LOWEST_HZ, HIGHEST_HZ = 65.4064, 2093.0045  # C2 to C7: voices and most that leads a melody
RESOLUTION = 0.2  # semitones; half of that costs six times as much
PIECE_FRAMES, OVERLAP_FRAMES = 20 * FRAMES_A_SECOND, FRAMES_A_SECOND

PARAMETERS = {
    "lowest_hz": LOWEST_HZ,
    "highest_hz": HIGHEST_HZ,
    "resolution_semitones": RESOLUTION,
    "frame_samples": WINDOW,
    "hop": HOP,
    "rate": RATE,
}


def track_pitch(librosa: Any, sound: Floats) -> tuple[Floats, Floats]:
    """Follow the pitch: Hz (frames,), NaN where there is none, and the probability that there is one (frames,)."""
    frames = count_frames(sound)
    pitches, voicing = np.full(frames, np.nan, np.float32), np.zeros(frames, np.float32)
    for first in range(0, frames, PIECE_FRAMES):
        last = min(frames, first + PIECE_FRAMES)
        start = max(0, first - OVERLAP_FRAMES)
        found, probability = _track_piece(librosa, sound, start, min(frames, last + OVERLAP_FRAMES))
        pitches[first:last] = found[first - start : last - start]
        voicing[first:last] = probability[first - start : last - start]
    return pitches, voicing


def _track_piece(librosa: Any, sound: Floats, first: int, last: int) -> tuple[NDArray[Any], NDArray[Any]]:
    piece = cut(sound, first * HOP - WINDOW // 2, (last - 1) * HOP + WINDOW // 2)
    if not piece.any():  # pYIN divides by the power
        return np.full(last - first, np.nan), np.zeros(last - first)
    pitches, _, probability = librosa.pyin(
        piece,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        sr=RATE,
        frame_length=WINDOW,
        hop_length=HOP,
        resolution=RESOLUTION,
        center=False,
    )
    return pitches, probability
