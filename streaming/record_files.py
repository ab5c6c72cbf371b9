"""Records -> Parquet files with exactly the Kinesis connector's columns, for Spark's file source to read.

Each file appears whole: it is written under a name that the file source ignores (a leading dot), then renamed.
Sequence numbers are strings of 56 digits, as Kinesis' own, unique in a folder and growing from run to run.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from streaming.chunk import MIB
from streaming.producer import Record, batches

SCHEMA = pa.schema(
    [
        ("data", pa.binary()),
        ("streamName", pa.string()),
        ("partitionKey", pa.string()),
        ("sequenceNumber", pa.string()),
        ("approximateArrivalTimestamp", pa.timestamp("us", tz="UTC")),
    ]
)
FILE_BYTES = 32 * MIB
FILE_RECORDS = 10_000
GROUP_BYTES = 4 * MIB  # a reader takes a row group's rows at once: this bounds its memory, whatever the chunks' size
SUFFIX = ".parquet"


class SequenceNumbers:
    """Gives out sequence numbers: ``49``, the run's start in nanoseconds, the run's own random part, a counter.

    Parameters
    ----------
    folder
        Where records of earlier runs may lie; the numbers begin above all of theirs, even if the clock went back.
    """

    TIME_DIGITS, RUN_DIGITS, COUNT_DIGITS = 20, 16, 18

    def __init__(self, folder: Path) -> None:
        starts = [int(path.name[2:22]) for path in folder.glob(f"49*{SUFFIX}") if path.name[:22].isdecimal()]
        start = max([time.time_ns(), *(earlier + 1 for earlier in starts)])
        run = secrets.randbelow(10**self.RUN_DIGITS)
        self._prefix = f"49{start:0{self.TIME_DIGITS}d}{run:0{self.RUN_DIGITS}d}"
        self._next = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        number = f"{self._prefix}{self._next:0{self.COUNT_DIGITS}d}"
        self._next += 1
        return number


class RecordFileWriter:
    """Writes records into a folder, each batch as one Parquet file.

    Parameters
    ----------
    folder
        Made when it is not there.
    stream
        What to write as ``streamName``; the folder's own name unless given.
    """

    def __init__(self, folder: Path, stream: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._stream = folder.resolve().name if stream is None else stream
        self._numbers = SequenceNumbers(folder)

    def write(self, records: Iterable[Record]) -> list[Path]:
        """Write records as files of about `FILE_BYTES`; returns the files."""
        return [self.put(batch) for batch in batches(records, FILE_RECORDS, FILE_BYTES)]

    def put(self, batch: Sequence[Record]) -> Path:
        """Write a batch, at least one record, as one file; when this returns it is there, whole and on disk."""
        numbers = [next(self._numbers) for _ in batch]
        columns = [
            [record.data for record in batch],
            [self._stream] * len(batch),
            [record.partition_key for record in batch],
            numbers,
            [datetime.now(UTC)] * len(batch),
        ]
        table = pa.table([pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA)
        size = sum(len(record.data) for record in batch)
        path = self._folder / f"{numbers[0]}-{len(batch)}{SUFFIX}"
        _write_whole(table, path, max(1, GROUP_BYTES * len(batch) // max(1, size)))
        return path


def _write_whole(table: pa.Table, path: Path, rows_a_group: int) -> None:
    hidden = path.with_name(f".{path.name}.writing")
    try:
        with hidden.open("wb") as file:
            # Audio does not get smaller: neither compression nor a dictionary pays for the payloads.
            pq.write_table(table, file, compression="none", use_dictionary=False, row_group_size=rows_a_group)
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)
