"""Records -> a Kinesis stream by PutRecords, within its limits, until each record is in.

PutRecords takes what it can: records that were throttled come back one by one in its answer and are sent again, after
a pause that doubles with each fruitless try and is drawn at random, so that several producers do not return together.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streaming.aws import explained
from streaming.chunk import KIB, MIB
from streaming.errors import UserError
from streaming.producer import Record, batches

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

CALL_RECORDS = 500
# AWS takes 10 MiB a call since 2025, and only a single large record needs that: a shard takes 1 MB/s, and a smaller
# call that fails costs less. Other implementations of the API still refuse more than 5 MiB.
CALL_BYTES = 5 * MIB
RECORD_BYTES = 1 * MIB  # a stream's record size limit unless it was raised; data and key together


@dataclass(frozen=True, slots=True)
class Backoff:
    """How to wait between tries: at random up to ``first_seconds * 2**tries``, capped.

    `fruitless_tries` in a row, none of which got a single record in, end it; any progress starts the count again.
    """

    first_seconds: float = 0.1
    most_seconds: float = 5.0
    fruitless_tries: int = 15

    def seconds(self, tries: int) -> float:
        """Draw the pause after so many fruitless tries (full jitter)."""
        return random.uniform(0, min(self.most_seconds, self.first_seconds * 2**tries))


class KinesisWriter:
    """Writes records to one stream.

    Parameters
    ----------
    client
        A boto3 Kinesis client.
    stream
        The stream's name.
    backoff
        How long to wait for a throttled stream.
    sleep
        How to wait; for tests.
    """

    def __init__(
        self,
        client: KinesisClient,
        stream: str,
        backoff: Backoff = Backoff(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._stream = stream
        self._backoff = backoff
        self._sleep = sleep
        self.max_record_bytes = self._look_up_record_size()
        self.resent = 0

    def write(self, records: Iterable[Record]) -> None:
        """Write records in as few calls as the limits allow."""
        for batch in batches(records, CALL_RECORDS, CALL_BYTES):
            self.put(batch)

    def put(self, batch: Sequence[Record]) -> None:
        """Write one batch, within the limits of a call; when this returns every record of it is in the stream.

        Raises
        ------
        UserError
            A record is larger than the stream takes, the stream does not exist or may not be written to, or it stays
            throttled for longer than the backoff allows.
        """
        largest = max(record.size for record in batch)
        if largest > self.max_record_bytes:
            raise UserError(
                f"a record has {largest} bytes and stream {self._stream!r} takes {self.max_record_bytes}: "
                "use a smaller --chunk-size, or raise the stream's record size limit."
            )
        left: list[PutRecordsRequestEntryTypeDef]
        left = [{"Data": record.data, "PartitionKey": record.partition_key} for record in batch]
        tries = 0
        while True:
            failed, why = self._put_once(left)
            if not failed:
                return
            tries = 0 if len(failed) < len(left) else tries + 1
            if tries >= self._backoff.fruitless_tries:
                raise UserError(
                    f"stream {self._stream!r} took no record in {tries} tries ({why}): {len(failed)} records of this "
                    "call are not written. Give the stream more shards, or try again later."
                )
            self.resent += len(failed)
            self._sleep(self._backoff.seconds(tries))
            left = failed

    def _put_once(
        self, entries: list[PutRecordsRequestEntryTypeDef]
    ) -> tuple[list[PutRecordsRequestEntryTypeDef], str]:
        """Send entries; gives those that were not taken, and the last one's error."""
        with explained(self._stream):
            answer = self._client.put_records(StreamName=self._stream, Records=entries)
        failed = [
            (entry, f"{result['ErrorCode']}: {result.get('ErrorMessage', '')}")
            for entry, result in zip(entries, answer["Records"], strict=True)
            if result.get("ErrorCode")
        ]
        return [entry for entry, _ in failed], failed[-1][1] if failed else ""

    def _look_up_record_size(self) -> int:
        """Ask for the stream's record size limit, which also tells early whether the stream is there."""
        with explained(self._stream):
            summary = self._client.describe_stream_summary(StreamName=self._stream)["StreamDescriptionSummary"]
        return summary.get("MaxRecordSizeInKiB", RECORD_BYTES // KIB) * KIB
