"""Records in Parquet files: the connector's columns, each file whole, numbers that only grow."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql.pandas.types import from_arrow_schema

from streaming import record_files
from streaming.producer import Record
from streaming.record_files import GROUP_BYTES, SCHEMA, RecordFileWriter, SequenceNumbers
from streaming.schemas import RECORD

RECORDS = [Record(f"u/{index} Ä\x00", bytes([index]) * index) for index in range(5)]


def rows_of(folder: Path) -> list[dict[str, object]]:
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_the_columns_are_exactly_the_kinesis_connectors():
    assert from_arrow_schema(SCHEMA) == RECORD


def test_records_are_written_as_they_are(tmp_path: Path):
    folder = tmp_path / "my stream"
    before = datetime.now(UTC)
    (path,) = RecordFileWriter(folder).write(RECORDS)
    rows = rows_of(folder)
    assert [(row["partitionKey"], row["data"]) for row in rows] == [(r.partition_key, r.data) for r in RECORDS]
    assert {row["streamName"] for row in rows} == {"my stream"}
    assert all(before <= row["approximateArrivalTimestamp"] <= datetime.now(UTC) + timedelta(0) for row in rows)  # type: ignore[operator]
    assert pq.read_schema(path).equals(SCHEMA)


def test_sequence_numbers_look_and_sort_like_kinesis_own(tmp_path: Path):
    numbers = list(itertools.islice(SequenceNumbers(tmp_path), 1_000))
    assert all(len(number) == 56 and number.isdecimal() and number.startswith("49") for number in numbers)
    assert numbers == sorted(set(numbers))


def test_numbers_grow_from_run_to_run_even_if_the_clock_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for now in (3_000_000_000, 1_000_000_000, 2_000_000_000, 2_000_000_000):
        monkeypatch.setattr(record_files.time, "time_ns", lambda now=now: now)
        RecordFileWriter(tmp_path).write(RECORDS)
    by_run = [
        [row["sequenceNumber"] for row in pq.read_table(path).to_pylist()] for path in in_order_of_writing(tmp_path)
    ]
    numbers = [number for run in by_run for number in run]
    assert len(numbers) == 4 * len(RECORDS)
    assert numbers == sorted(set(numbers))


def in_order_of_writing(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)


def test_runs_at_the_same_moment_never_share_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(record_files.time, "time_ns", lambda: 7)
    one, other = SequenceNumbers(tmp_path), SequenceNumbers(tmp_path)
    assert not set(itertools.islice(one, 100)) & set(itertools.islice(other, 100))


def test_other_files_in_the_folder_do_not_disturb(tmp_path: Path):
    for name in ("49.parquet", "49notes.parquet", "readme.txt", "_SUCCESS"):
        (tmp_path / name).touch()
    RecordFileWriter(tmp_path).write(RECORDS)


def test_a_file_is_hidden_from_spark_until_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[str] = []
    write_table = pq.write_table

    def look_while_writing(*args: object, **named: object) -> None:
        write_table(*args, **named)
        seen.extend(path.name for path in tmp_path.iterdir())

    monkeypatch.setattr(record_files.pq, "write_table", look_while_writing)
    (path,) = RecordFileWriter(tmp_path).write(RECORDS)
    assert len(seen) == 1
    assert seen[0].startswith(".")  # as names that Spark's file source passes over do
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fill_disk(_table: object, file: object, **_named: object) -> None:
        file.write(b"PAR1")  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record_files.pq, "write_table", fill_disk)
    with pytest.raises(OSError, match="No space"):
        RecordFileWriter(tmp_path).write(RECORDS)
    assert list(tmp_path.iterdir()) == []


def test_files_and_row_groups_stay_small_enough_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(record_files, "FILE_BYTES", 10 << 20)
    records = [Record("u/n", bytes(256 << 10)) for _ in range(100)]
    paths = RecordFileWriter(tmp_path).write(records)
    assert len(paths) == 3
    for path in paths:
        metadata = pq.read_metadata(path)
        sizes = [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]
        assert max(sizes) < 1.1 * GROUP_BYTES
    assert len(rows_of(tmp_path)) == 100
