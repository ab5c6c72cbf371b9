"""A track's features as rows: one a second, and what is of the whole track in the first of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from udfs.features.extract import Features
from udfs.features.frames import FRAMES_A_SECOND
from udfs.features.mel import of_second


def rows_of(features: Features) -> Iterator[dict[str, Any]]:
    """Give the rows, by the names of the table's columns; a track of no sound has one row all the same."""
    for second in range(max(1, features.seconds)):
        yield {
            "second": second,
            "mel": of_second(features.mel, second) if features.mel is not None else None,
            "chroma": _at(features.chroma, second),
            "beats_ms": _within(features.beats_ms, second),
            "onsets_ms": _within(features.onsets_ms, second),
            "loudness_lufs": _at(features.loudness.by_second, second) if features.loudness else None,
            "pitch_hz": _floats(features.pitch_hz, second),
            "voicing": _floats(features.voicing, second),
            "track": summarise(features) if second == 0 else None,
        }


def summarise(features: Features) -> dict[str, Any]:
    """Give what is of the whole track."""
    seconds = features.seconds or None
    voiced = None if features.pitch_hz is None else features.pitch_hz[~np.isnan(features.pitch_hz)]
    return {
        "seconds": features.seconds,
        "metadata": None if features.metadata is None else json.dumps(features.metadata, ensure_ascii=False),
        "tempo_bpm": features.tempo_bpm,
        "beats": None if features.beats_ms is None else len(features.beats_ms),
        "onsets_a_second": len(features.onsets_ms) / seconds if features.onsets_ms is not None and seconds else None,
        "loudness_lufs": features.loudness.integrated_lufs if features.loudness else None,
        "loudness_range_lu": features.loudness.range_lu if features.loudness else None,
        "pitch_median_hz": float(np.median(voiced)) if voiced is not None and len(voiced) else None,
        "voiced_share": len(voiced) / max(1, len(features.pitch_hz)) if voiced is not None else None,  # type: ignore[arg-type]
        "parameters": json.dumps(dict(features.parameters)),
    }


def _at(values: Any, second: int) -> Any:
    return values[second] if values is not None and second < len(values) else None


def _within(times_ms: list[int] | None, second: int) -> list[int] | None:
    return None if times_ms is None else [time for time in times_ms if time // 1000 == second]


def _floats(values: Any, second: int) -> list[float | None] | None:
    if values is None:
        return None
    part = values[second * FRAMES_A_SECOND : (second + 1) * FRAMES_A_SECOND]
    return [None if np.isnan(value) else float(value) for value in part]
