"""How uploads that lack something end, and how the job does: timeout, drain, stop file, request, signal."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from job_rig import RATE, Rig, make_rig, make_sound, upload, upload_id, write_wave
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from streaming.errors import UserError
from streaming.producer import Record
from streaming.run import run
from streaming.settings import Settings

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def drained(tmp_path_factory: pytest.TempPathFactory, index: Path, spark: SparkSession) -> Rig:
    """Drain two torn uploads and a whole one; then bring a chunk that comes too late."""
    root = tmp_path_factory.mktemp("job")
    rig = make_rig(root, index, timeout_seconds=2.0, trigger_seconds=0.5, store_safe_copies=True)
    torn = upload(1, write_wave(4))
    rig.put([*torn[:1], *torn[2:], *upload(2, write_wave(5))[:-1], *upload(3, write_wave(6))])
    rig.drain(spark)
    rig.put(torn[1:2])
    rig.drain(spark)
    return rig


def test_an_upload_with_a_hole_is_incomplete_with_the_missing_range(drained: Rig) -> None:
    row = drained.verdicts()[upload_id(1)]
    assert (row["decision"], row["reasons"]) == ("incomplete", ["upload.missing_chunks"])
    assert row["missing"] == [{"first": 1, "last": 1}]
    assert (row["chunks_expected"], row["chunks_received"]) == (5, 4)
    assert (row["content"], row["identity"], row["sha256"]) == ("undecided", "not_tried", None)
    assert "no new chunk within 2 s" in row["evidence"]


def test_the_timeout_also_fires_on_an_idle_stream(drained: Rig) -> None:
    assert drained.verdicts()[upload_id(2)]["decision"] == "incomplete"
    assert drained.in_flight() == 0


def test_a_whole_upload_does_not_wait_for_the_others(drained: Rig) -> None:
    verdicts = drained.verdicts()
    assert verdicts[upload_id(3)]["decision"] == "accept"
    assert verdicts[upload_id(3)]["decided_at"] < verdicts[upload_id(1)]["decided_at"]


def test_a_safe_copy_is_stored_for_an_accepted_upload_where_the_job_is_set_to(drained: Rig) -> None:
    row = drained.verdicts()[upload_id(3)]
    copy = drained.root / "lake" / "tracks" / f"{row['sha256']}.flac"
    assert row["sha256"] == sha256(write_wave(6)).hexdigest()
    assert row["stored_at"] == str(copy)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    sound, rate = soundfile.read(copy)
    assert rate == RATE
    assert np.abs(sound - make_sound(6)).max() < 0.002


def test_a_chunk_after_that_is_late_and_there_is_no_second_verdict(drained: Rig) -> None:
    assert [(row["reason"], row["upload_id"]) for row in drained.rejections()] == [("chunk.late", upload_id(1))]
    assert len(drained.verdicts()) == 3


def test_the_state_holds_no_chunk_and_no_open_upload_afterwards(drained: Rig, spark: SparkSession) -> None:
    for name in ("chunks", "upload"):
        assert read_state(drained, spark, name) == 0
    assert read_state(drained, spark, "finished") == 3


def read_state(rig: Rig, spark: SparkSession, variable: str) -> int:
    """Count the entries of a state variable in the checkpoint."""
    reader = spark.read.format("statestore").option("stateVarName", variable)
    if variable == "chunks":
        reader = reader.option("flattenCollectionTypes", True)
    return int(reader.load(str(rig.root / "checkpoint")).agg(F.count("*")).collect()[0][0])


def after_progress(rig: Rig, act: Any) -> threading.Thread:
    """Do something once the job has told of its first batch."""

    def wait() -> None:
        deadline = time.monotonic() + 300
        while not (rig.root / "checkpoint" / "progress.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def touch_stop_file(settings: Settings) -> None:
    assert settings.stop_file is not None
    settings.stop_file.touch()


def request_stop(settings: Settings) -> None:
    request = Path(settings.checkpoint) / "stop" / "requested"
    request.parent.mkdir(parents=True, exist_ok=True)
    request.touch()


def send_sigterm(_settings: Settings) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("way", [touch_stop_file, request_stop, send_sigterm])
def test_asked_to_stop_the_job_ends_between_batches_and_the_next_run_goes_on(
    tmp_path: Path, index: Path, spark: SparkSession, way: Any
) -> None:
    rig = make_rig(tmp_path, index, stop_file=tmp_path / "stop")
    first, second = upload(1, write_wave(4)), upload(2, write_wave(5))
    rig.put([*first, *second[:2]])
    settings = rig.settings()
    asking = after_progress(rig, lambda: way(settings))
    run(settings, spark)
    asking.join(10)
    assert set(rig.verdicts()) == {upload_id(1)}
    assert rig.in_flight() == 1
    assert not (tmp_path / "stop").exists()
    assert not (tmp_path / "checkpoint" / "stop").exists()
    offsets, commits = (len(list((tmp_path / "checkpoint" / name).glob("[0-9]*"))) for name in ("offsets", "commits"))
    assert offsets - commits <= 1
    if way is send_sigterm:
        rig.put(second[2:])
        rig.drain(spark)
        assert set(rig.verdicts()) == {upload_id(1), upload_id(2)}


def test_another_lake_under_a_used_checkpoint_is_refused(
    tmp_path: Path, index: Path, drained: Rig, spark: SparkSession
) -> None:
    with pytest.raises(UserError, match="Use that lake, or a new checkpoint"):
        drained.drain(spark, lake=str(tmp_path / "another"))


def test_a_fresh_checkpoint_on_a_used_lake_is_refused_with_the_ways_out(
    tmp_path: Path, drained: Rig, spark: SparkSession
) -> None:
    with pytest.raises(UserError, match="--adopt-lake"):
        drained.drain(spark, checkpoint=str(tmp_path / "fresh"))


def test_an_index_that_is_none_stops_the_start(tmp_path: Path, spark: SparkSession) -> None:
    rig = make_rig(tmp_path, tmp_path / "no-index")
    with pytest.raises(UserError, match="--index"):
        rig.drain(spark)
    assert not (tmp_path / "lake").exists()


def test_a_source_that_is_not_there_stops_the_start_before_anything_is_claimed(
    tmp_path: Path, index: Path, spark: SparkSession
) -> None:
    rig = make_rig(tmp_path, index)
    with pytest.raises(UserError, match=r"--source files:.*: there is no such folder"):
        rig.drain(spark, source=f"files:{tmp_path / 'nowhere'}")
    assert not (tmp_path / "checkpoint").exists()
    assert not (tmp_path / "lake").exists()


def test_a_signal_while_spark_starts_ends_the_run_before_its_first_batch(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = []

    class Session:
        def stop(self) -> None:
            stopped.append(self)

    def start(*_: object) -> Session:
        os.kill(os.getpid(), signal.SIGTERM)
        return Session()

    monkeypatch.setattr("streaming.run.start_session", start)
    run(make_rig(tmp_path, index).settings())
    assert len(stopped) == 1
    assert not (tmp_path / "checkpoint").exists()


def test_a_file_that_is_no_file_of_records_is_named_with_the_way_out_and_costs_nothing_else(
    tmp_path: Path, index: Path, spark: SparkSession
) -> None:
    rig = make_rig(tmp_path, index)
    rig.put([Record("a/b", b"poison")])
    foreign = rig.inbox / "zz.parquet"
    foreign.write_bytes(b"garbage")
    with pytest.raises(UserError, match=r"zz\.parquet.*move it out of the source's folder") as told:
        rig.drain(spark)
    assert len(str(told.value).splitlines()) == 1
    foreign.unlink()
    rig.drain(spark)
    assert len(rig.rejections()) == 1


def test_a_record_file_that_is_years_older_than_another_is_read_too(
    tmp_path: Path, index: Path, spark: SparkSession
) -> None:
    rig = make_rig(tmp_path, index)
    os.utime(rig.put([Record("a/b", b"poison of today")]))
    rig.drain(spark)
    rig.put([Record("a/b", b"poison of 2023")])
    rig.drain(spark)
    assert len(rig.rejections()) == 2


def test_a_batch_that_fails_stops_the_job_with_its_cause(
    tmp_path: Path, index: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(tmp_path, index)
    rig.put([Record("a/b", b"poison")])

    def full_disk(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("streaming.sinks.Lake.append", full_disk)
        with pytest.raises(UserError, match="No space left on device"):
            rig.drain(spark)
    assert json.loads((tmp_path / "checkpoint" / "soundgate.json").read_text())["lake"] == str(tmp_path / "lake")
    rig.drain(spark)
    assert len(rig.rejections()) == 1
