"""Onsets, tempo and beats: when something begins, and how regularly.

All three come from the onset strength, the mean rise of the mel levels from frame to frame (Böck and Widmer, DAFx
2013). Tempo is the strongest period about 120 beats a minute, beats are the row of onsets that keeps it best (Ellis,
Journal of New Music Research 2007).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from udfs.features.frames import FRAMES_A_SECOND, HOP, RATE, Floats

START_BPM = 120.0
TIGHTNESS = 100.0
TEMPO_SECONDS = 600  # of the middle of a track: the tempogram of hours would need gigabytes
LEAST_FRAMES = 3  # fewer have no peak among them
LEAST_STRENGTH = 1e-3  # dB of rise in the strongest frame: below it, nothing begins anywhere

PARAMETERS = {"start_bpm": START_BPM, "tightness": TIGHTNESS, "tempo_seconds": TEMPO_SECONDS, "hop": HOP, "rate": RATE}


def onset_strength(librosa: Any, levels: Floats, before: Floats | None) -> Floats:
    """Give a block's onset strength (frames,) from its levels (bands, frames) and the frame before it, if any."""
    first = levels[:, :1] if before is None else before
    joined = np.concatenate([first, levels], axis=1)
    rises = librosa.onset.onset_strength(S=joined, sr=RATE, hop_length=HOP, center=False, detrend=False)
    return np.asarray(rises[1:], np.float32)


def find_onsets(librosa: Any, strength: Floats) -> list[int]:
    """Find the onsets, in ms."""
    if len(strength) < LEAST_FRAMES or float(strength.max()) < LEAST_STRENGTH:
        return []
    frames = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE, hop_length=HOP, units="frames")
    return [_milliseconds(frame) for frame in frames]


def find_beats(librosa: Any, strength: Floats) -> tuple[float | None, list[int]]:
    """Find the tempo in beats a minute and the beats in ms; None and none where nothing begins."""
    if len(strength) < 2 * FRAMES_A_SECOND or float(strength.max()) < LEAST_STRENGTH:
        return None, []
    spare = max(0, len(strength) - TEMPO_SECONDS * FRAMES_A_SECOND) // 2
    middle = strength[spare : len(strength) - spare]
    tempo = float(
        np.ravel(librosa.feature.tempo(onset_envelope=middle, sr=RATE, hop_length=HOP, start_bpm=START_BPM))[0]
    )
    _, frames = librosa.beat.beat_track(
        onset_envelope=strength, sr=RATE, hop_length=HOP, bpm=tempo, tightness=TIGHTNESS, units="frames"
    )
    return tempo, [_milliseconds(frame) for frame in frames]


def _milliseconds(frame: int) -> int:
    return int(frame) * 1000 // FRAMES_A_SECOND
