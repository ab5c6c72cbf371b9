"""What tests of the whole job share: sounds, uploads as records, a job's folders, and its tables."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile
from deltalake import DeltaTable
from numpy.typing import NDArray
from pyspark.sql import SparkSession
from rebuilding import make_chunks

from streaming.chunk import Chunk, Compression
from streaming.producer import Record
from streaming.record_files import RecordFileWriter
from streaming.run import Job, run
from streaming.settings import Settings, load_settings
from streaming.wire_v1 import encode_v1

RATE = 22_050
KNOWN = 7  # the seed of the recording that the index knows
TIMES = ("decided_at", "latency_ms", "first_arrival", "last_arrival", "arrived_at", "rejected_at")


@cache
def make_sound(seed: int, seconds: float = 6.0) -> NDArray[np.float64]:
    """Play a melody of decaying notes, another for each seed; mono, -1..1."""
    random = np.random.default_rng(seed)
    times = np.arange(int(0.25 * RATE)) / RATE
    notes = []
    for _ in range(int(seconds / 0.25)):
        tones = [np.sin(2 * np.pi * pitch * times) for pitch in random.uniform(200, 4000, 4)]
        notes.append(np.exp(-6 * times) * np.sum(tones, axis=0) / 5)
    return np.concatenate(notes) + random.normal(0, 0.002, len(notes) * len(times))


def write_wave(seed: int, seconds: float = 6.0) -> bytes:
    """Give the sound as the bytes of a 16-bit WAV."""
    buffer = io.BytesIO()
    soundfile.write(buffer, make_sound(seed, seconds), RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def upload_id(number: int) -> str:
    """Give the upload id that tests call by a number."""
    return f"00000000-0000-4000-8000-{number:012d}"


def upload(number: int, data: bytes, key: str | None = None, size: int = 64 << 10) -> list[Record]:
    """Cut a track into the records of one upload."""
    chunks = make_chunks(data, size, upload_id(number), Compression.NONE)
    return records(chunks, key or f"user{number}/track {number}.wav")


def records(chunks: Iterable[Chunk], key: str) -> list[Record]:
    """Encode chunks under a partition key."""
    return [Record(key, encode_v1(chunk)) for chunk in chunks]


@dataclass(frozen=True)
class Rig:
    """A job's folders and settings."""

    root: Path
    index: Path | str
    changes: dict[str, Any]

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    def put(self, batch: Sequence[Record]) -> Path:
        """Add a record file, newer than those before: the source takes them by time."""
        number = len(list(self.inbox.glob("*.parquet"))) if self.inbox.exists() else 0
        (path,) = RecordFileWriter(self.inbox, stream="test").write(batch)
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        return path

    def settings(self, **changes: Any) -> Settings:
        """Make the settings: a file a batch, and no upload is given up while the test is slow."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        flags = {
            "source": f"files:{self.inbox}",
            "index": self.index,
            "lake": str(self.root / "lake"),
            "checkpoint": str(self.root / "checkpoint"),
            "trigger_seconds": 0.2,
            "partitions": 2,
            "max_batch_bytes": 1,
        }
        return load_settings({**flags, **self.changes, **changes})

    def drain(self, spark: SparkSession, **changes: Any) -> None:
        """Run the job until nothing is left to do, in flight included."""
        run(self.settings(drain=True, **changes), spark)

    def work(self, spark: SparkSession, **changes: Any) -> None:
        """Run the job until it has read all that is there; what is in flight stays so."""
        job = Job(spark, self.settings(**changes))
        query = job.start()
        while query.isActive and (query.lastProgress is None or query.lastProgress["numInputRows"]):
            time.sleep(0.1)
        job.stop()

    def in_flight(self) -> int:
        """Give the uploads in flight, as the job counts them."""
        progress: dict[str, Any] = json.loads((self.root / "checkpoint" / "progress.json").read_text())
        return int(progress["in_flight"])

    def table(self, name: str) -> pa.Table:
        """Read a table through delta-rs."""
        return DeltaTable(self.root / "lake" / name).to_pyarrow_table()

    def verdicts(self) -> dict[str, dict[str, Any]]:
        """Give the verdicts by upload id; two for one upload are an error."""
        rows = self.table("verdicts").to_pylist()
        by_id = {row["upload_id"]: row for row in rows}
        assert len(by_id) == len(rows), "an upload has two verdicts"
        return by_id

    def rejections(self) -> list[dict[str, Any]]:
        """Give the rejections, in the order that their records came."""
        rows: list[dict[str, Any]] = self.table("rejections").to_pylist()
        return sorted(rows, key=lambda row: row["sequence_number"])


def make_rig(root: Path, index: Path | str, **changes: Any) -> Rig:
    """Make a job's folders."""
    return Rig(root, index, changes)


def without_times(table: pa.Table) -> list[dict[str, Any]]:
    """Give rows less the columns that depend on the clock, in a fixed order."""
    kept = [name for name in table.column_names if name not in TIMES]
    return sorted(table.select(kept).to_pylist(), key=repr)
