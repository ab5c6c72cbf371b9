"""PutRecords against a real Kinesis API server: every record arrives once, also from a throttled stream."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from kinesis_proxy import FaultyKinesis
from moto.server import ThreadedMotoServer

from streaming.aws import kinesis_client
from streaming.errors import UserError
from streaming.kinesis_writer import CALL_BYTES, CALL_RECORDS, Backoff, KinesisWriter
from streaming.producer import Record

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def proxy(server: str) -> Iterator[FaultyKinesis]:
    with FaultyKinesis(server) as proxy:
        yield proxy


@pytest.fixture
def client(server: str, proxy: FaultyKinesis) -> Iterator[Any]:
    without_faults = kinesis_client(REGION, server)
    without_faults.create_stream(StreamName="uploads", ShardCount=4)
    yield kinesis_client(REGION, proxy.url)
    without_faults.delete_stream(StreamName="uploads")


def make_records(count: int, size: int = 20) -> list[Record]:
    return [Record(f"u/{index % 7}", index.to_bytes(4, "big") + bytes(size - 4)) for index in range(count)]


def read_all(client: Any) -> list[Record]:
    records = []
    for shard in client.list_shards(StreamName="uploads")["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName="uploads", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            answer = client.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                break
            records += [Record(record["PartitionKey"], record["Data"]) for record in answer["Records"]]
            iterator = answer["NextShardIterator"]
    return sorted(records, key=lambda record: record.data)


def test_every_record_arrives_under_its_key(client: Any, proxy: FaultyKinesis):
    records = make_records(1_201)
    KinesisWriter(client, "uploads").write(records)
    assert read_all(client) == records
    sizes = [len(request["Records"]) for operation, request in proxy.calls if operation == "PutRecords"]
    assert sizes == [500, 500, 201]


def test_no_call_has_more_bytes_than_allowed(client: Any, proxy: FaultyKinesis):
    records = make_records(12, size=1_000_000)
    KinesisWriter(client, "uploads").write(records)
    assert read_all(client) == records
    sizes = [len(request["Records"]) for operation, request in proxy.calls if operation == "PutRecords"]
    assert sizes == [5, 5, 2]
    assert CALL_BYTES > 5 * 1_000_003
    assert CALL_RECORDS == 500


def test_only_the_records_that_were_refused_are_sent_again(client: Any, proxy: FaultyKinesis):
    rng = random.Random(4)
    proxy.throttle_records = lambda records: {place for place in range(len(records)) if rng.random() < 0.6}
    records, waits = make_records(700), []
    writer = KinesisWriter(client, "uploads", Backoff(first_seconds=1), sleep=waits.append)
    writer.write(records)
    assert read_all(client) == records  # all of them, none twice
    assert writer.resent > 300
    assert len(waits) == proxy.count("PutRecords") - 2
    assert all(0 <= wait <= 2 for wait in waits)  # each try got something in: the backoff begins again


def test_pauses_grow_while_nothing_gets_in(client: Any, proxy: FaultyKinesis):
    proxy.throttle_records = lambda records: set(range(len(records))) if proxy.count("PutRecords") < 10 else set()
    waits: list[float] = []
    KinesisWriter(client, "uploads", Backoff(1, 60), sleep=waits.append).put(make_records(3))
    assert len(waits) == 9
    assert max(waits) > 4
    assert all(wait <= min(60, 2 ** (tries + 1)) for tries, wait in enumerate(waits))
    assert len(set(waits)) == 9  # drawn at random


def test_a_stream_that_stays_throttled_ends_with_a_clear_error(client: Any, proxy: FaultyKinesis):
    proxy.throttle_records = lambda records: set(range(1, len(records))) or {0}
    writer = KinesisWriter(client, "uploads", Backoff(0, 0, fruitless_tries=4))
    with pytest.raises(UserError, match=r"took no record in 4 tries .*Rate exceeded.* 1 records"):
        writer.put(make_records(3))


def test_a_whole_call_that_fails_for_a_moment_is_made_again(client: Any, proxy: FaultyKinesis):
    faults = iter([(500, "InternalFailure"), (400, "ProvisionedThroughputExceededException")])
    writer = KinesisWriter(client, "uploads")
    proxy.fail = lambda operation, request: next(faults, None)
    writer.put(make_records(3))
    assert read_all(client) == make_records(3)


def test_a_refusal_for_good_is_told(client: Any, proxy: FaultyKinesis):
    writer = KinesisWriter(client, "uploads")
    proxy.fail = lambda operation, request: (400, "AccessDeniedException")
    with pytest.raises(UserError, match="AccessDeniedException"):
        writer.put(make_records(3))


def test_a_record_over_the_streams_limit_is_refused_before_anything_is_sent(client: Any, proxy: FaultyKinesis):
    writer = KinesisWriter(client, "uploads")
    assert writer.max_record_bytes == 1 << 20
    with pytest.raises(UserError, match=r"1048577 bytes .* takes 1048576"):
        writer.put([Record("u", b"x"), Record("u", bytes(1 << 20))])
    assert proxy.count("PutRecords") == 0


def test_a_stream_that_is_not_there_is_told_when_the_writer_is_made(client: Any):
    with pytest.raises(UserError, match="stream 'other' does not exist"):
        KinesisWriter(client, "other")


def test_an_endpoint_that_is_not_there_is_told():
    with pytest.raises(UserError, match="cannot be reached"):
        KinesisWriter(kinesis_client(REGION, "http://127.0.0.1:9"), "uploads")


@pytest.mark.parametrize("endpoint", ["no url", "127.0.0.1:99"])
def test_an_endpoint_that_is_no_url_is_told(endpoint: str):
    with pytest.raises(UserError, match="cannot set up"):
        kinesis_client(REGION, endpoint)


def test_a_missing_region_is_told(monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(UserError, match="--region"):
        kinesis_client()
