"""Reading a stream's shards by GetRecords: patient with throttling and expired iterators, exact about loss.

`look_ahead` finds how far a shard can be read now; `read_slice` reads exactly what was found, as often as needed.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError, HTTPClientError

from streaming.aws import error_code, explained
from streaming.errors import UserError
from streaming.kinesis_offsets import TRIM_HORIZON, Position, Shard, Slice

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef, RecordTypeDef

Answer = TypeVar("Answer")

CALL_RECORDS = 10_000  # the most that GetRecords gives
EMPTY_CALLS = 50  # stretches without records that are passed in one go: GetRecords may answer with none before the end
PAUSE_SECONDS = 0.25  # a shard takes five calls a second, from all its readers
PATIENCE_SECONDS = 120.0  # how long a fault that passes by itself may last
# What passes by itself: a busy shard, key or service.
PASSING = {
    *("ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException"),
    *("ThrottlingException", "InternalFailure", "InternalFailureException", "ServiceUnavailable", "500", "503"),
}
EXPIRED = "ExpiredIteratorException"
INVALID = "InvalidArgumentException"
CLOCK_MILLISECONDS = 300_000  # how far this machine's clock may be ahead of the service's


class DataLossError(Exception):
    """Records that should be there are gone, most likely because the stream's retention ended."""


def passes(code: str) -> bool:
    """Whether a fault passes by itself; `""` stands for no answer, the network's fault."""
    return not code or code in PASSING


def ask_patiently(call: Callable[[], Answer], stream: str, waits: Callable[[str], bool] = passes) -> Answer:
    """Call Kinesis until it answers; faults for which `waits` says so of their code are waited out, with backoff."""
    patience_ends, tries = time.monotonic() + PATIENCE_SECONDS, 0
    while True:
        try:
            return call()
        except (ClientError, HTTPClientError) as error:
            code = error_code(error) if isinstance(error, ClientError) else ""
            if not waits(code) or time.monotonic() > patience_ends:
                with explained(stream):
                    raise
            tries += 1
            time.sleep(random.uniform(PAUSE_SECONDS, min(5.0, PAUSE_SECONDS * 2**tries)))


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a shard can be read now.

    `seen_at` (milliseconds since 1970) is a time before which no unread record can have arrived.
    """

    position: Position
    seen_at: int


class ShardReader:
    """Reads one shard on from a position, keeping its iterator between calls.

    Parameters
    ----------
    client
        A boto3 Kinesis client.
    stream, shard_id
        What to read.
    begin
        Where reading of the stream began, for a shard of which nothing was read yet.
    after
        Sequence number of the last record taken; `""` for none yet.
    """

    def __init__(self, client: KinesisClient, stream: str, shard_id: str, begin: str, after: str) -> None:
        self._client = client
        self._stream = stream
        self._shard_id = shard_id
        self._begin = begin
        self._after = after
        self._iterator: str | None = None
        self.ended = False
        self.mean_bytes = 0.0  # of a record in the last answer that had some

    def next_records(self, limit: int) -> tuple[list[RecordTypeDef], int]:
        """Give the next records, at most `limit`, and how far behind the shard's tip that is (milliseconds)."""
        answer = self._call(min(limit, CALL_RECORDS))
        self._iterator = answer.get("NextShardIterator")
        self.ended = self._iterator is None
        records = answer["Records"]
        if records:
            self._after = records[-1]["SequenceNumber"]
            self.mean_bytes = sum(len(record["Data"]) for record in records) / len(records)
        return records, answer.get("MillisBehindLatest", 0)

    def go_back(self, after: str) -> None:
        """Read on from behind an earlier record."""
        self._after, self._iterator, self.ended = after, None, False

    def _call(self, limit: int) -> GetRecordsOutputTypeDef:
        """Call GetRecords until it answers: an expired iterator is made anew, what passes by itself is waited out."""

        def get() -> GetRecordsOutputTypeDef:
            if self._iterator is None:
                self._iterator = self._make_iterator()
            return self._client.get_records(ShardIterator=self._iterator, Limit=limit)

        return ask_patiently(get, self._stream, self._passes)

    def _passes(self, code: str) -> bool:
        if code == EXPIRED:
            self._iterator = None
        return code == EXPIRED or passes(code) or self._clocks_differ(code)

    def _clocks_differ(self, code: str) -> bool:
        """Whether reading was to begin just now, and the service's clock is not there yet: it refuses the future."""
        if code != INVALID or self._iterator or self._after or self._begin == TRIM_HORIZON:
            return False
        return abs(int(self._begin) - _now()) < CLOCK_MILLISECONDS

    def _make_iterator(self) -> str:
        asked: dict[str, Any] = {"StreamName": self._stream, "ShardId": self._shard_id}
        if self._after:
            asked |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": self._after}
        elif self._begin == TRIM_HORIZON:
            asked |= {"ShardIteratorType": "TRIM_HORIZON"}
        else:
            moment = datetime.fromtimestamp(int(self._begin) / 1000, UTC)
            asked |= {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
        try:
            return self._client.get_shard_iterator(**asked)["ShardIterator"]
        except ClientError as error:
            if self._after and error_code(error) in (INVALID, "ResourceNotFoundException"):
                raise DataLossError(
                    f"stream {self._stream!r} no longer knows record {self._after} of {self._shard_id}: "
                    "records behind it may be gone"
                ) from error
            raise


def look_ahead(reader: ShardReader, start: Position, max_records: int, max_bytes: int) -> Reach:
    """Find how far a shard can be read now, within bounds, by reading it.

    Parameters
    ----------
    reader
        The shard, standing at `start`.
    start
        How far it has been read.
    max_records, max_bytes
        Where to stop; a first record larger than that is taken all the same.
    """
    after, records_taken, bytes_taken, seen_at = start.after, 0, 0, 0

    def position(closed: bool = False) -> Position:
        return Position(after, closed, start.records + records_taken)

    for _ in range(EMPTY_CALLS):
        asked_at = _now()
        wanted = max_records - records_taken
        if reader.mean_bytes:  # an answer may have 10 MiB: what is over the bound would be read again the next time
            wanted = min(wanted, max(1, math.ceil((max_bytes - bytes_taken) / reader.mean_bytes)))
        records, behind = reader.next_records(wanted)
        for record in records:
            size = len(record["Data"])
            if records_taken and bytes_taken + size > max_bytes:
                reader.go_back(after)
                return Reach(position(), seen_at)
            after, seen_at = record["SequenceNumber"], _milliseconds(record["ApproximateArrivalTimestamp"])
            records_taken, bytes_taken = records_taken + 1, bytes_taken + size
        if reader.ended:
            return Reach(position(closed=True), asked_at)
        if not behind:
            return Reach(position(), asked_at)
        if records_taken >= max_records or bytes_taken >= max_bytes:
            break
    return Reach(position(), seen_at)


def read_slice(client: KinesisClient, part: Slice) -> Iterator[list[RecordTypeDef]]:
    """Read a slice's records, all of them and no other, in batches as they come.

    Raises
    ------
    DataLossError
        A record of the slice is not there any more: the last one, or one before it, which Kinesis passes in silence.
    """
    reader = ShardReader(client, part.stream, part.shard_id, part.begin, part.after)
    last, left, idle_calls = int(part.last), part.records, 0
    while left:
        records, behind = reader.next_records(left)
        wanted = [record for record in records if int(record["SequenceNumber"]) <= last]
        if wanted:
            yield wanted
        left -= len(wanted)
        idle_calls = 0 if records or behind else idle_calls + 1
        at_last = wanted and int(wanted[-1]["SequenceNumber"]) == last
        if left and (at_last or len(wanted) < len(records) or reader.ended or idle_calls > EMPTY_CALLS):
            raise DataLossError(
                f"{left} of the {part.records} records up to {part.last} of {part.shard_id} were there when the batch "
                f"was planned and are gone now: the retention of stream {part.stream!r} ended before they were read"
            )
        if not records and left:
            time.sleep(PAUSE_SECONDS)


def list_shards(client: KinesisClient, stream: str) -> list[Shard]:
    """List a stream's shards, the closed ones that still hold records included, parents before children."""
    found: list[Any] = []
    asked: dict[str, Any] | None = {"StreamName": stream}
    while asked:
        answer = ask_patiently(partial(client.list_shards, **asked), stream)
        found += answer["Shards"]
        asked = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else None
    listed = {shard["ShardId"] for shard in found}
    shards = []
    for shard in found:
        parents = [shard.get("ParentShardId"), shard.get("AdjacentParentShardId")]
        shards.append(Shard(shard["ShardId"], tuple(parent for parent in parents if parent in listed)))
    return shards


def retention_milliseconds(client: KinesisClient, stream: str, patient: bool = False) -> int:
    """Look up how long a stream keeps its records; raises UserError when it does not exist.

    It is the first question of all, where no answer mostly means a wrong endpoint; `patient` once that was settled.
    """
    ask = partial(client.describe_stream_summary, StreamName=stream)
    with explained(stream):
        summary = (ask_patiently(ask, stream) if patient else ask())["StreamDescriptionSummary"]
    if summary["StreamStatus"] in ("CREATING", "DELETING"):
        raise UserError(f"stream {stream!r} cannot be read now: it is {summary['StreamStatus']}")
    return int(summary["RetentionPeriodHours"]) * 3_600_000


def _now() -> int:
    return time.time_ns() // 1_000_000


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
