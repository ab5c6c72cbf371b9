"""The Spark data source ``soundgate-kinesis``: a Kinesis stream through boto3, without any jar.

For laptops, tests and CI, and wherever the awslabs connector is not to be had: ``pip`` alone is enough. It gives the
same five columns (`streaming.schemas.RECORD`), exact and repeatable batches, order across reshards, and records packed
by a KPL unpacked.

What the connector does better, so that EMR should use it: it reads each record once (here the driver reads ahead to
find where a batch ends, and the tasks read again, so that a shard gives half of its 2 MB/s), it has enhanced fan-out
and can take a role, and it may keep its metadata in DynamoDB (here they are beside the checkpoint).

Spark 4.1 asks a Python source for its latest offset without saying where the query stands, so the source remembers
what it has planned: in memory, and in a file beside the query's checkpoint for a restart. Each end is taken from
records really seen and written down before Spark hears of it; a batch that is run again reads exactly the same.

``Trigger.AvailableNow`` would stop after one bounded batch: use a processing-time trigger and stop when drained.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.types import StructType

from streaming.aggregation import unpack
from streaming.aws import kinesis_client
from streaming.chunk import MIB
from streaming.errors import UserError
from streaming.kinesis_memory import Memory
from streaming.kinesis_offsets import (
    LATEST,
    TRIM_HORIZON,
    Shard,
    Slice,
    StreamOffset,
    advance,
    plan_slices,
    readable_shards,
)
from streaming.kinesis_options import OWN_READER as FORMAT
from streaming.kinesis_shards import (
    CALL_RECORDS,
    Reach,
    ShardReader,
    list_shards,
    look_ahead,
    read_slice,
    retention_milliseconds,
)
from streaming.record_files import SCHEMA
from streaming.schemas import RECORD

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

AT_TIMESTAMP = "AT_TIMESTAMP"
BATCH_BYTES = 32 * MIB
THREADS = 8  # shards that are looked at side by side
LIST_SECONDS = 60.0  # how often shards are listed while none of them ends


def register(spark: SparkSession) -> None:
    """Make the format known to a session."""
    spark.dataSource.register(KinesisDataSource)


@dataclass(frozen=True, slots=True)
class Options:
    """The source's options, by the connector's own names where it has them."""

    stream: str  # kinesis.streamName
    metadata: str  # kinesis.metadataPath: a folder or s3://… that lives and dies with the query's checkpoint
    region: str | None = None  # kinesis.region
    endpoint: str | None = None  # kinesis.endpointUrl
    begin: str = TRIM_HORIZON  # kinesis.startingPosition: TRIM_HORIZON, LATEST, or milliseconds since 1970
    batch_bytes: int = BATCH_BYTES  # maxBytesPerTrigger

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Options:
        """Read options as Spark gives them; raises UserError for what is missing, wrong or not known."""
        told = {name.lower(): value for name, value in given.items()}
        known = {"streamname", "metadatapath", "region", "endpointurl", "startingposition", "consumertype"}
        known |= {"failondataloss"}
        unknown = sorted(name for name in told if name.startswith("kinesis.") and name[len("kinesis.") :] not in known)
        if unknown:
            raise UserError(f"{FORMAT} does not know the option {unknown[0]}")
        if told.get("kinesis.consumertype", "GetRecords").lower() != "getrecords":
            raise UserError(f"{FORMAT} reads by GetRecords only: enhanced fan-out takes the connector aws-kinesis")
        if told.get("kinesis.failondataloss", "true").lower() != "true":
            raise UserError(f"{FORMAT} always ends when records are lost: leave kinesis.failOnDataLoss at true")
        size = told.get("maxbytespertrigger", str(BATCH_BYTES))
        if not size.isdecimal() or int(size) < 1:
            raise UserError(f"maxBytesPerTrigger is a number of bytes, not {size!r}")
        begin = parse_position(told.get("kinesis.startingposition", TRIM_HORIZON))
        for name in ("kinesis.streamname", "kinesis.metadatapath"):
            if not told.get(name):
                raise UserError(f"{FORMAT} needs the option {name}")
        return cls(
            told["kinesis.streamname"],
            told["kinesis.metadatapath"],
            told.get("kinesis.region"),
            told.get("kinesis.endpointurl"),
            begin,
            int(size),
        )


def parse_position(text: str) -> str:
    """Read where to begin, as the connector writes it: ``TRIM_HORIZON``, ``LATEST``, ``AT_TIMESTAMP <ISO 8601>``."""
    kind, _, moment = text.strip().partition(" ")
    kind = kind.upper()
    try:
        if kind == AT_TIMESTAMP and (at := datetime.fromisoformat(moment.strip())).tzinfo:
            return str(int(at.timestamp() * 1000))
    except ValueError:
        pass
    if kind not in (TRIM_HORIZON, LATEST) or moment:
        raise UserError(
            f"kinesis.startingPosition is {TRIM_HORIZON}, {LATEST} or {AT_TIMESTAMP} 2026-11-21T10:00:00Z, not {text!r}"
        )
    return kind


class KinesisDataSource(DataSource):
    """The format ``soundgate-kinesis``; see the module for what it is for."""

    @classmethod
    def name(cls) -> str:
        """The format's name."""
        return FORMAT

    def schema(self) -> StructType:
        """The connector's five columns."""
        return RECORD

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:  # noqa: N802 - Spark's name
        """Make the reader."""
        return KinesisStreamReader(Options.parse(self.options))


@dataclass
class ShardPartition(InputPartition):
    """What one task reads."""

    part: Slice


class KinesisStreamReader(DataSourceStreamReader):
    """Plans batches on the driver and reads their slices in tasks.

    Parameters
    ----------
    options
        Which stream, and how much of it at a time.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._memory: Memory | None = None
        self._readers: dict[str, ShardReader] = {}
        self._shards: list[Shard] = []
        self._listed_at = -LIST_SECONDS

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802 - Spark's name
        """Say where reading of the stream begins; the same for ever, once said."""
        begin = self._remember().planned.begin
        return StreamOffset(self._options.stream, begin).to_dict()

    def latestOffset(self) -> dict[str, Any]:  # noqa: N802 - Spark's name
        """Read ahead within the batch's bounds; where that ends is where the next batch does."""
        memory = self._remember()
        if time.monotonic() - self._listed_at >= LIST_SECONDS:
            self._shards = self._list_shards(memory)
            self._listed_at = time.monotonic()
        try:
            reaches = self._look_ahead(memory.planned)
        except BaseException:
            self._readers.clear()  # some stand further than the plan: the next batch would be larger than its bound
            raise
        planned = advance(memory.planned, {name: reach.position for name, reach in reaches.items()}, self._shards)
        memory.plan(planned, {name: reach.seen_at for name, reach in reaches.items()})
        if any(reach.position.closed for reach in reaches.values()):
            self._listed_at = -LIST_SECONDS  # its children are listed now
        return planned.to_dict()

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> list[ShardPartition]:
        """Plan a batch: a task a shard that has something new."""
        return [
            ShardPartition(part) for part in plan_slices(StreamOffset.from_dict(start), StreamOffset.from_dict(end))
        ]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Read one slice, the same each time."""
        assert isinstance(partition, ShardPartition)  # noqa: S101 - `partitions` made it
        client = open_client(self._options.region, self._options.endpoint)
        for records in read_slice(client, partition.part):
            yield to_batch(records, self._options.stream)

    @property
    def _client(self) -> KinesisClient:
        return open_client(self._options.region, self._options.endpoint)

    def _remember(self) -> Memory:
        """Recall what was planned before, once, and make sure that nothing was lost since."""
        if self._memory is None:
            options = self._options
            retention_milliseconds(self._client, options.stream)  # first of all: is there such a stream?
            memory = Memory.recall(options.metadata, options.stream, options.begin)
            self._list_shards(memory)
            self._memory = memory
        return self._memory

    def _list_shards(self, memory: Memory) -> list[Shard]:
        """List the stream's shards, and make sure that nothing unread can have gone since the last look at them."""
        shards = list_shards(self._client, self._options.stream)
        memory.check_nothing_lost(shards, retention_milliseconds(self._client, self._options.stream, patient=True))
        return shards

    def _look_ahead(self, planned: StreamOffset) -> dict[str, Reach]:
        shards = readable_shards(self._shards, planned)
        share = max(1, self._options.batch_bytes // max(1, len(shards)))

        def look(shard: Shard) -> Reach:
            position = planned.position(shard.shard_id)
            reader = self._readers.setdefault(
                shard.shard_id,
                ShardReader(self._client, planned.stream, shard.shard_id, planned.begin, position.after),
            )
            return look_ahead(reader, position, CALL_RECORDS, share)

        names = [shard.shard_id for shard in shards]
        self._readers = {name: reader for name, reader in self._readers.items() if name in names}
        with ThreadPoolExecutor(THREADS) as pool:
            return dict(zip(names, pool.map(look, shards), strict=True))


@cache
def open_client(region: str | None, endpoint: str | None) -> KinesisClient:
    """Make this process's client: making one costs more than most slices do."""
    return kinesis_client(region, endpoint, calls=3)  # `ShardReader` waits out throttling itself


def to_batch(records: list[RecordTypeDef], stream: str) -> pa.RecordBatch:
    """Put Kinesis records into columns, unpacking those that a KPL packed."""
    rows = [
        (data, stream, key, record["SequenceNumber"], record["ApproximateArrivalTimestamp"])
        for record in records
        for key, data in unpack(record["PartitionKey"], record["Data"])
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
    return pa.record_batch([pa.array(column, f.type) for column, f in zip(columns, SCHEMA, strict=True)], SCHEMA)
