"""The records of some partition keys, out of a stream or a folder of record files.

A key's records are all in the shards whose range of hash keys holds the MD5 of the key (Kinesis' own rule), so only
these are read, from a time on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from streaming.aggregation import unpack
from streaming.aws import explained
from streaming.errors import UserError
from streaming.kinesis_offsets import TRIM_HORIZON
from streaming.kinesis_shards import CALL_RECORDS, PAUSE_SECONDS, ShardReader, retention_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

FILES = "files:"
COLUMNS = ("data", "streamName", "partitionKey", "sequenceNumber", "approximateArrivalTimestamp")


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies in its stream; the time of its arrival in microseconds since the epoch."""

    partition_key: str
    data: bytes
    stream: str
    sequence_number: str
    arrived_us: int


def find_in_folder(folder: Path, keys: Collection[str]) -> Iterator[Record]:
    """Give the records of some keys from a folder's record files.

    Raises
    ------
    UserError
        There is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"--stream {FILES}{folder}: there is no such folder")
    wanted = sorted(keys)
    for path in sorted(folder.glob("*.parquet")):
        try:
            table = pq.read_table(path, columns=list(COLUMNS), filters=[("partitionKey", "in", wanted)])
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"--stream {FILES}{folder}: {path.name} is no file of records, move it out of the folder: {error}"
            ) from error
        for row in table.to_pylist():
            arrived = int(row["approximateArrivalTimestamp"].timestamp() * 1_000_000)
            yield Record(row["partitionKey"], row["data"], row["streamName"], row["sequenceNumber"], arrived)


def find_in_stream(client: KinesisClient, stream: str, keys: Collection[str], since_ms: int) -> Iterator[Record]:
    """Give the records of some keys from a Kinesis stream, from a time (ms since the epoch) to what is its end now.

    Raises
    ------
    UserError
        There is no such stream, or it cannot be read.
    """
    retention = retention_milliseconds(client, stream)
    begin = str(since_ms) if since_ms > time.time() * 1000 - retention else TRIM_HORIZON
    for shard in _shards_of(client, stream, keys):
        reader = ShardReader(client, stream, shard, begin, "")
        while True:
            records, behind = reader.next_records(CALL_RECORDS)
            for record in records:
                arrived = int(record["ApproximateArrivalTimestamp"].timestamp() * 1_000_000)
                for key, data in unpack(record["PartitionKey"], record["Data"]):
                    if key in keys:
                        yield Record(key, data, stream, record["SequenceNumber"], arrived)
            if reader.ended or not behind:
                break
            time.sleep(PAUSE_SECONDS)  # a shard takes five calls a second, and the job reads it as well


def hash_key(partition_key: str) -> int:
    """Give the number that Kinesis places a partition key by."""
    return int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest(), "big")


def _shards_of(client: KinesisClient, stream: str, keys: Collection[str]) -> list[str]:
    """List the shards that may hold the keys, the closed ones included, parents before children."""
    places = [hash_key(key) for key in keys]
    found: list[str] = []
    asked: dict[str, Any] = {"StreamName": stream}
    with explained(stream):
        while True:
            answer = client.list_shards(**asked)
            for shard in answer["Shards"]:
                span = shard["HashKeyRange"]
                first, last = int(span["StartingHashKey"]), int(span["EndingHashKey"])
                if any(first <= place <= last for place in places):
                    found.append(shard["ShardId"])
            if not answer.get("NextToken"):
                return found
            asked = {"NextToken": answer["NextToken"]}
