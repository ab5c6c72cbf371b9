"""``soundgate produce``: files become uploads whose ids are told, and bad requests end with what to do."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner, Result

from streaming import record_files
from streaming.aws import kinesis_client
from streaming.chunk import Chunk
from streaming.cli import app
from streaming.errors import UserError
from streaming.inflate import inflate_legacy, inflate_member
from streaming.producer import Record
from streaming.record_files import RecordFileWriter
from streaming.wire import parse
from udfs.track import Encoding

RATE = 8_000
SAMPLES = (np.sin(np.arange(3 * RATE)[:, None] * [0.2, 0.3]) * 0.5).astype(np.float32)


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """A folder with a file, an audio file in a folder below, and no more."""
    folder = tmp_path / "uploads"
    (folder / "below").mkdir(parents=True)
    (folder / "a file").write_bytes(bytes(range(256)) * 1_000)
    soundfile.write(folder / "below" / "tone.wav", SAMPLES, RATE, subtype="FLOAT")
    return folder


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["produce", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def chunks_in(folder: Path) -> dict[str, list[Chunk]]:
    """The chunks by partition key, in the order of their sequence numbers."""
    rows = [row for path in folder.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    by_key: dict[str, list[Chunk]] = {}
    for row in sorted(rows, key=lambda row: row["sequenceNumber"]):
        chunk = parse(row["data"], row["partitionKey"])
        assert isinstance(chunk, Chunk), chunk
        by_key.setdefault(row["partitionKey"], []).append(chunk)
    return by_key


def test_a_folder_becomes_uploads_under_their_names(uploads: Path, tmp_path: Path):
    result = run(uploads, "--to", f"files:{tmp_path / 'out'}", "--user", "alice", "--chunk-size", "100KiB")
    assert result.exit_code == 0
    chunks = chunks_in(tmp_path / "out")
    assert set(chunks) == {"alice/a file", "alice/below/tone.wav"}
    assert b"".join(chunk.payload for chunk in chunks["alice/a file"]) == (uploads / "a file").read_bytes()
    assert [len(chunk.payload) for chunk in chunks["alice/a file"]] == [102_400, 102_400, 51_200]
    told = {line.split("  ")[1]: line.split("  ")[0] for line in result.stdout.splitlines()}
    assert told == {key: parts[0].upload_id for key, parts in chunks.items()}
    assert all(uuid.UUID(upload_id) for upload_id in told.values())


def test_uploads_are_written_in_turn(uploads: Path, tmp_path: Path):
    run(uploads, "--to", f"files:{tmp_path / 'out'}", "--chunk-size", "50KB")
    (path,) = (tmp_path / "out").glob("*.parquet")
    keys = pq.read_table(path)["partitionKey"].to_pylist()
    assert keys[:4] == ["local/a file", "local/below/tone.wav"] * 2


def test_the_summary_for_machines_counts_every_record(uploads: Path, tmp_path: Path):
    result = run(uploads, "--to", f"files:{tmp_path / 'out'}", "--json")
    summary = json.loads(result.stdout)
    chunks = chunks_in(tmp_path / "out")
    assert summary["records"] == sum(len(parts) for parts in chunks.values())
    assert {upload["partition_key"]: upload["chunks"] for upload in summary["uploads"]} == {
        key: len(parts) for key, parts in chunks.items()
    }
    assert {upload["upload_id"] for upload in summary["uploads"]} == {parts[0].upload_id for parts in chunks.values()}


def test_chunks_are_gzip_members_when_asked(uploads: Path, tmp_path: Path):
    run(uploads / "a file", "--to", f"files:{tmp_path / 'out'}", "--gzip")
    (parts,) = chunks_in(tmp_path / "out").values()
    assert b"".join(inflate_member(chunk.payload, 1 << 20) for chunk in parts) == (uploads / "a file").read_bytes()


def test_samples_are_decoded_when_asked(uploads: Path, tmp_path: Path):
    run(uploads / "below" / "tone.wav", "--to", f"files:{tmp_path / 'out'}", "--encoding", "F32LE")
    ((key, parts),) = chunks_in(tmp_path / "out").items()
    assert key == "local/tone.wav"
    assert (parts[0].encoding, parts[0].sample_rate, parts[0].channels) == (Encoding.F32LE, RATE, 2)
    assert b"".join(chunk.payload for chunk in parts) == SAMPLES.tobytes()


def test_legacy_uploads_are_mono_and_found_by_their_key(uploads: Path, tmp_path: Path):
    result = run(uploads / "below" / "tone.wav", "--to", f"files:{tmp_path / 'out'}", "--legacy")
    ((key, parts),) = chunks_in(tmp_path / "out").items()
    track = inflate_legacy([chunk.payload for chunk in parts], 1 << 20)
    assert track is not None
    np.testing.assert_allclose(np.frombuffer(track, "<f4"), SAMPLES.mean(axis=1), atol=1e-6)
    assert (parts[0].name, parts[0].sample_rate) == ("tone.wav", RATE)
    assert result.stdout.startswith("legacy")
    assert key in result.stdout


def test_a_file_that_cannot_be_cut_is_told_and_the_rest_is_written(uploads: Path, tmp_path: Path):
    (uploads / "empty").touch()
    result = run(uploads, "--to", f"files:{tmp_path / 'out'}", "--json")
    assert result.exit_code == 1
    failures = {Path(upload["path"]).name: upload["failure"] for upload in json.loads(result.stdout)["uploads"]}
    assert failures == {"a file": None, "tone.wav": None, "empty": "an empty track has no chunk that could carry it"}
    assert len(chunks_in(tmp_path / "out")) == 2
    named = run(uploads, "--to", f"files:{tmp_path / 'out'}", "--encoding", "F32LE")
    assert named.exit_code == 1
    assert "a file was not written whole: decode.not_audio" in named.stderr


def test_what_was_written_before_the_end_is_told_with_its_upload_ids(
    uploads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    put, calls = RecordFileWriter.put, []

    def fill_disk(writer: RecordFileWriter, batch: Sequence[Record]) -> Path:
        calls.append(batch)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return put(writer, batch)

    monkeypatch.setattr(RecordFileWriter, "put", fill_disk)
    monkeypatch.setattr(record_files, "FILE_BYTES", 60_000)
    there = ["--to", f"files:{tmp_path / 'out'}", "--chunk-size", "50KB", "--json"]
    result = CliRunner().invoke(app, ["produce", str(uploads), *there])
    assert isinstance(result.exception, UserError)
    assert "No space left" in str(result.exception)
    told = json.loads(result.stdout)["uploads"]
    written = chunks_in(tmp_path / "out")
    assert {upload["partition_key"]: upload["chunks"] for upload in told} == {
        key: len(parts) for key, parts in written.items()
    }
    assert [upload["complete"] for upload in told] == [False, False]
    assert {upload["upload_id"] for upload in told} == {parts[0].upload_id for parts in written.values()}


def test_names_that_a_terminal_would_act_on_are_told_harmlessly(tmp_path: Path):
    hostile = tmp_path / "a\x1b[31m\nb"
    hostile.write_bytes(b"data")
    result = run(hostile, "--to", f"files:{tmp_path / 'out'}")
    assert "\x1b" not in result.output
    assert result.stdout.count("\n") == 1
    assert list(chunks_in(tmp_path / "out")) == ["local/a\x1b[31m\nb"]


def test_a_name_that_is_no_unicode_is_written_with_replacement_characters(tmp_path: Path):
    path = Path(str(tmp_path) + "/" + b"caf\xe9".decode("utf-8", "surrogateescape"))
    path.write_bytes(b"data")
    run(path, "--to", f"files:{tmp_path / 'out'}")
    assert list(chunks_in(tmp_path / "out")) == ["local/caf\ufffd"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "somewhere"], "neither files:DIR nor kinesis:STREAM"),
        (["--to", "files:"], "neither files:DIR nor kinesis:STREAM"),
        (["--to", "files:OUT", "--legacy", "--gzip"], "leave --encoding and --gzip out"),
        (["--to", "files:OUT", "--legacy", "--encoding", "F32LE"], "leave --encoding and --gzip out"),
        (["--to", "files:OUT", "--chunk-size", "many"], "no size"),
        (["--to", "files:OUT", "--chunk-size", "0"], "outside 1 to"),
        (["--to", "files:OUT", "--chunk-size", "11MiB"], "outside 1 to"),
        (["--to", "files:OUT", "--chunk-size", "2"], "over 100000 chunks"),
        (["--to", "files:OUT", "--user", "a/b"], "--user 'a/b' cannot be used"),
        (["--to", "files:OUT", "--region", "eu-west-1"], "are for --to kinesis"),
        (["--to", "files:OUT/a file/x"], "cannot write into"),
    ],
)
def test_a_request_that_cannot_be_carried_out_says_what_to_do(uploads: Path, arguments: list[str], message: str):
    with pytest.raises(UserError, match=message) as caught:
        run(uploads, *(argument.replace("OUT", str(uploads)) for argument in arguments))
    assert caught.value.exit_code == 2


def test_legacy_files_that_would_share_a_key_are_refused(uploads: Path, tmp_path: Path):
    (tmp_path / "tone.wav").write_bytes((uploads / "below" / "tone.wav").read_bytes())
    with pytest.raises(UserError, match=r"2 files would share the key 'local/tone.wav'"):
        run(uploads / "below", tmp_path / "tone.wav", "--to", f"files:{tmp_path / 'out'}", "--legacy")


def test_an_empty_folder_and_a_missing_file_are_told(tmp_path: Path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match="no file to produce"):
        run(tmp_path / "nothing", "--to", f"files:{tmp_path / 'out'}")
    with pytest.raises(UserError, match="no such file"):
        run(tmp_path / "missing", "--to", f"files:{tmp_path / 'out'}")


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = kinesis_client("eu-west-1", f"http://{host}:{port}")
    client.create_stream(StreamName="uploads", ShardCount=1)
    yield f"http://{host}:{port}", client
    client.delete_stream(StreamName="uploads")  # moto's streams outlive its server
    server.stop()


def test_a_stream_gets_the_same_records_as_a_folder(uploads: Path, kinesis: tuple[str, Any]):
    endpoint, client = kinesis
    there = ["--region", "eu-west-1", "--endpoint-url", endpoint]
    result = run(uploads, "--to", "kinesis:uploads", *there, "--json")
    assert result.exit_code == 0
    shard = client.list_shards(StreamName="uploads")["Shards"][0]["ShardId"]
    start = client.get_shard_iterator(StreamName="uploads", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = client.get_records(ShardIterator=start["ShardIterator"])["Records"]
    chunks = [parse(record["Data"], record["PartitionKey"]) for record in records]
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    assert len(chunks) == json.loads(result.stdout)["records"] == 2
    with pytest.raises(UserError, match=r"takes records of 1048576 bytes: use a --chunk-size of at most 1046528"):
        run(uploads, "--to", "kinesis:uploads", *there, "--chunk-size", "1MiB")
    with pytest.raises(UserError, match="stream 'missing' does not exist"):
        run(uploads, "--to", "kinesis:missing", *there)
