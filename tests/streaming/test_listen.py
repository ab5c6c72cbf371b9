"""Listening as a Spark job: a broadcast's plays reach the tables once, whatever is cut, stopped and sent again."""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from deltalake import write_deltalake
from job_rig import RATE, Rig, make_rig, make_sound, records, upload_id
from pyspark.sql import DataFrame, Row, SparkSession
from typer.testing import CliRunner

from references.build import build_index
from streaming.chunk import Chunk, Compression, Format
from streaming.cli import app
from streaming.errors import UserError
from streaming.listen.job import listen
from streaming.listen.processor import Ear, ListenProcessor
from streaming.listen.reader import read_now
from streaming.listen.tables import append
from streaming.producer import Record
from streaming.publisher import Publisher
from streaming.publisher_targets import Answer, Message, Sent, attributes
from udfs.index_files import MANIFEST
from udfs.match import MIN_SCORE
from udfs.track import Encoding

CHANGE_COLUMNS = pa.schema(
    [("change_id", pa.string()), ("change", pa.string()), ("now", pa.list_(pa.string())), ("start_ms", pa.int64())]
)
CHANNEL = "radio/<b>Ein\u202e Sender</b>"
SECONDS = 6
SONGS = {"one": make_sound(41, 60), "two": make_sound(42, 42)}
# 18 s of something unknown, 42 s of `one` from its tenth second, `two` whole, and 42 s of something unknown
AIR = np.concatenate([make_sound(50, 18), SONGS["one"][10 * RATE : 52 * RATE], SONGS["two"], make_sound(51, 42)])


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for name, sound in SONGS.items():
        soundfile.write(folder / f"{name}.flac", sound, RATE)
    (folder / "metadata.csv").write_text("file,title,artist\none.flac,The One,Ada\n")
    return Path(build_index([folder], folder / "index").folder)


def broadcast() -> list[Record]:
    """Give the segments, small files of six seconds, as records; the last one says that it is."""
    import io

    chunks = []
    for index, at in enumerate(range(0, len(AIR), SECONDS * RATE)):
        buffer = io.BytesIO()
        soundfile.write(buffer, AIR[at : at + SECONDS * RATE], RATE, format="FLAC", subtype="PCM_16")
        data = buffer.getvalue()
        chunks.append(
            Chunk(
                upload_id(1), Format.V1, index, 0, Encoding.FILE, None, None, Compression.NONE, data, zlib.crc32(data)
            )
        )
    whole = b"".join(chunk.payload for chunk in chunks)
    digest = hashlib.sha256(whole).hexdigest()
    chunks[-1] = replace(chunks[-1], count=len(chunks), track_bytes=len(whole), track_sha256=digest)
    return records(chunks, CHANNEL)


def rows(rig: Rig, name: str) -> list[dict[str, Any]]:
    return sorted(rig.table(name).to_pylist(), key=lambda row: (row["start_ms"], str(row.get("change"))))


@pytest.mark.spark
def test_what_plays_is_told_once_over_batches_stops_and_repetitions(
    spark: SparkSession, known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(tmp_path, known)
    sent = broadcast()
    rig.put([*sent[:6], Record("radio/other", b"no record of ours")])
    rig.put([sent[7], sent[6], *sent[4:9]])
    first = listen(rig.settings(drain=True), spark=spark)
    assert (first["play_changes"], first["plays"], first["rejections"]) == (1, 0, 1)
    (now,) = read_now(str(tmp_path / "lake"))
    assert (now["reference_id"], now["title"], now["channel"]) == ("one", "The One", CHANNEL)

    checkpoint = Path(rig.settings().checkpoint)
    shutil.copytree(checkpoint, tmp_path / "older")
    rig.put(sent[8:])
    rig.put(sent)  # all of it again
    monkeypatch.setattr("streaming.listen.job.append", DyingBetweenTables())
    with pytest.raises(UserError, match="died between the tables"):
        listen(rig.settings(drain=True), spark=spark)
    assert len(rig.table("play_changes")) > 1
    assert len(rig.table("plays")) == 0
    monkeypatch.undo()
    second = listen(rig.settings(drain=True), spark=spark)
    assert second == {"play_changes": 3, "plays": 2, "rejections": 0}
    one, two = rows(rig, "plays")
    assert (one["reference_id"], two["reference_id"]) == ("one", "two")
    for play, start, end in ((one, 18, 60), (two, 60, 102)):
        assert play["start_ms"] == pytest.approx(start * 1000, abs=1_500)
        assert play["end_ms"] == pytest.approx(end * 1000, abs=1_500)
        assert (play["ended_at"] - play["started_at"]).total_seconds() == pytest.approx(42, abs=3)
        assert play["channel"] == CHANNEL
        assert len(play["index_sha256"]) == 64
    assert one["reference_start_ms"] == pytest.approx(10_000, abs=1_500)
    changes = rows(rig, "play_changes")
    assert [(row["reference_id"], row["change"]) for row in changes] == [
        ("one", "ended"), ("one", "started"), ("two", "ended"), ("two", "started"),
    ]  # fmt: skip
    assert len({row["change_id"] for row in changes}) == 4
    assert [row["reason"] for row in rig.rejections()] == ["wire.unknown_format"]
    assert rig.rejections()[0]["data"] == b"no record of ours"

    answer = CliRunner().invoke(app, ["plays", "--lake", str(tmp_path / "lake"), "--json"], catch_exceptions=False)
    told = json.loads(answer.stdout)
    assert (told["now"], [play["reference_id"] for play in told["plays"]]) == ([], ["two", "one"])
    text = CliRunner().invoke(app, ["plays", "--lake", str(tmp_path / "lake")]).stdout
    assert "\u202e" not in text
    assert "Ada – The One" in text
    drawn = tmp_path / "plays.png"
    CliRunner().invoke(app, ["plays", "--lake", str(tmp_path / "lake"), "--png", str(drawn)], catch_exceptions=False)
    assert drawn.read_bytes().startswith(b"\x89PNG")

    shutil.rmtree(checkpoint)
    shutil.copytree(tmp_path / "older", checkpoint)
    with pytest.raises(UserError, match="the checkpoint is older than the lake"):
        listen(rig.settings(drain=True), spark=spark)


class DyingBetweenTables:
    """Appends as `streaming.listen.tables.append` does, and fails once where changes are written and plays are not."""

    def __init__(self) -> None:
        self.changes = 0

    def __call__(self, rows: DataFrame, lake: str, name: str, app_id: str, batch_id: int) -> int:
        if name == "plays" and self.changes:
            raise RuntimeError("died between the tables")
        number = append(rows, lake, name, app_id, batch_id)
        self.changes += number if name == "play_changes" else 0
        return number


class Handle:
    """What Spark gives a processor: a state of one value, and timers."""

    def __init__(self) -> None:
        self.text: tuple[str] | None = None
        self.timers: list[int] = []

    def getValueState(self, *_: object) -> Handle:  # noqa: N802 - Spark's names, from here on
        return self

    def get(self) -> tuple[str] | None:
        return self.text

    def update(self, text: tuple[str]) -> None:
        self.text = text

    def listTimers(self) -> list[int]:  # noqa: N802
        return self.timers

    def deleteTimer(self, timer: int) -> None:  # noqa: N802
        self.timers.remove(timer)

    def registerTimer(self, timer: int) -> None:  # noqa: N802
        self.timers.append(timer)

    def getCurrentProcessingTimeInMs(self) -> int:  # noqa: N802
        return 1_000


def test_a_timer_gives_up_what_is_missing_and_then_ends_what_plays(known: Path) -> None:
    ear = Ear(str(known), (known / MANIFEST).read_bytes(), MIN_SCORE)
    processor, handle = ListenProcessor(ear, silence_ms=60_000, marker_ms=3_600_000), Handle()
    processor.init(handle)  # type: ignore[arg-type]
    key = (CHANNEL, upload_id(1))
    sent = [record for number, record in enumerate(broadcast()[:9]) if number != 6]
    given = [Row(data=one.data, arrived_us=0, stream="s", sequence_number="1") for one in sent]
    told = [row.kind for row in processor.handleInputRows(key, iter(given), handle)]  # type: ignore[arg-type]
    assert (told, handle.timers) == (["play_changes"], [61_000])
    for rest, timers in (([], [61_000]), (["play_changes", "plays"], [])):
        handle.timers.clear()  # Spark takes an expired one away
        told = [row.kind for row in processor.handleExpiredTimer(key, handle, None)]  # type: ignore[arg-type]
        assert (told, handle.timers) == (rest, timers)


def test_changes_are_published_at_least_once_each_under_its_own_id(tmp_path: Path) -> None:
    started = {"change_id": "p-started", "change": "started", "now": ["one"], "start_ms": 1}
    ended = {"change_id": "p-ended", "change": "ended", "now": [], "start_ms": 1}
    for row in (started, ended):
        write_deltalake(tmp_path / "play_changes", pa.Table.from_pylist([row], CHANGE_COLUMNS), mode="append")

    class Target:
        batch = 10
        sent: ClassVar[list[Message]] = []

        def send(self, messages: Sequence[Message]) -> list[Sent]:
            self.sent.extend(messages)
            return [Sent(Answer.TAKEN)] * len(messages)

    Publisher(str(tmp_path), "target", Target(), table="play_changes").catch_up()
    Publisher(str(tmp_path), "target", Target(), table="play_changes").catch_up()
    assert [(message.id, message.decision) for message in Target.sent] == [
        ("p-started", "started"), ("p-ended", "ended"),
    ]  # fmt: skip
    assert json.loads(Target.sent[0].body) == started
    assert set(attributes(Target.sent[0])) == {"change_id", "change"}
    arguments = ["publish", "--lake", str(tmp_path), "--to", "https://x", "--table", "plays"]
    with pytest.raises(UserError, match="it is one of verdicts, play_changes"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_an_index_of_delta_tables_is_refused(tmp_path: Path) -> None:
    rig = make_rig(tmp_path, Path("delta:somewhere"))
    with pytest.raises(UserError, match="needs an index of files"):
        listen(rig.settings())


def test_by_the_command_what_is_missing_is_said(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["listen", "--lake", str(tmp_path)])
    assert "--source is needed" in str(answer.exception)
    assert "there is no table" in str(CliRunner().invoke(app, ["plays", "--lake", str(tmp_path)]).exception)
