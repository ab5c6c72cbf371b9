"""All features that were asked for, of one track; the spectra are computed once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.decode import Decoded
from udfs.features import chroma, frames, loudness, mel, metadata, pitch, rhythm
from udfs.features.libraries import load_librosa
from udfs.features.loudness import Loudness
from udfs.track import Track

_SPECTRUM = {"rate": frames.RATE, "hop": frames.HOP, "window": frames.WINDOW, "shape": "hann", "centred": True}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "metadata": metadata.PARAMETERS,
    "mel": {**_SPECTRUM, **mel.PARAMETERS},
    "chroma": {**_SPECTRUM, **chroma.PARAMETERS},
    "tempo": {**_SPECTRUM, **rhythm.PARAMETERS},
    "onsets": {**_SPECTRUM, **rhythm.PARAMETERS},
    "loudness": loudness.PARAMETERS,
    "pitch": pitch.PARAMETERS,
}
NAMES = tuple(_PARAMETERS)
_FROM_SPECTRA = {"mel", "chroma", "tempo", "onsets"}


@dataclass(frozen=True)
class Features:
    """What was asked for; the rest is None, or empty where it is a list.

    `mel` is uint8 (frames, bands), `chroma` a row of twelve a second, `pitch_hz` and `voicing` float32 (frames,); times
    are integer ms from the track's beginning.
    """

    names: tuple[str, ...]
    seconds: int
    metadata: Mapping[str, Any] | None = None
    mel: NDArray[np.uint8] | None = None
    chroma: list[list[float]] | None = None
    tempo_bpm: float | None = None
    beats_ms: list[int] | None = None
    onsets_ms: list[int] | None = None
    loudness: Loudness | None = None
    pitch_hz: NDArray[np.float32] | None = None
    voicing: NDArray[np.float32] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


def extract_features(track: Track, decoded: Decoded, names: Collection[str] = NAMES) -> Features:
    """Extract features.

    Parameters
    ----------
    track
        The upload, for what it says of itself.
    decoded
        Its samples.
    names
        Which features, of `NAMES`.

    Raises
    ------
    ValueError
        For a name that is none.
    """
    wanted = parameters_of(names)
    found: dict[str, Any] = {}
    seconds = -(-len(decoded.samples) // decoded.sample_rate)
    if "metadata" in wanted:
        found["metadata"] = metadata.read_metadata(track, decoded.facts)
    if "loudness" in wanted:
        found["loudness"] = loudness.measure_loudness(decoded)
    if wanted.keys() & (_FROM_SPECTRA | {"pitch"}):
        sound = frames.as_sound(decoded)
        librosa = load_librosa()
        if wanted.keys() & _FROM_SPECTRA:
            found |= _from_spectra(librosa, sound, wanted.keys())
        if "pitch" in wanted:
            found["pitch_hz"], found["voicing"] = pitch.track_pitch(librosa, sound)
    return Features(tuple(wanted), seconds, **found, parameters=wanted)


def parameters_of(names: Collection[str]) -> dict[str, Any]:
    """Give the parameters of each named feature, in the order of `NAMES`; raises ValueError for a name that is none."""
    if unknown := sorted(set(names) - set(NAMES)):
        raise ValueError(f"there is no feature {unknown[0]!r}: {', '.join(NAMES)}")
    return {name: _PARAMETERS[name] for name in NAMES if name in names}


def _from_spectra(librosa: Any, sound: frames.Floats, wanted: Collection[str]) -> dict[str, Any]:
    mel_filters, chroma_filters = mel.make_filters(librosa), chroma.make_filters(librosa)
    images: list[NDArray[np.uint8]] = []
    energies: list[frames.Floats] = []
    strengths: list[frames.Floats] = []
    before = None
    for powers in frames.spectra(librosa, sound):
        levels = mel.mel_levels(powers, mel_filters)
        if "mel" in wanted:
            images.append(mel.quantise(levels))
        if "chroma" in wanted:
            energies.append((chroma_filters @ powers).T)
        if {"tempo", "onsets"} & set(wanted):
            strengths.append(rhythm.onset_strength(librosa, levels, before))
            before = levels[:, -1:]
    found: dict[str, Any] = {}
    if "mel" in wanted:
        found["mel"] = np.concatenate(images) if images else np.zeros((0, mel.BANDS), np.uint8)
    if "chroma" in wanted:
        found["chroma"] = chroma.by_second(np.concatenate(energies)) if energies else []
    strength = np.concatenate(strengths) if strengths else np.zeros(0, np.float32)
    if "tempo" in wanted:
        found["tempo_bpm"], found["beats_ms"] = rhythm.find_beats(librosa, strength)
    if "onsets" in wanted:
        found["onsets_ms"] = rhythm.find_onsets(librosa, strength)
    return found
