"""The source without a jar, called as Spark calls it, against a local Kinesis server: exact, repeatable, in order."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kinesis_proxy import FaultyKinesis

from streaming import kinesis_shards, kinesis_source
from streaming.aggregation import pack
from streaming.aws import kinesis_client
from streaming.errors import UserError
from streaming.kinesis_offsets import OffsetError
from streaming.kinesis_shards import DataLossError
from streaming.kinesis_source import KinesisStreamReader, Options, parse_position
from streaming.kinesis_writer import KinesisWriter
from streaming.local_kinesis import REGION, LocalKinesis
from streaming.producer import Record
from streaming.record_files import SCHEMA
from streaming.run import found_nothing

HOUR = 3_600_000


@pytest.fixture(scope="module")
def local() -> Iterator[LocalKinesis]:
    with LocalKinesis(settings={"SHARD_LIMIT": "500"}) as kinesis:
        yield kinesis


@pytest.fixture(autouse=True)
def environment(local: LocalKinesis, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in local.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kinesis_shards, "PAUSE_SECONDS", 0.01)
    yield
    kinesis_source.open_client.cache_clear()


@pytest.fixture
def proxy(local: LocalKinesis) -> Iterator[FaultyKinesis]:
    with FaultyKinesis(local.url) as proxy:
        yield proxy


class Stream:
    """A stream of the test's own, and the readers on it."""

    def __init__(self, client: Any, name: str, endpoint: str, folder: Path) -> None:
        self.client, self.name, self._endpoint, self._folder = client, name, endpoint, folder
        self.writer = KinesisWriter(client, name)
        self._written = 0

    def write(self, count: int, size: int = 20, key: str | None = None) -> list[Record]:
        """Write records that are all different; returns them."""
        numbers = range(self._written, self._written + count)
        self._written += count
        records = [Record(key or f"user/{n % 9}", n.to_bytes(4, "big") + bytes(size - 4)) for n in numbers]
        self.writer.write(records)
        return records

    def open_shards(self) -> list[dict[str, Any]]:
        shards = self.client.list_shards(StreamName=self.name)["Shards"]
        return [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]

    def split(self) -> None:
        """Split the first open shard in the middle."""
        shard = self.open_shards()[0]
        low, high = (int(shard["HashKeyRange"][end]) for end in ("StartingHashKey", "EndingHashKey"))
        self.client.split_shard(
            StreamName=self.name, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((low + high) // 2)
        )
        self.wait()

    def merge(self) -> None:
        """Merge the two lowest open shards."""
        one, other = sorted(self.open_shards(), key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))[:2]
        self.client.merge_shards(
            StreamName=self.name, ShardToMerge=one["ShardId"], AdjacentShardToMerge=other["ShardId"]
        )
        self.wait()

    def wait(self) -> None:
        while (
            self.client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]["StreamStatus"]
            != "ACTIVE"
        ):
            time.sleep(0.02)

    def reader(self, **more: Any) -> KinesisStreamReader:
        """A reader as a fresh process has it."""
        return KinesisStreamReader(Options(self.name, str(self._folder), REGION, self._endpoint, **more))


@pytest.fixture
def stream(local: LocalKinesis, proxy: FaultyKinesis, tmp_path: Path, request: pytest.FixtureRequest) -> Stream:
    client = kinesis_client(REGION, local.url)
    name = f"s{abs(hash(request.node.nodeid))}"
    client.create_stream(StreamName=name, ShardCount=2)
    while client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.02)
    return Stream(client, name, proxy.url, tmp_path / "offsets")


Row = dict[str, Any]


def read(reader: KinesisStreamReader, start: dict[str, Any], end: dict[str, Any]) -> list[Row]:
    """Read a batch as Spark does: offsets and partitions cross as JSON and pickle."""
    start, end = json.loads(json.dumps(start)), json.loads(json.dumps(end))
    return [
        row
        for partition in reader.partitions(start, end)
        for batch in reader.read(partition)
        for row in batch.to_pylist()
    ]


def batches(reader: KinesisStreamReader, start: dict[str, Any] | None = None) -> list[list[Row]]:
    """Read batch after batch until nothing comes any more."""
    start, found = start or reader.initialOffset(), []
    while (end := reader.latestOffset()) != start:
        found.append(read(reader, start, end))
        start = end
    return found


def as_records(rows: list[Row]) -> list[Record]:
    return sorted((Record(row["partitionKey"], row["data"]) for row in rows), key=lambda record: record.data)


def flat(found: list[list[Row]]) -> list[Record]:
    return as_records([row for batch in found for row in batch])


def test_every_record_comes_once_with_the_connectors_columns(stream: Stream):
    before = time.time() - 1
    written = stream.write(50)
    rows = [row for batch in batches(stream.reader()) for row in batch]
    assert as_records(rows) == written
    assert all(list(row) == SCHEMA.names for row in rows)
    assert {row["streamName"] for row in rows} == {stream.name}
    assert len({row["sequenceNumber"] for row in rows}) == 50
    assert all(before < row["approximateArrivalTimestamp"].timestamp() < time.time() + 1 for row in rows)


def test_an_idle_stream_makes_no_batch(stream: Stream):
    reader = stream.reader()
    first = reader.latestOffset()
    assert [reader.latestOffset() for _ in range(3)] == [first] * 3
    written = stream.write(3)
    assert as_records(read(reader, first, reader.latestOffset())) == written


def test_a_batch_is_bounded_by_bytes_and_the_rest_comes_later(stream: Stream):
    written = stream.write(40, size=1_000)
    found = batches(stream.reader(batch_bytes=8_000))
    assert all(sum(len(row["data"]) for row in batch) <= 8_000 for batch in found)
    assert len(found) >= 5
    assert flat(found) == written


def test_a_record_larger_than_a_batch_still_comes(stream: Stream):
    written = stream.write(3, size=5_000)
    assert flat(batches(stream.reader(batch_bytes=100))) == written


def test_a_batch_that_is_run_again_is_the_same_whatever_came_since(stream: Stream):
    stream.write(20)
    reader = stream.reader()
    start = reader.initialOffset()
    end = reader.latestOffset()
    first = read(reader, start, end)
    stream.write(20)
    stream.split()
    stream.write(20)
    assert read(reader, start, end) == first
    assert read(stream.reader(), start, end) == first


def test_a_restart_goes_on_where_the_plan_ended(stream: Stream):
    one = stream.write(10)
    reader = stream.reader()
    start = reader.initialOffset()
    end = reader.latestOffset()
    assert as_records(read(reader, start, end)) == one
    two = stream.write(10)
    assert flat(batches(stream.reader(), end)) == two


def test_a_plan_that_spark_never_heard_of_is_read_all_the_same(stream: Stream):
    one = stream.write(10)
    reader = stream.reader()
    committed = reader.latestOffset()
    two = stream.write(10)
    reader.latestOffset()  # killed here: the plan is on disk, Spark's log says `committed`
    three = stream.write(10)
    assert flat(batches(stream.reader(), committed)) == two + three
    assert as_records(read(reader, reader.initialOffset(), committed)) == one


def test_a_checkpoint_that_is_ahead_of_the_sources_memory_is_refused(stream: Stream, tmp_path: Path):
    memory = tmp_path / "offsets" / f"{stream.name}.json"
    reader = stream.reader()
    stream.write(5)
    reader.latestOffset()
    old = memory.read_bytes()
    stream.write(5)
    ahead = reader.latestOffset()
    memory.write_bytes(old)
    stale = stream.reader()
    stale._options = Options(stream.name, str(tmp_path / "offsets"), REGION, stale._options.endpoint, batch_bytes=1)
    stream.write(5)
    with pytest.raises(OffsetError, match="its end is said to be before"):
        read(stale, ahead, json.loads(old)["planned"])


def test_latest_begins_with_what_comes_after_the_start_also_after_a_restart(stream: Stream):
    stream.write(5)
    time.sleep(0.05)
    start = stream.reader(begin="LATEST").initialOffset()
    written = stream.write(5)
    reader = stream.reader(begin="LATEST")
    assert reader.initialOffset() == start
    assert flat(batches(reader, start)) == written


def test_parents_are_read_before_their_children_across_a_split_and_a_merge(stream: Stream):
    written = stream.write(30)
    stream.split()
    written += stream.write(30)
    stream.merge()
    written += stream.write(30)
    found = batches(stream.reader(batch_bytes=200))
    assert flat(found) == written
    for key in {record.partition_key for record in written}:
        numbers = [[row["data"] for row in batch if row["partitionKey"] == key] for batch in found]
        in_order = [number for batch in numbers for number in batch]
        assert in_order == sorted(in_order), key


def test_shards_that_end_without_a_record_are_a_batch_that_is_not_the_last(stream: Stream):
    reader = stream.reader()
    stream.write(5)
    batches(reader)
    stream.split()
    start, found, moved = reader.latestOffset(), [], 0
    written = stream.write(5)
    while not found and moved < 5:  # first the parent ends, then its children are read
        end = reader.latestOffset()
        rows = read(reader, start, end)
        progress = {"numInputRows": len(rows), "sources": [{"startOffset": str(start), "endOffset": str(end)}]}
        assert not found_nothing(progress)
        start, found, moved = end, found + rows, moved + 1
    rest = [row for batch in batches(reader, start) for row in batch]
    assert as_records(found + rest) == written
    same = [{"startOffset": str(start), "endOffset": str(start)}]
    assert found_nothing({"numInputRows": 0, "sources": same})


def test_a_reshard_while_reading_loses_and_repeats_nothing(stream: Stream):
    reader = stream.reader()
    start, rows, written = reader.initialOffset(), [], []
    changes: list[Callable[[], None]] = [stream.split, stream.merge, stream.split]
    for change in changes:
        written += stream.write(20)
        end = reader.latestOffset()
        rows += read(reader, start, end)
        start = end
        change()
    written += stream.write(20)
    assert as_records(rows + [row for batch in batches(reader, start) for row in batch]) == written


def test_records_packed_by_a_kpl_are_unpacked(stream: Stream):
    packed = [("one", b"\x00first"), ("two", b"\x01second"), ("one", b"\x02third")]
    stream.client.put_record(StreamName=stream.name, PartitionKey="ignored", Data=pack(packed))
    (rows,) = batches(stream.reader())
    assert [(row["partitionKey"], row["data"]) for row in rows] == packed
    assert len({row["sequenceNumber"] for row in rows}) == 1


def test_throttling_and_a_failing_service_are_waited_out(stream: Stream, proxy: FaultyKinesis):
    written = stream.write(20)
    passing = ["ProvisionedThroughputExceededException", "KMSThrottlingException", "InternalFailure"] * 4
    faults = iter((500 if code == "InternalFailure" else 400, code) for code in passing)
    proxy.fail = lambda operation, request: next(faults, None) if operation == "GetRecords" else None
    assert flat(batches(stream.reader())) == written
    assert next(faults, None) is None


@pytest.mark.parametrize("operation", ["ListShards", "DescribeStreamSummary"])
def test_throttling_of_a_look_at_the_shards_is_waited_out(
    stream: Stream, proxy: FaultyKinesis, monkeypatch: pytest.MonkeyPatch, operation: str
):
    written = stream.write(5)
    reader = stream.reader()
    reader.initialOffset()
    monkeypatch.setattr(kinesis_source, "LIST_SECONDS", 0.0)
    faults = iter([(400, "LimitExceededException")] * 8)
    proxy.fail = lambda asked, request: next(faults, None) if asked == operation else None
    assert flat(batches(reader)) == written
    assert next(faults, None) is None


def test_throttling_without_end_ends_the_query(stream: Stream, proxy: FaultyKinesis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kinesis_shards, "PATIENCE_SECONDS", 0.2)
    reader = stream.reader()
    reader.initialOffset()
    proxy.fail = lambda operation, request: (400, "LimitExceededException") if operation == "GetRecords" else None
    with pytest.raises(UserError, match="LimitExceededException"):
        reader.latestOffset()
    proxy.fail = lambda operation, request: None
    assert flat(batches(reader)) == []
    assert flat(batches(stream.reader(), reader.latestOffset())) == []


def test_an_expired_iterator_is_made_anew(stream: Stream, proxy: FaultyKinesis):
    reader = stream.reader()
    written = stream.write(5)
    start = reader.latestOffset()
    written = stream.write(5)
    expired: set[str] = set()

    def expire_once(operation: str, request: dict[str, Any]) -> tuple[int, str] | None:
        if operation != "GetRecords" or request["ShardIterator"] in expired or len(expired) == 2:
            return None
        expired.add(request["ShardIterator"])
        return 400, "ExpiredIteratorException"

    proxy.fail = expire_once
    assert flat(batches(reader, start)) == written
    assert len(expired) == 2


def test_a_failure_while_looking_ahead_forgets_no_record_and_no_bound(stream: Stream, proxy: FaultyKinesis):
    reader = stream.reader(batch_bytes=100)
    start = reader.latestOffset()
    written = stream.write(30)
    faults = iter([None, (400, "AccessDeniedException")])
    proxy.fail = lambda operation, request: next(faults, None) if operation == "GetRecords" else None
    with pytest.raises(UserError, match="AccessDenied"):
        reader.latestOffset()
    found = batches(reader, start)
    assert flat(found) == written
    assert max(sum(len(row["data"]) for row in batch) for batch in found) <= 100


def test_a_stream_that_does_not_exist_is_told(stream: Stream, tmp_path: Path):
    reader = KinesisStreamReader(Options("missing", str(tmp_path), REGION, stream.reader()._options.endpoint))
    for call in (reader.initialOffset, reader.latestOffset):
        with pytest.raises(UserError, match="stream 'missing' does not exist"):
            call()


def test_a_timestamp_begins_with_what_came_then(stream: Stream):
    stream.write(5)
    time.sleep(0.1)
    moment = datetime.now(UTC)
    written = stream.write(5)
    begin = parse_position(f"AT_TIMESTAMP {moment.isoformat()}")
    assert flat(batches(stream.reader(begin=begin))) == written


def age_memory(folder: Path, stream: str, hours: int) -> None:
    """Make the source believe that it stood still for so long."""
    path = folder / "offsets" / f"{stream}.json"
    content = json.loads(path.read_text())
    content["seen_at"] = {name: moment - hours * HOUR for name, moment in content["seen_at"].items()}
    path.write_text(json.dumps(content))


def test_standing_still_within_the_retention_loses_nothing_even_if_nothing_came(stream: Stream, tmp_path: Path):
    stream.write(5)
    start = stream.reader().latestOffset()
    age_memory(tmp_path, stream.name, 23)
    written = stream.write(5)
    assert flat(batches(stream.reader(), start)) == written


def test_standing_still_beyond_the_retention_ends_the_query(stream: Stream, tmp_path: Path):
    stream.write(5)
    stream.reader().latestOffset()
    age_memory(tmp_path, stream.name, 25)
    with pytest.raises(DataLossError, match=r"last read 25 hours ago .* begin with a new checkpoint"):
        stream.reader().latestOffset()


def test_a_shard_that_is_gone_before_it_was_read_to_its_end_ends_the_query(stream: Stream, tmp_path: Path):
    stream.write(5)
    stream.reader().latestOffset()
    path = tmp_path / "offsets" / f"{stream.name}.json"
    path.write_text(path.read_text().replace("shardId-000000000001", "shardId-000000000077"))
    with pytest.raises(DataLossError, match="shardId-000000000077"):
        stream.reader().latestOffset()


def test_records_that_go_between_plan_and_reading_end_the_query(stream: Stream):
    stream.write(5)
    reader = stream.reader()
    start = reader.initialOffset()
    end = reader.latestOffset()
    for name, position in end["shards"].items():
        end["shards"][name] = {**position, "after": str(int(position["after"] or 1) - 1)}
    with pytest.raises(DataLossError, match="gone now"):
        read(reader, start, end)


def test_records_that_went_from_the_middle_of_a_batch_end_the_query(stream: Stream, proxy: FaultyKinesis):
    stream.write(9, key="one")
    reader = stream.reader()
    start, end = reader.initialOffset(), reader.latestOffset()
    (shard,) = [name for name, position in end["shards"].items() if position["records"]]
    kinesis = kinesis_client(REGION, proxy.url)
    oldest = kinesis.get_shard_iterator(StreamName=stream.name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    fifth = kinesis.get_records(ShardIterator=oldest["ShardIterator"], Limit=5)["Records"][-1]["SequenceNumber"]
    # As it is when the stream's retention has passed over some of them: reading begins behind, without a word.
    proxy.alter = lambda operation, request: (
        {**request, "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": fifth}
        if operation == "GetShardIterator" and request["ShardIteratorType"] == "TRIM_HORIZON"
        else request
    )
    with pytest.raises(DataLossError, match=r"5 of the 9 records .* are gone now"):
        read(stream.reader(), start, end)


def test_standing_still_for_long_while_running_ends_the_query(stream: Stream, monkeypatch: pytest.MonkeyPatch):
    stream.write(5)
    reader = stream.reader()
    reader.latestOffset()
    monkeypatch.setattr(kinesis_source, "LIST_SECONDS", 0.0)
    reader.latestOffset()
    memory = reader._remember()
    memory.seen_at = {name: moment - 25 * HOUR for name, moment in memory.seen_at.items()}  # a batch of a day
    with pytest.raises(DataLossError, match="last read 25 hours ago"):
        reader.latestOffset()


def test_a_service_whose_clock_is_behind_is_waited_for(stream: Stream, proxy: FaultyKinesis):
    refusals = iter([(400, "InvalidArgumentException")] * 3)
    proxy.fail = lambda operation, request: next(refusals, None) if operation == "GetShardIterator" else None
    reader = stream.reader(begin="LATEST")
    start = reader.initialOffset()
    written = stream.write(5)
    assert flat(batches(reader, start)) == written
    assert next(refusals, None) is None


def test_what_is_over_a_batchs_bound_is_hardly_read_twice(stream: Stream, proxy: FaultyKinesis):
    written = stream.write(60, size=1_000, key="one")
    assert flat(batches(stream.reader(batch_bytes=10_000))) == written
    taken = sum(
        request["Limit"] for operation, request in proxy.calls if operation == "GetRecords" and request["Limit"] < 60
    )
    assert taken < 60 * 5  # once to plan and once to read, and what the end of the shard is asked for


def test_damaged_memory_is_told(stream: Stream, tmp_path: Path):
    (tmp_path / "offsets").mkdir(exist_ok=True)
    for text in ("", "[]", '{"planned": {}}', "\x00"):
        (tmp_path / "offsets" / f"{stream.name}.json").write_text(text)
        with pytest.raises(UserError, match="holds no offsets"):
            stream.reader().initialOffset()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs the option kinesis.streamname"),
        ({"kinesis.streamName": "s"}, "needs the option kinesis.metadatapath"),
        ({"kinesis.consumerType": "SubscribeToShard"}, "GetRecords only"),
        ({"kinesis.failOnDataLoss": "false"}, "leave kinesis.failOnDataLoss at true"),
        ({"kinesis.startingPosition": "EARLIEST"}, "is TRIM_HORIZON, LATEST or AT_TIMESTAMP"),
        ({"kinesis.startingPosition": "AT_TIMESTAMP 2026-11-21T10:00:00"}, "is TRIM_HORIZON, LATEST or AT_TIMESTAMP"),
        ({"kinesis.startingPosition": "LATEST 5"}, "is TRIM_HORIZON, LATEST or AT_TIMESTAMP"),
        ({"kinesis.executor.maxFetchRecordsPerShard": "5"}, "does not know the option"),
        ({"maxBytesPerTrigger": "-1"}, "is a number of bytes"),
    ],
)
def test_options_that_cannot_be_followed_are_told(options: dict[str, str], message: str):
    with pytest.raises(UserError, match=message):
        Options.parse(options)


def test_options_have_the_connectors_names():
    given = {
        "kinesis.streamName": "s",
        "kinesis.metadataPath": "/m",
        "kinesis.region": "eu-west-1",
        "kinesis.endpointUrl": "http://e",
        "kinesis.startingPosition": "latest",
        "kinesis.consumerType": "GetRecords",
        "kinesis.failOnDataLoss": "true",
        "maxBytesPerTrigger": "1000",
    }
    assert Options.parse(given) == Options("s", "/m", "eu-west-1", "http://e", "LATEST", 1_000)
