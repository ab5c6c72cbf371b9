"""The places a job writes to and reads from fail: no space, read-only, an index swapped, another release's state."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from job_rig import KNOWN, Rig, make_rig, upload, upload_id, write_wave
from job_script import Add, Expect, ExpectFailure, Settle, Stage, Start, Stop, play
from pyspark.cloudpickle import register_pickle_by_value
from pyspark.sql import SparkSession
from reconcile import read_produced, reconcile_lake

from references.build import add_recordings
from streaming.open_upload import STATE_VERSION
from streaming.producer import Record
from streaming.rebuild import Group
from streaming.rebuild_processor import RebuildProcessor
from streaming.sinks import Lake

pytestmark = [pytest.mark.spark, pytest.mark.slow]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of two megabytes where the lake will be."""
    lake = tmp_path / "lake"
    lake.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(lake)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"mounting takes root: {mounted.stderr.decode().strip()}")
    yield lake
    subprocess.run(["umount", "--lazy", str(lake)], check=True)  # Spark leaves the file open that it could not write


def test_without_space_the_job_says_so_and_goes_on_later(
    small_disk: Path, tmp_path: Path, index: Path, spark: SparkSession
) -> None:
    stage = Stage.make(tmp_path, index, spark, store_accepted=False)
    ballast = small_disk / "ballast"

    def fill(_: Rig) -> None:
        with ballast.open("wb", buffering=0) as file, suppress(OSError):  # a buffer would fail once more in closing
            while True:
                file.write(b"\0" * 1024)

    play(
        stage,
        Add(upload(1, write_wave(1, 1.0))),
        Start(),
        Settle(),
        Expect(fill),
        Add([*upload(2, write_wave(2, 1.0)), Record("eve/poison", b"poison")]),
        ExpectFailure("No space left on device"),
        Expect(lambda rig: ballast.unlink()),
        Start(),
        Settle(),
        Stop(),
    )
    assert set(stage.rig.verdicts()) == {upload_id(1), upload_id(2)}
    assert len(stage.rig.rejections()) == 1


def test_a_lake_that_may_only_be_read_is_said_and_written_later(
    small_disk: Path, tmp_path: Path, index: Path, spark: SparkSession
) -> None:
    stage = Stage.make(tmp_path, index, spark, store_accepted=False)

    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(small_disk)], check=True)

    play(
        stage,
        Add(upload(1, write_wave(1, 1.0))),
        Start(),
        Settle(),
        Stop(),
        Add([*upload(2, write_wave(2, 1.0)), Record("eve/poison", b"poison")]),
        Expect(lambda _: remount("ro")),
        ExpectFailure("[Rr]ead-only file system", Start()),
        Expect(lambda _: remount("rw")),
        Start(),
        Settle(),
        Stop(),
    )
    assert set(stage.rig.verdicts()) == {upload_id(1), upload_id(2)}
    assert len(stage.rig.rejections()) == 1


def test_a_slow_sink_delays_and_loses_nothing_and_batches_stay_bounded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, slow = Lake.append, 4.0

    def append_slowly(*arguments: Any, **named: Any) -> Any:
        time.sleep(slow)
        return append(*arguments, **named)

    files = [upload(number, write_wave(number, 1.0)) for number in range(1, 7)]
    play(stage, Add(files[0]))
    size = stage.produced[0].stat().st_size
    monkeypatch.setattr(Lake, "append", append_slowly)
    play(stage, Start({"max_batch_bytes": int(2.5 * size)}), *(Add(file) for file in files[1:]), Settle())
    assert stage.query is not None
    batches = [each for each in stage.query.recentProgress if each["numInputRows"]]
    play(stage, Stop())
    assert {name: row["decision"] for name, row in stage.rig.verdicts().items()} == {
        upload_id(number): "accept" for number in range(1, 7)
    }
    assert reconcile_lake(read_produced(stage.produced), stage.rig.root / "lake").balanced
    assert all(each["durationMs"]["addBatch"] >= slow * 1000 for each in batches)
    assert len(batches) >= 3
    assert max(each["observedMetrics"]["records"]["bytes"] for each in batches) <= 2.5 * size


def test_a_checkpoint_older_than_its_lake_and_one_that_lost_its_batches_do_not_start(stage: Stage) -> None:
    checkpoint = stage.rig.root / "checkpoint"
    backup = stage.rig.root / "backup"
    play(stage, Add(upload(1, write_wave(1, 1.0))), Start(), Settle(), Stop())
    shutil.copytree(checkpoint, backup)
    play(stage, Add([*upload(2, write_wave(2, 1.0)), Record("a/b", b"poison")]), Start(), Settle(), Stop())
    for folder in ("offsets", "commits", "state", "sources"):
        shutil.rmtree(checkpoint / folder)
    play(stage, ExpectFailure("older than the lake .*--adopt-lake", Start()))
    shutil.rmtree(checkpoint)
    backup.rename(checkpoint)
    play(stage, ExpectFailure("older than the lake .*--adopt-lake", Start()))
    shutil.rmtree(checkpoint)
    play(stage, ExpectFailure("written by another checkpoint .*--adopt-lake", Start()))
    assert set(stage.rig.verdicts()) == {upload_id(1), upload_id(2)}


class OtherRelease(RebuildProcessor):
    """The processor of a release whose state has another version."""

    def _remember(self, group: Group, timer_ms: int | None) -> None:
        super()._remember(group, timer_ms)
        if group.open is not None:
            self._upload.update((group.open.to_text().replace(f'"v":{STATE_VERSION},', '"v":99,', 1),))


def test_state_of_another_release_stops_the_job_with_the_way_out(stage: Stage) -> None:
    sound = upload(1, write_wave(1, 1.0), size=16 << 10)
    register_pickle_by_value(sys.modules[__name__])  # the workers cannot import a test
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streaming.pipeline.RebuildProcessor", OtherRelease)
        play(stage, Add(sound[:1]), Start(), Settle(), Stop())
    play(
        stage,
        Add(sound[1:]),
        ExpectFailure(f"state has version 99, this release reads {STATE_VERSION}.*run --drain", Start()),
    )
    assert stage.rig.verdicts() == {}
    assert stage.rig.rejections() == []


def test_the_running_job_keeps_the_index_that_it_opened_and_each_verdict_names_it(stage: Stage, tmp_path: Path) -> None:
    mine = tmp_path / "my-index"
    shutil.copytree(stage.rig.index, mine)
    before = sha256((mine / "manifest.json").read_bytes()).hexdigest()
    other = tmp_path / "another-song.wav"
    other.write_bytes(write_wave(50))
    stage.rig = make_rig(stage.rig.root, mine)

    def swap(_: Rig) -> None:
        add_recordings([other], mine)
        assert sha256((mine / "manifest.json").read_bytes()).hexdigest() != before

    play(
        stage,
        Add(upload(1, write_wave(KNOWN))),
        Start(),
        Settle(),
        Expect(swap),
        Add([*upload(2, write_wave(KNOWN)), *upload(3, write_wave(50))]),
        Settle(),
        Stop(),
    )
    rows = stage.rig.verdicts()
    assert {row["index_sha256"] for row in rows.values()} == {before}
    assert [rows[upload_id(number)]["identity"] for number in (1, 2, 3)] == ["match", "match", "no_match"]
