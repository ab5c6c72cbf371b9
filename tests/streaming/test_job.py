"""The real query, with its real state store and real Delta tables, over one mixed set of uploads."""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import duckdb
import numpy as np
import pytest
from chispa.schema_comparer import assert_schema_equality
from deltalake import DeltaTable
from job_rig import KNOWN, RATE, Rig, make_rig, make_sound, records, upload, upload_id, write_wave
from pyspark.sql import SparkSession
from rebuilding import altered, make_chunks, make_legacy_slices

from streaming.chunk import Compression
from streaming.producer import Record
from streaming.schemas import REJECTION, VERDICT
from streaming.wire_legacy import legacy_upload_id

pytestmark = pytest.mark.spark

WHOLE, SPREAD, DOUBLED, TEXT, BOMB, BROKEN, HOSTILE, GZIPPED, AGAIN, TORN = range(1, 11)
HOSTILE_KEY = "../../etc/'; DROP TABLE\x1b[31m\u202e\n=1+1|<b>/..\\x"
LEGACY_KEY = "carol/legacy"
POISON = (b"", b"{}", b"SG\x01\x0a\x10" + bytes(range(16)) + b"\xff\xff", b"\x00" * 100_000)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, index: Path, spark: SparkSession) -> Rig:
    """Run the job once over three batches of everything."""
    rig = make_rig(tmp_path_factory.mktemp("job"), index, max_upload_bytes=2 << 20, max_rejected_bytes=1_000)
    first, second, third = plan_batches()
    for batch in (first, second, third):
        rig.put(batch)
    rig.work(spark)
    return rig


def plan_batches() -> tuple[list[Record], list[Record], list[Record]]:
    """Spread the uploads over three batches."""
    spread = upload(SPREAD, write_wave(2))
    doubled = upload(DOUBLED, write_wave(3), key="bob/twice")
    rival = records([altered(make_chunks(write_wave(3), 64 << 10, upload_id(DOUBLED))[0], payload=b"x")], "bob/twice")
    torn = upload(TORN, write_wave(4))
    gzipped = records(make_chunks(write_wave(9), 50_000, upload_id(GZIPPED), Compression.GZIP), "gina/packed")
    bomb = make_chunks(bytes(3 << 20), 3 << 20, upload_id(BOMB), Compression.GZIP)[0]
    broken = make_chunks(write_wave(5), 64 << 10, upload_id(BROKEN))
    broken[-1] = altered(broken[-1], track_sha256=sha256(b"another").hexdigest())
    legacy = [Record(LEGACY_KEY, data) for data in make_legacy_slices(legacy_samples(), 275_000)]
    first = [
        *upload(WHOLE, write_wave(KNOWN), key="alice/known"),
        *spread[2:3],
        *doubled[:2],
        *upload(TEXT, b"Just a text, of many lines.\n" * 2_000),
        *records([altered(bomb, track_bytes=5)], "mallory/bomb"),
        *records(broken, "dave/broken"),
        *upload(HOSTILE, write_wave(6), key=HOSTILE_KEY),
        *gzipped[1:],
        *(Record("eve/poison", data) for data in POISON),
    ]
    second = [*doubled[:1], *rival, *spread[:2], *torn[:1], *torn[2:], *legacy[1:]]
    third = [
        *spread[3:],
        *doubled[2:],
        *upload(WHOLE, write_wave(KNOWN), key="alice/known")[:1],
        *gzipped[:1],
        *legacy[:1],
        *upload(AGAIN, write_wave(KNOWN), key="alice/known"),
    ]
    return first, second, third


def legacy_samples() -> bytes:
    return make_sound(8, 8.0).astype("<f4").tobytes()


def test_every_upload_has_exactly_one_verdict(rig: Rig) -> None:
    verdicts = rig.verdicts()
    decided = {number: verdicts.pop(upload_id(number))["decision"] for number in range(1, TORN)}
    assert decided == {
        WHOLE: "accept",
        SPREAD: "accept",
        DOUBLED: "accept",
        TEXT: "reject",
        BOMB: "reject",
        BROKEN: "review",
        HOSTILE: "accept",
        GZIPPED: "accept",
        AGAIN: "accept",
    }
    (legacy,) = verdicts.values()
    assert legacy["decision"] == "accept"


@pytest.mark.parametrize(
    ("number", "seed"), [(WHOLE, KNOWN), (SPREAD, 2), (DOUBLED, 3), (HOSTILE, 6), (GZIPPED, 9), (AGAIN, KNOWN)]
)
def test_accepted_tracks_are_stored_byte_for_byte_under_their_hash(rig: Rig, number: int, seed: int) -> None:
    row = rig.verdicts()[upload_id(number)]
    data = write_wave(seed)
    assert (row["sha256"], row["bytes"]) == (sha256(data).hexdigest(), len(data))
    assert row["stored_at"] == str(rig.root / "lake" / "tracks" / row["sha256"])
    assert Path(row["stored_at"]).read_bytes() == data


def test_only_accepted_tracks_are_stored(rig: Rig) -> None:
    stored = {path.name for path in (rig.root / "lake" / "tracks").iterdir()}
    assert stored == {row["sha256"] for row in rig.verdicts().values() if row["decision"] == "accept"}
    assert all(row["stored_at"] is None for row in rig.verdicts().values() if row["decision"] != "accept")


def test_a_known_recording_is_recognised_and_an_unknown_is_not(rig: Rig) -> None:
    verdicts = rig.verdicts()
    known, unknown = verdicts[upload_id(WHOLE)], verdicts[upload_id(SPREAD)]
    assert (known["identity"], known["reference_id"]) == ("match", "known-song")
    assert abs(known["query_offset_ms"] - known["reference_offset_ms"]) <= 100
    assert (unknown["identity"], unknown["reference_id"]) == ("no_match", None)


def test_the_facts_of_a_track_are_in_its_row(rig: Rig) -> None:
    row = rig.verdicts()[upload_id(SPREAD)]
    assert (row["container"], row["codec"], row["sample_rate"], row["channels"]) == ("wav", "pcm_s16", RATE, 1)
    assert abs(row["duration_ms"] - 6_000) <= 1
    assert (row["user_id"], row["track_name"], row["stream"]) == ("user2", "track 2.wav", "test")
    assert row["chunks_expected"] == row["chunks_received"] == 5
    assert row["first_sequence_number"] < row["last_sequence_number"]
    assert row["latency_ms"] >= 0
    assert row["decided_at"] > row["last_arrival"] >= row["first_arrival"]


def test_reproducibility_is_in_every_judged_row(rig: Rig) -> None:
    manifest = sha256((rig.index / "manifest.json").read_bytes()).hexdigest()
    rows = [row for row in rig.verdicts().values() if row["sha256"]]
    assert {row["index_sha256"] for row in rows} == {manifest}
    assert {row["settings_sha256"] for row in rig.verdicts().values()} == {rig.settings().sha256}


def test_duplicates_are_counted_and_a_conflict_is_one_rejection(rig: Rig) -> None:
    row = rig.verdicts()[upload_id(DOUBLED)]
    assert (row["chunks_received"], row["chunks_duplicate"]) == (5, 1)
    conflicts = [each for each in rig.rejections() if each["reason"] == "chunk.conflict"]
    assert [each["upload_id"] for each in conflicts] == [upload_id(DOUBLED)]


def test_a_duplicate_after_the_verdict_is_one_late_row(rig: Rig) -> None:
    late = [each for each in rig.rejections() if each["reason"] == "chunk.late"]
    assert [each["upload_id"] for each in late] == [upload_id(WHOLE)]


@pytest.mark.parametrize(
    ("number", "reason"), [(BOMB, "upload.too_large"), (BROKEN, "error.upload_digest"), (TEXT, "decode.not_audio")]
)
def test_what_cannot_be_let_in_says_why(rig: Rig, number: int, reason: str) -> None:
    row = rig.verdicts()[upload_id(number)]
    assert reason in row["reasons"]
    assert json.loads(row["evidence"])["reasons"]


def test_a_legacy_upload_is_rebuilt_and_named_after_its_first_record(rig: Rig) -> None:
    (row,) = [each for each in rig.verdicts().values() if each["partition_key"] == LEGACY_KEY]
    assert row["sha256"] == sha256(legacy_samples()).hexdigest()
    assert (row["container"], row["sample_rate"], row["channels"]) == ("raw", 44_100, 1)
    first_seen = row["first_sequence_number"]
    assert row["upload_id"] == legacy_upload_id(LEGACY_KEY, first_seen)


def test_each_poisonous_record_is_one_rejection_with_its_bytes(rig: Rig) -> None:
    rows = [each for each in rig.rejections() if each["partition_key"] == "eve/poison"]
    assert [row["reason"] for row in rows] == [
        "wire.unknown_format",
        "wire.legacy_label",
        "wire.protobuf",
        "wire.unknown_format",
    ]
    assert [row["data"] for row in rows] == [data[:1_000] for data in POISON]
    assert [row["data_sha256"] for row in rows] == [sha256(data).hexdigest() for data in POISON]
    assert [row["data_truncated"] for row in rows] == [False, False, False, True]


def test_hostile_keys_are_kept_as_they_are_and_name_no_file(rig: Rig) -> None:
    row = rig.verdicts()[upload_id(HOSTILE)]
    assert row["partition_key"] == HOSTILE_KEY
    assert (row["user_id"], row["track_name"]) == ("..", HOSTILE_KEY[3:])
    names = {path.name for path in rig.root.rglob("*")}
    assert not [name for name in names if "DROP" in name or "passwd" in name]


def test_spark_delta_rs_and_duckdb_read_the_same_rows(rig: Rig, spark: SparkSession) -> None:
    for name, schema in (("verdicts", VERDICT), ("rejections", REJECTION)):
        path = str(rig.root / "lake" / name)
        by_spark = spark.read.format("delta").load(path)
        assert_schema_equality(by_spark.schema, schema)
        by_rust = rig.table(name)
        with duckdb.connect() as connection:
            connection.load_extension(str(delta_extension()))
            by_duckdb = connection.execute(f"SELECT * FROM delta_scan('{path}')").to_arrow_table()  # noqa: S608
        assert by_rust.num_rows > 0
        key = "sequence_number" if name == "rejections" else "upload_id"
        spark_rows, rust_rows, duckdb_rows = (
            sorted(table.to_pylist(), key=lambda row: str(row[key]))
            for table in (by_spark.toArrow(), by_rust, by_duckdb)
        )
        assert rust_rows == spark_rows
        assert duckdb_rows == spark_rows


def delta_extension() -> Path:
    """Find DuckDB's own signed extension, which a package carries here."""
    (folder,) = find_spec("duckdb_extension_delta").submodule_search_locations  # type: ignore[union-attr,misc]
    return next(Path(folder).rglob("delta.duckdb_extension"))


def test_tables_need_no_reader_feature(rig: Rig) -> None:
    for name in ("verdicts", "rejections"):
        table = DeltaTable(rig.root / "lake" / name)
        assert table.protocol().min_reader_version == 1
        assert table.metadata().configuration["delta.enableDeletionVectors"] == "false"


def test_only_the_torn_upload_is_in_flight_and_only_the_last_batch_is_staged(rig: Rig) -> None:
    assert rig.in_flight() == 1
    staged = list((rig.root / "checkpoint" / "staged").glob("*"))
    assert len(staged) <= 1  # the last batch's, which the next one clears


def test_a_second_run_finds_nothing_to_do_and_changes_nothing(rig: Rig, spark: SparkSession) -> None:
    before = [rig.table(name).num_rows for name in ("verdicts", "rejections")]
    rig.work(spark)
    assert [rig.table(name).num_rows for name in ("verdicts", "rejections")] == before


def test_sounds_of_the_tests_are_sounds() -> None:
    assert np.abs(make_sound(1)).max() < 1
