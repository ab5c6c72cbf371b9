"""Which uploads sound alike, told from the table of features alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lake_rig
import numpy as np
import pytest

from streaming.lake_reader import open_table
from streaming.look.features import features_of, sketch
from streaming.look.recordings import named, recordings
from udfs.decode import decode
from udfs.features import extract_features
from udfs.track import Track

RATE = 16_000
NAMES = ("mel", "chroma", "loudness")
TIME = np.arange(12 * RATE) / RATE
RANDOM = np.random.default_rng(8)


def melody(steps: str, harmonics: int) -> np.ndarray:
    """Notes of a quarter second, in semitones over A3; more harmonics sound sharper."""
    notes = np.array([int(step, 16) for step in steps])
    hz = 220 * 2 ** (notes[(TIME * 4).astype(int) % len(notes)] / 12)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return sum(np.sin(n * phase) / n for n in range(1, harmonics + 1)) * np.exp(-(TIME * 4 % 1)) * 0.2


TUNE = melody("0475", 8) + RANDOM.normal(0, 2e-3, len(TIME))
SOUNDS = {
    "tune": TUNE,
    "tune, quiet and noisy": 0.4 * TUNE + RANDOM.normal(0, 2e-3, len(TIME)),
    "tune, far away": 0.05 * TUNE,
    "another tune": melody("1386", 8),
    "another instrument": melody("1386", 1),
    "noise": np.cumsum(RANDOM.normal(0, 1, len(TIME))) % 1.0 - 0.5,
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    lake = tmp_path_factory.mktemp("alike") / "lake"
    rows = {}
    for number, (name, samples) in enumerate(SOUNDS.items()):
        track = Track.from_samples(samples.astype(np.float32), RATE, name)
        place = lake / "tracks" / track.sha256
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(track.data)
        facts = {"decision": "accept", "container": "raw", "sample_rate": RATE, "channels": 1, "identity": "no_match"}
        more = {"stored_at": str(place), "sha256": track.sha256, "track_name": name, **facts}
        rows[name] = {**lake_rig.facts(number), **more}
        lake_rig.write_features(lake, rows[name], NAMES)
    lake_rig.write_verdicts(lake, rows.values())
    return lake, rows


def test_the_same_tune_is_nearest_however_loud_and_noise_is_farthest(
    lake: tuple[Path, dict[str, dict[str, Any]]],
) -> None:
    place, rows = lake
    names = {row["upload_id"]: name for name, row in rows.items()}
    near = sketch(open_table(str(place), "features")).alike(rows["tune"]["upload_id"])
    assert [names[one] for one, _ in near[:2]] == ["tune, far away", "tune, quiet and noisy"]
    assert near[0][1] < 0.1  # unlike sounds are more than 1 apart
    assert near[1][1] < 0.7 * near[2][1]
    assert sorted(names[one] for one, _ in near) == sorted(set(SOUNDS) - {"tune"})
    assert [distance for _, distance in near] == sorted(distance for _, distance in near)


def test_an_upload_without_features_is_like_nothing(lake: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    sketches = sketch(open_table(str(lake[0]), "features"))
    assert sketches.alike("unknown' OR true --") == []
    assert features_of(open_table(str(lake[0]), "features"), "unknown") is None


def test_what_the_table_holds_of_an_upload_is_what_was_extracted(lake: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    place, rows = lake
    row = rows["tune"]
    read = features_of(open_table(str(place), "features"), row["upload_id"])
    track = Track.from_samples(SOUNDS["tune"].astype(np.float32), RATE)
    extracted = extract_features(track, decode(track), NAMES)
    assert read is not None
    assert read.mel is not None
    assert extracted.mel is not None
    np.testing.assert_array_equal(read.mel, extracted.mel)
    assert read.chroma == extracted.chroma
    assert read.loudness == extracted.loudness
    assert (read.seconds, read.pitch_hz, read.beats_ms) == (extracted.seconds, None, None)


def test_recordings_are_counted_by_their_reference_and_unknown_ones_by_their_file(tmp_path: Path) -> None:
    known = {"decision": "accept", "identity": "match", "reference_id": "west", "title": "West", "artist": "O'Brien"}
    unknown = {"decision": "accept", "identity": "no_match", "sha256": "ab"}
    rows = [
        *({**lake_rig.facts(n), **known, "user_id": f"u{n % 2}", "track_name": f"t{n}"} for n in range(3)),
        *({**lake_rig.facts(9 + n), **unknown, "track_name": f"mine {n}"} for n in range(2)),
        {**lake_rig.facts(20), **unknown, "decision": "reject", "sha256": "cd"},
    ]
    lake_rig.write_verdicts(tmp_path, rows)
    verdicts = open_table(str(tmp_path), "verdicts")
    found = recordings(verdicts)
    told = [(one["recording"], one["title"], one["uploads"], one["users"], one["known"]) for one in found]
    assert told == [("west", "West", 3, 2, True), ("ab", "mine 1", 2, 1, False)]
    assert found[0]["upload_id"] == rows[2]["upload_id"]
    assert [one["recording"] for one in recordings(verdicts, "o'brien")] == ["west"]
    assert named(verdicts, [rows[0]["upload_id"], "'"])[rows[0]["upload_id"]]["track_name"] == "t0"
