"""Settings that bound the job, through the job: the longest sound, the quarantine, how long a marker lives."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from job_rig import Rig, upload, upload_id, write_wave
from job_script import Add, Advance, Expect, Settle, Stage, Start, Stop, play
from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

SOUND, LONG, MOCK = 1, 2, 3
HOUR = 3600


def mock_wave() -> bytes:
    """A WAV whose samples are random bytes."""
    sound = write_wave(SOUND, 1.5)
    return sound[:44] + np.random.default_rng(1).bytes(len(sound) - 44)


def test_what_is_too_long_or_no_sound_is_kept_in_the_quarantine_alone_and_markers_end(
    tmp_path: Path, index: Path, spark: SparkSession
) -> None:
    quarantine = tmp_path / "quarantine"
    bounds = {"max_track_seconds": 2.0, "marker_hours": 2.0, "timeout_seconds": 600.0, "quarantine": str(quarantine)}
    stage = Stage.make(tmp_path, index, spark, **bounds)
    sound, long, mock = write_wave(SOUND, 1.5), write_wave(LONG, 3.0), mock_wave()
    again = upload(SOUND, sound, size=16 << 10)[:1]

    def late(rig: Rig) -> None:
        assert [(row["reason"], row["upload_id"]) for row in rig.rejections()] == [("chunk.late", upload_id(SOUND))]
        assert rig.in_flight() == 0

    play(
        stage,
        Add([*upload(SOUND, sound), *upload(LONG, long), *upload(MOCK, mock)]),
        Start(),
        Settle(),
        Advance(1 * HOUR),
        Add(again),
        Settle(),
        Expect(late),
        Advance(2 * HOUR),
        Add(again),
        Settle(),
        Expect(lambda rig: rig.in_flight() == 1 or pytest.fail("the marker is still there")),
        Stop(),
    )
    verdicts = stage.rig.verdicts()
    assert verdicts[upload_id(SOUND)]["decision"] == "accept"
    assert "decode.too_long" in verdicts[upload_id(LONG)]["reasons"]
    assert verdicts[upload_id(MOCK)]["decision"] == "reject"
    refused = {sha256(data).hexdigest() for data in (long, mock)}
    assert {path.name for path in quarantine.iterdir()} == refused
    assert all(str(quarantine) in verdicts[upload_id(number)]["stored_at"] for number in (LONG, MOCK))
    assert {path.name for path in (tmp_path / "lake" / "tracks").iterdir()} == {sha256(sound).hexdigest()}
