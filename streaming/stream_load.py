"""How much load a stream carries, and what follows from it: shards by target tracking, hot partition keys."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from streaming.aws import explained_service
from streaming.kinesis_offsets import START
from streaming.kinesis_shards import CALL_RECORDS, EMPTY_CALLS, ShardReader, list_shards
from streaming.stream_set import Tracking

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_kinesis import KinesisClient

SHARD_BYTES = 1_000_000  # a second; all records of one key go to one shard
SHARD_RECORDS = 1_000  # a second
LOAD_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Load:
    """What a stream took in a second, on average, and how many records it refused in all."""

    bytes_per_second: float
    records_per_second: float
    throttled: int


@dataclass(frozen=True, slots=True)
class HotKey:
    """A partition key that brings more than one shard can take, so that no resharding helps."""

    partition_key: str
    bytes_per_second: float
    records_per_second: float


def wanted_shards(shards: int, load: Load, policy: Tracking) -> int:
    """Work out a provisioned stream's shards, so that their use is near the target.

    One call can at most double the shards or halve them, and never takes them past the policy's bounds.
    """
    use = max(load.bytes_per_second / SHARD_BYTES, load.records_per_second / SHARD_RECORDS)
    wanted = max(policy.min_shards, min(policy.max_shards, math.ceil(use / policy.target)))
    return max(math.ceil(shards / 2), min(shards * 2, wanted))


def measure_load(client: CloudWatchClient, stream: str, minutes: int = LOAD_MINUTES) -> Load:
    """Ask CloudWatch for a stream's load over the last whole minutes."""
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    names = ("IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded")

    def total(metric: str) -> float:
        with explained_service("CloudWatch"):
            answer = client.get_metric_statistics(
                Namespace="AWS/Kinesis",
                MetricName=metric,
                Dimensions=[{"Name": "StreamName", "Value": stream}],
                StartTime=end - timedelta(minutes=minutes),
                EndTime=end,
                Period=60 * minutes,
                Statistics=["Sum"],
            )
        return sum(point["Sum"] for point in answer["Datapoints"])

    taken, records, throttled = (total(name) for name in names)
    return Load(taken / (60 * minutes), records / (60 * minutes), int(throttled))


def find_hot_keys(records: Iterable[tuple[str, int]], seconds: float) -> list[HotKey]:
    """Find keys that brought more than one shard can take.

    Parameters
    ----------
    records
        Partition key and bytes (data and key) of each record that came in so many seconds.
    seconds
        How long that was.
    """
    sizes, counts = Counter[str](), Counter[str]()
    for key, size in records:
        sizes[key] += size
        counts[key] += 1
    return [
        HotKey(key, size / seconds, counts[key] / seconds)
        for key, size in sizes.most_common()
        if size / seconds > SHARD_BYTES or counts[key] / seconds > SHARD_RECORDS
    ]


def sample_records(client: KinesisClient, stream: str, seconds: float) -> list[tuple[str, int]]:
    """Read the records of the last seconds; gives the partition key and size of each."""
    begin = str(int((time.time() - seconds) * 1000))
    found = []
    for shard in list_shards(client, stream):
        reader = ShardReader(client, stream, shard.shard_id, begin, START.after)
        for _ in range(EMPTY_CALLS):
            records, behind = reader.next_records(CALL_RECORDS)
            found += [
                (record["PartitionKey"], len(record["Data"]) + len(record["PartitionKey"].encode()))
                for record in records
            ]
            if reader.ended or not behind:
                break
    return found
