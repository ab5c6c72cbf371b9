"""A running job that is told to takes the new index between two batches; each verdict names the one it came from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from job_rig import KNOWN, Rig, make_rig, upload, upload_id, write_wave
from job_script import Add, Expect, Settle, Stage, Start, Stop, play

from references.build import add_recordings
from streaming.index_in_use import read_answer, request_index
from streaming.places import open_place
from udfs.landmark_index import open_index

pytestmark = [pytest.mark.spark, pytest.mark.slow]


def test_a_recording_that_was_added_is_known_from_the_next_batch_on(stage: Stage, tmp_path: Path) -> None:
    mine = tmp_path / "my-index"
    shutil.copytree(stage.rig.index, mine)
    before = open_index(mine).sha256
    (tmp_path / "new-song.wav").write_bytes(write_wave(50))
    stage.rig = make_rig(stage.rig.root, mine)
    checkpoint = open_place(str(stage.rig.root / "checkpoint"))

    def add_and_tell(_: Rig) -> None:
        add_recordings([tmp_path / "new-song.wav"], mine)
        request_index(checkpoint, "mine")

    play(
        stage,
        Add([*upload(1, write_wave(KNOWN)), *upload(2, write_wave(50))]),
        Start(),
        Settle(),
        Expect(add_and_tell),
        Add([*upload(3, write_wave(KNOWN)), *upload(4, write_wave(50))]),
        Settle(),
        Stop(),
    )
    after = open_index(mine).sha256
    answer = read_answer(checkpoint, "mine")
    assert answer is not None
    assert answer["index_sha256"] == after != before
    rows = [stage.rig.verdicts()[upload_id(number)] for number in (1, 2, 3, 4)]
    assert [row["index_sha256"] for row in rows] == [before, before, after, after]
    assert [row["identity"] for row in rows] == ["match", "no_match", "match", "match"]
    assert rows[3]["reference_id"] == "new-song"
