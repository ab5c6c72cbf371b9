"""``soundgate rebuild``: just the uploads that a queue's messages name, from their stream (SQS and Kinesis by moto)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from job_rig import KNOWN, make_sound, upload, upload_id, write_wave
from rebuilding import make_legacy_slices
from stored_rig import aws_server, left, make_queue, send
from typer.testing import CliRunner

from streaming.cli import app
from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.object_events import EventError
from streaming.producer import Record as ProducedRecord
from streaming.record_files import RecordFileWriter
from streaming.single.find_records import find_in_folder, find_in_stream, hash_key
from streaming.single.request import parse_request
from streaming.wire_legacy import legacy_upload_id

WHOLE, TORN, V1 = "carol/song", "dave/torn", "erin/♫.wav"


def request(key: str, **changes: Any) -> str:
    """Give a message as the replaced system's front end sends it."""
    user, _, name = key.partition("/")
    said = {"UserID": user, "TrackName": name, "TrackPath": f"/home/{user}/{name}", "SampleRate": 44100}
    return json.dumps({**said, "TrackLength": 6, "PartitionKey": key, **changes}, ensure_ascii=False)


def legacy(key: str, seed: int) -> list[ProducedRecord]:
    samples = make_sound(seed, 4.0).astype("<f4").tobytes()
    return [ProducedRecord(key, data) for data in make_legacy_slices(samples, 100_000)]


@dataclass(frozen=True)
class Answered:
    """What one run over a queue gave."""

    access: Access
    said: dict[str, Any]
    rows: dict[str, dict[str, Any]]
    numbers: dict[str, list[str]]


@pytest.fixture(scope="module")
def access() -> Iterator[Access]:
    with pytest.MonkeyPatch.context() as patch, aws_server() as access:
        patch.setattr("streaming.files.consumer.DRAIN_POLL_SECONDS", 0)
        patch.setattr("streaming.files.queue.MORE_SECONDS", 0)
        yield access


def put_on_stream(access: Access, records: Sequence[ProducedRecord]) -> dict[str, list[str]]:
    """Put records on the stream; gives the sequence numbers by key."""
    numbers: dict[str, list[str]] = {}
    for record in records:
        answer = access.client("kinesis").put_record(
            StreamName="uploads", PartitionKey=record.partition_key, Data=record.data
        )
        numbers.setdefault(record.partition_key, []).append(answer["SequenceNumber"])
    return numbers


def run(access: Access, root: Path, index: Path, queue: str, stream: str, *more: str) -> Any:
    config = root / "settings.toml"
    config.write_text("timeout_seconds = 0.3\n")
    where = ["--lake", str(root / "lake"), "--index", str(index), "--config", str(config)]
    way = ["--region", str(access.region), "--endpoint-url", str(access.endpoint_url), "--drain", "--json"]
    return CliRunner().invoke(app, ["rebuild", "--queue", queue, "--stream", stream, *where, *way, *more])


def read_rows(root: Path) -> dict[str, dict[str, Any]]:
    rows = DeltaTable(root / "lake" / "verdicts").to_pyarrow_table().to_pylist()
    by_key = {row["partition_key"]: row for row in rows}
    assert len(by_key) == len(rows), "an upload has two verdicts"
    return by_key


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory, index: Path, access: Access) -> Answered:
    root = tmp_path_factory.mktemp("requests")
    access.client("kinesis").create_stream(StreamName="uploads", ShardCount=3)
    whole, torn = legacy(WHOLE, 21), legacy(TORN, 22)
    rest = legacy(WHOLE, 24)[2:]  # of an earlier upload, which began before what is read of the stream
    noise = [*legacy("frank/not asked for", 23), ProducedRecord(WHOLE, b"poison")]
    put_on_stream(access, rest)
    numbers = put_on_stream(access, [*noise, *whole, *torn[:2], *upload(5, write_wave(KNOWN), V1)])
    queue = make_queue(access, "requests.fifo", tries=2)
    gone = request("nobody/nothing")
    send(access, queue, request(WHOLE), request(V1), request(TORN), request(WHOLE, TrackLength="again"), "junk", gone)
    time.sleep(0.4)
    result = run(access, root, index, "requests.fifo", "uploads")
    assert result.exit_code == 1, result.output
    send_again = make_queue(access, "again.fifo")
    send(access, send_again, request(WHOLE), request(V1))
    again = json.loads(run(access, root, index, "again.fifo", "kinesis:uploads").stdout.splitlines()[-1])
    assert (again["known"], again["written"]) == (2, {})
    return Answered(access, json.loads(result.stdout.splitlines()[-1]), read_rows(root), numbers)


def test_just_the_uploads_asked_for_have_a_verdict(answered: Answered) -> None:
    decided = {key: (row["decision"], row["reasons"]) for key, row in answered.rows.items()}
    assert decided == {
        WHOLE: ("accept", []),
        V1: ("accept", []),
        TORN: ("incomplete", ["upload.missing_chunks"]),
    }


def test_the_run_says_what_it_did(answered: Answered) -> None:
    said = answered.said
    assert (said["requests"], said["written"]) == (5, {"accept": 2, "incomplete": 1})
    assert (said["gone"], said["refused"], said["waiting"]) == (["nobody/nothing"], 2, 0)
    assert (left(answered.access, "requests.fifo"), left(answered.access, "dead-requests.fifo")) == (0, 1)


def test_a_row_is_as_the_job_would_have_written_it(answered: Answered) -> None:
    row = answered.rows[WHOLE]
    first = answered.numbers[WHOLE][1]  # behind the poison, which is in no upload
    assert row["upload_id"] == legacy_upload_id(WHOLE, first)
    assert (row["first_sequence_number"], row["last_sequence_number"]) == (first, answered.numbers[WHOLE][-1])
    assert (row["user_id"], row["track_name"], row["stream"]) == ("carol", "song", "uploads")
    assert (row["container"], row["sample_rate"], row["channels"]) == ("raw", 44_100, 1)
    assert row["chunks_expected"] == row["chunks_received"] == len(answered.numbers[WHOLE]) - 1
    assert row["bytes"] == 4 * len(make_sound(21, 4.0))
    assert Path(row["stored_at"]).stat().st_size == row["bytes"]
    assert row["decided_at"] > row["last_arrival"] >= row["first_arrival"]
    known = answered.rows[V1]
    assert (known["upload_id"], known["identity"], known["reference_id"]) == (upload_id(5), "match", "known-song")
    assert answered.rows[TORN]["missing"] == [{"first": 2, "last": None}]


def test_record_files_serve_as_well(tmp_path: Path, index: Path, access: Access) -> None:
    RecordFileWriter(tmp_path / "inbox", stream="folder").write([*legacy("gina/a", 31), *legacy("gina/b", 32)])
    send(access, make_queue(access, "for-files"), request("gina/b"))
    result = run(access, tmp_path, index, "for-files", f"files:{tmp_path / 'inbox'}")
    assert result.exit_code == 0, result.output
    assert {key: row["decision"] for key, row in read_rows(tmp_path).items()} == {"gina/b": "accept"}


def test_what_is_no_file_of_records_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"torn\.parquet is no file of records, move it out"):
        list(find_in_folder(tmp_path, {"alice/song"}))


def test_an_upload_that_is_not_whole_yet_is_put_off(tmp_path: Path, index: Path, access: Access) -> None:
    RecordFileWriter(tmp_path / "inbox").write(legacy("henry/a", 33)[:1])
    send(access, make_queue(access, "patient"), request("henry/a"))
    (tmp_path / "patient.toml").write_text("timeout_seconds = 3600\n")
    more = ("--config", str(tmp_path / "patient.toml"))
    said = json.loads(
        run(access, tmp_path, index, "patient", f"files:{tmp_path / 'inbox'}", *more).stdout.splitlines()[-1]
    )
    assert (said["requests"], said["waiting"], said["written"]) == (1, 1, {})
    assert left(access, "patient") == 1
    assert read_rows(tmp_path) == {}


def test_only_the_shards_of_a_key_are_read(access: Access, answered: Answered) -> None:
    client = access.client("kinesis")
    read: list[str] = []
    client.meta.events.register(
        "before-parameter-build.kinesis.GetShardIterator", lambda params, **_: read.append(params["ShardId"])
    )
    found = list(find_in_stream(client, "uploads", {V1}, int(time.time() * 1000) - 60_000))
    assert [each.sequence_number for each in found] == answered.numbers[V1]
    spans = {each["ShardId"]: each["HashKeyRange"] for each in client.list_shards(StreamName="uploads")["Shards"]}
    (shard,) = set(read)
    assert int(spans[shard]["StartingHashKey"]) <= hash_key(V1) <= int(spans[shard]["EndingHashKey"])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("junk", "no JSON"),
        ("[]", "no JSON object"),
        ("[" * 100_000, "nested"),
        ('{"Records": []}', "soundgate files --sqs"),
        ('{"UserID": 1}', "it lacks TrackName, TrackPath"),
        (request("x", PartitionKey=5), "no text of 1 to 256"),
        (request("x" * 257), "no text of 1 to 256"),
        (request("x").replace('"PartitionKey": "x"', '"PartitionKey": "\\ud800"'), "no text$"),
    ],
)
def test_what_is_no_request_is_refused_in_words(body: str, says: str) -> None:
    with pytest.raises(EventError, match=says):
        parse_request(body)
