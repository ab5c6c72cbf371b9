"""From a stream's load to its shards, and to the keys that no resharding helps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streaming.aws import kinesis_client
from streaming.kinesis_writer import KinesisWriter
from streaming.local_kinesis import REGION, LocalKinesis
from streaming.producer import Record
from streaming.stream_load import HotKey, Load, find_hot_keys, sample_records, wanted_shards
from streaming.stream_set import Tracking

POLICY = Tracking(target=0.5, min_shards=2, max_shards=20)


@pytest.mark.parametrize(
    ("shards", "load", "wanted"),
    [
        (4, Load(2e6, 100, 0), 4),  # half of four shards' 4 MB/s
        (4, Load(2.1e6, 100, 0), 5),
        (4, Load(0.9e6, 100, 0), 2),
        (4, Load(0.9e6, 2_500, 0), 5),  # records count as bytes do
        (4, Load(9e6, 0, 0), 8),  # at most doubled at once
        (8, Load(0, 0, 0), 4),  # at most halved at once
        (3, Load(0, 0, 0), 2),
        (16, Load(90e6, 0, 0), 20),
        (1, Load(0, 0, 0), 2),
    ],
)
def test_shards_follow_the_load_within_bounds(shards: int, load: Load, wanted: int):
    assert wanted_shards(shards, load, POLICY) == wanted


def test_a_key_over_one_shards_bytes_or_records_is_hot():
    records = [("big", 300_000)] * 70 + [("often", 10)] * 20_001 + [("fine", 500_000)] * 20
    assert find_hot_keys(records, 20) == [HotKey("big", 1_050_000, 3.5), HotKey("often", 10_000.5, 1000.05)]
    assert find_hot_keys(records, 40) == []
    assert find_hot_keys([], 1) == []


@pytest.fixture(scope="module")
def local() -> Iterator[LocalKinesis]:
    with LocalKinesis({"uploads": 2}) as kinesis:
        yield kinesis


def test_a_hot_key_is_found_in_the_stream(local: LocalKinesis, monkeypatch: pytest.MonkeyPatch):
    for name, value in local.environment.items():
        monkeypatch.setenv(name, value)
    client = kinesis_client(REGION, local.url)
    hot = [Record("hot/key", bytes(500_000))] * 5
    KinesisWriter(client, "uploads").write([*hot, *(Record(f"cold/{n}", bytes(1_000)) for n in range(50))])
    sampled = sample_records(client, "uploads", 60)
    assert len(sampled) == 55
    assert [key.partition_key for key in find_hot_keys(sampled, 2)] == ["hot/key"]
