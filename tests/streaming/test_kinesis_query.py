"""Producer -> local Kinesis -> source -> DataFrame, with a reshard in the middle, a clean stop and a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from kinesis_query import BATCH_BYTES

from streaming.aws import kinesis_client
from streaming.kinesis_writer import KinesisWriter
from streaming.local_kinesis import REGION, LocalKinesis
from streaming.producer import Record, interleave, new_upload_id, track_records
from streaming.wire import parse, route
from udfs.track import Track

SCRIPT = Path(__file__).with_name("kinesis_query.py")
PATIENCE_SECONDS = 240.0


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalKinesis]:
    with LocalKinesis({"uploads": 2}) as kinesis:
        for name, value in kinesis.environment.items():
            monkeypatch.setenv(name, value)
        yield kinesis


class Query:
    """The query's process; ended with the test whatever happens."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "log"
        self._command = [sys.executable, str(SCRIPT), "uploads", endpoint, str(folder)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)

    def order(self, what: str) -> None:
        """Order something of the running process; it is carried out when this returns."""
        self.prepare(what)
        self.wait_until(lambda: not (self._folder / what).exists())

    def prepare(self, what: str) -> None:
        """Order something for when it comes to it."""
        (self._folder / what).touch()

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE_SECONDS)

    def wait_until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true():
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.2)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@pytest.fixture
def query(kinesis: LocalKinesis, tmp_path: Path) -> Iterator[Query]:
    query = Query(kinesis.url, tmp_path)
    yield query
    query.end()


Row = dict[str, Any]


def runs_of(folder: Path) -> dict[int, list[list[Row]]]:
    """The rows of each run of each batch that was written whole."""
    runs: dict[int, list[list[Row]]] = defaultdict(list)
    for path in sorted((folder / "rows").glob("*.parquet")):
        runs[int(path.name.split("-")[0])].append(pq.read_table(path).to_pylist())
    return runs


def rows_in(folder: Path) -> int:
    """How many rows there are, those of batches that ran twice counted once."""
    files = {path.name.split("-")[0]: path for path in (folder / "rows").glob("*.parquet")}
    return sum(pq.read_metadata(path).num_rows for path in files.values())


def make_uploads(count: int) -> list[Record]:
    """Records of several uploads, interleaved as several users send them."""
    tracks = [Track(os.urandom(9_000)) for _ in range(count)]
    return list(interleave(track_records(track, f"user/{n}", new_upload_id(), 1_000) for n, track in enumerate(tracks)))


@pytest.mark.spark
def test_every_record_comes_once_and_in_order_through_reshards_a_stop_and_a_kill(
    kinesis: LocalKinesis, query: Query, tmp_path: Path
):
    client = kinesis_client(REGION, kinesis.url)
    writer = KinesisWriter(client, "uploads")
    written: list[Record] = []

    def produce(records: list[Record]) -> None:
        writer.write(records)
        written.extend(records)

    def all_read() -> bool:
        return rows_in(tmp_path) == len(written)

    # Read, with a reshard while the query runs, and stop cleanly.
    produce(make_uploads(4))
    query.start()
    query.wait_until(all_read)
    records = make_uploads(4)
    produce(records[:16])
    reshard(client, 3)
    produce(records[16:])
    query.wait_until(all_read)
    query.order("pause")

    # A reshard while it is stopped; going on, it is killed with a batch written and not committed.
    records = make_uploads(4)
    produce(records[:16])
    reshard(client, 2)
    produce(records[16:])
    query.prepare("kill")
    query.order("go")
    assert query.wait() == -signal.SIGKILL

    # More comes before the batch that was cut off is run again.
    produce(make_uploads(4))
    query.start()
    query.wait_until(all_read)
    query.prepare("end")
    assert query.wait() == 0

    runs = runs_of(tmp_path)
    (again,) = [batch for batch in runs.values() if len(batch) > 1]
    assert len(again) == 2
    assert again[0] == again[1]  # the batch that was killed came again just as it was
    assert again[0]
    rows = [row for batch in sorted(runs) for row in runs[batch][-1]]
    assert sorted((row["partitionKey"], row["data"]) for row in rows) == sorted(
        (record.partition_key, record.data) for record in written
    )
    assert max(sum(len(row["data"]) for row in batch[-1]) for batch in runs.values()) <= BATCH_BYTES
    assert order_of(rows) == order_of(
        [{"partitionKey": record.partition_key, "data": record.data} for record in written]
    )
    assert [row["routed"] for row in rows] == [route(row["data"]) for row in rows]


def reshard(client: Any, shards: int) -> None:
    client.update_shard_count(StreamName="uploads", TargetShardCount=shards, ScalingType="UNIFORM_SCALING")
    while client.describe_stream_summary(StreamName="uploads")["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.05)


def order_of(rows: list[Row]) -> dict[str, list[tuple[str, int]]]:
    """For each key, which chunk of which upload came when."""
    order: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in rows:
        chunk = parse(row["data"], row["partitionKey"])
        order[row["partitionKey"]].append((chunk.upload_id, chunk.index))  # type: ignore[union-attr]
    return order


@pytest.mark.slow
@pytest.mark.spark
def test_a_stream_that_does_not_exist_ends_the_query_with_what_to_do(kinesis: LocalKinesis, tmp_path: Path):
    missing = [sys.executable, str(SCRIPT), "missing", kinesis.url, str(tmp_path)]
    result = subprocess.run(missing, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert result.returncode == 1
    assert "stream 'missing' does not exist there: check its name" in result.stderr
