"""``soundgate streams`` against AWS' API (moto): from nothing to a set under load and back to nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from kinesis_proxy import FaultyKinesis
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner, Result

from streaming import stream_admin, stream_routing
from streaming.aws import kinesis_client, make_client
from streaming.cli import app
from streaming.errors import UserError
from streaming.producer import Record
from streaming.stream_routing import RoutedWriter, Routing
from streaming.stream_set import Mode, StreamSettings

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def environment(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setattr(stream_admin, "POLL_SECONDS", 0.02)
    yield
    client = make_client("kinesis", REGION, server)
    for name in client.list_streams()["StreamNames"]:
        client.delete_stream(StreamName=name)


@pytest.fixture
def client(server: str) -> Any:
    return kinesis_client(REGION, server)


@pytest.fixture(params=["file", "s3"])
def routing(request: pytest.FixtureRequest, tmp_path: Path, server: str) -> str:
    """Where the set is written down: both kinds of place."""
    if request.param == "file":
        return str(tmp_path / "below" / "streams.json")
    bucket = f"b{abs(hash(request.node.nodeid))}"
    boto3.client("s3", endpoint_url=server).create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    return f"s3://{bucket}/streams.json"


@pytest.fixture
def local_file(tmp_path: Path) -> str:
    return str(tmp_path / "streams.json")


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, ["streams", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def names(client: Any) -> set[str]:
    return set(client.list_streams()["StreamNames"])


def test_a_sets_whole_life(routing: str, client: Any, monkeypatch: pytest.MonkeyPatch):
    run("create", "up", "--routing", routing, "--per-az", 2, "--az", "a", "--az", "b", "--tag", "team=ingest")
    baseline = {"up-a-0", "up-a-1", "up-b-0", "up-b-1"}
    assert names(client) == baseline
    summary = client.describe_stream_summary(StreamName="up-a-0")["StreamDescriptionSummary"]
    assert summary["StreamModeDetails"]["StreamMode"] == "ON_DEMAND"
    assert (summary["EncryptionType"], summary["KeyId"]) == ("KMS", "alias/aws/kinesis")
    tags = {tag["Key"]: tag["Value"] for tag in client.list_tags_for_stream(StreamName="up-a-0")["Tags"]}
    assert tags == {"team": "ingest", "soundgate:set": "up"}

    assert "made  up-extra-1" in run("scale", "--routing", routing, "--extra", 2).stdout
    assert names(client) == baseline | {"up-extra-0", "up-extra-1"}
    described = json.loads(run("describe", "--routing", routing, "--json").stdout)
    assert {(stream["name"], stream["role"]) for stream in described["streams"]} == {
        *((name, "baseline") for name in baseline),
        ("up-extra-0", "extra"),
        ("up-extra-1", "extra"),
    }

    assert "draining  up-extra-1" in run("scale", "--routing", routing, "--extra", 1).stdout
    assert "up-extra-1" in names(client)  # its records are still to be read
    assert "up-extra-1  draining  ACTIVE" in run("describe", "--routing", routing).stdout
    run("delete", "--routing", routing)
    assert "up-extra-1" in names(client)

    client.increase_stream_retention_period(StreamName="up-extra-1", RetentionPeriodHours=48)  # by somebody, by hand
    for hours, kept in ((25, True), (49, False)):
        later = datetime.now(UTC) + timedelta(hours=hours)
        monkeypatch.setattr(stream_admin, "now_text", lambda later=later: later.isoformat(timespec="seconds"))
        if kept:
            assert run("delete", "--routing", routing).stdout == ""
    assert run("delete", "--routing", routing).stdout == "deleted  up-extra-1\n"
    assert names(client) == baseline | {"up-extra-0"}
    assert "up-extra-1" not in run("describe", "--routing", routing).stdout

    with pytest.raises(UserError, match="say --yes"):
        run("delete", "--routing", routing, "--all")
    run("delete", "--routing", routing, "--all", "--yes")
    assert names(client) == set()
    with pytest.raises(UserError, match="no streams are written down"):
        run("describe", "--routing", routing)


def test_the_regions_zones_are_found(local_file: str, client: Any):
    run("create", "up", "--routing", local_file)
    assert names(client) == {"up-eu-west-1a-0", "up-eu-west-1b-0", "up-eu-west-1c-0"}


def test_provisioned_streams_follow_their_load(local_file: str, client: Any, server: str):
    provisioned = ["--mode", "provisioned", "--shards", 2, "--track", 0.5, "--max-shards", 8]
    run("create", "up", "--routing", local_file, "--az", "a", *provisioned, "--retention-hours", 48, "--kms-key", "")
    summary = client.describe_stream_summary(StreamName="up-a-0")["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (2, 48)
    assert summary["EncryptionType"] == "NONE"
    watch = make_client("cloudwatch", REGION, server)
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=2)
    point = {"Dimensions": [{"Name": "StreamName", "Value": "up-a-0"}], "Timestamp": at, "Value": 1.4e6 * 300}
    watch.put_metric_data(Namespace="AWS/Kinesis", MetricData=[{"MetricName": "IncomingBytes", **point}])
    assert run("scale", "--routing", local_file).stdout == "up-a-0  2 -> 3 shards at 1.40 MB/s\n"
    assert client.describe_stream_summary(StreamName="up-a-0")["StreamDescriptionSummary"]["OpenShardCount"] == 3
    run("scale", "--routing", local_file)
    assert client.describe_stream_summary(StreamName="up-a-0")["StreamDescriptionSummary"]["OpenShardCount"] == 3


def test_creating_goes_on_where_it_was_cut_off(local_file: str, client: Any, monkeypatch: pytest.MonkeyPatch):
    create = stream_admin.create_stream

    def cut_off(client: Any, name: str, *more: Any) -> None:
        if name == "up-b-0":
            raise UserError("cut off")
        create(client, name, *more)

    monkeypatch.setattr(stream_admin, "create_stream", cut_off)
    with pytest.raises(UserError, match="cut off"):
        run("create", "up", "--routing", local_file, "--az", "a", "--az", "b")
    monkeypatch.setattr(stream_admin, "create_stream", create)
    assert names(client) == {"up-a-0"}
    run("create", "up", "--routing", local_file, "--az", "a", "--az", "b")
    assert names(client) == {"up-a-0", "up-b-0"}


def test_a_stream_of_somebody_elses_is_not_taken_over(local_file: str, client: Any):
    client.create_stream(StreamName="up-a-0", ShardCount=1)
    with pytest.raises(UserError, match="is not of the set 'up'"):
        run("create", "up", "--routing", local_file, "--az", "a")


def test_the_record_size_limit_is_asked_for(server: str):
    with FaultyKinesis(server) as proxy:
        settings = StreamSettings(Mode.PROVISIONED, 3, record_kib=4096, kms_key="")
        stream_admin.create_stream(kinesis_client(REGION, proxy.url), "up-a-0", "up", settings)
        (asked,) = [request for operation, request in proxy.calls if operation == "CreateStream"]
    assert (asked["MaxRecordSizeInKiB"], asked["ShardCount"]) == (4096, 3)


def test_a_missing_stream_is_reported_and_deleting_goes_on_without_it(local_file: str, client: Any):
    run("create", "up", "--routing", local_file, "--az", "a", "--az", "b")
    client.delete_stream(StreamName="up-a-0")
    result = run("describe", "--routing", local_file)
    assert result.exit_code == 1
    assert "up-a-0  baseline  MISSING" in result.stdout
    assert run("delete", "--routing", local_file, "--all", "--yes").exit_code == 0


def test_a_hot_key_is_reported(local_file: str, client: Any):
    run("create", "up", "--routing", local_file, "--az", "a")
    for _ in range(3):
        client.put_record(StreamName="up-a-0", PartitionKey="hot/\x1b[31m", Data=bytes(900_000))
    result = run("describe", "--routing", local_file, "--hot-keys", 2)
    assert result.exit_code == 1
    assert "hot key in up-a-0: hot/\\x1b[31m: 1.35 MB/s" in result.stdout
    assert run("describe", "--routing", local_file, "--hot-keys", 20).exit_code == 0


def test_records_go_to_the_stream_of_their_key_and_follow_a_change(local_file: str, client: Any):
    run("create", "up", "--routing", local_file, "--az", "a", "--az", "b")
    now = [0.0]
    writer = RoutedWriter(client, Routing(local_file), clock=lambda: now[0])
    records = [Record(f"user/{number}", b"x") for number in range(40)]
    writer.put(records)
    run("scale", "--routing", local_file, "--extra", 1)
    writer.put(records)  # not noticed yet
    streams = Routing(local_file).load()
    assert keys_in(client, "up-extra-0") == []
    now[0] += stream_routing.REFRESH_SECONDS
    writer.put(records)
    found = {name: Counter(keys_in(client, name)) for name in streams.active}
    for key in (record.partition_key for record in records):
        told = [stream for _, stream in streams.history_of(key)]
        assert [found[stream][key] for stream in told] == ([3] if len(told) == 1 else [2, 1])
    assert len(found["up-extra-0"]) > 3


def keys_in(client: Any, stream: str) -> list[str]:
    keys = []
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        begin = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(StreamName=stream, **begin)["ShardIterator"]
        keys += [record["PartitionKey"] for record in client.get_records(ShardIterator=iterator)["Records"]]
    return keys


def test_where_a_key_goes_and_went_is_looked_up(local_file: str):
    run("create", "up", "--routing", local_file, "--az", "a")
    run("scale", "--routing", local_file, "--extra", 3)
    streams = Routing(local_file).load()
    key = next(key for key in map(str, range(99)) if streams.stream_of(key) != "up-a-0")
    (first, now) = json.loads(run("lookup", key, "--routing", local_file, "--json").stdout)
    assert (first["stream"], now["stream"]) == ("up-a-0", streams.stream_of(key))
    assert [line.split("  ")[1] for line in run("lookup", key, "--routing", local_file).stdout.splitlines()] == [
        "up-a-0",
        streams.stream_of(key),
    ]


def test_the_producer_takes_a_routing_document(local_file: str, client: Any, tmp_path: Path):
    run("create", "up", "--routing", local_file, "--az", "a", "--az", "b")
    (tmp_path / "song").write_bytes(bytes(10_000))
    result = CliRunner().invoke(app, ["produce", str(tmp_path / "song"), "--to", f"streams:{local_file}", "--json"])
    assert result.exit_code == 0, result.exception
    key = json.loads(result.stdout)["uploads"][0]["partition_key"]
    assert keys_in(client, Routing(local_file).load().stream_of(key)) == [key]


def test_two_who_change_the_set_at_once_do_not_undo_each_other(routing: str):
    run("create", "up", "--routing", routing, "--az", "a")
    document = Routing(routing)
    read = document.read()
    assert read.streams is not None
    run("scale", "--routing", routing, "--extra", 1)
    with pytest.raises(UserError, match="changed by someone else"):
        document.write(read.streams, read.version)
    with pytest.raises(UserError, match="changed by someone else"):
        document.write(read.streams, None)
    assert len(document.load().active) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "spot"], "neither on-demand nor provisioned"),
        (["--track", "0.5"], "--track is for --mode provisioned"),
        (["--mode", "provisioned", "--track", "2"], "cannot be"),
        (["--mode", "provisioned", "--track", "0.5", "--shards", "9", "--max-shards", "8"], "cannot be"),
        (["--tag", "team"], "not NAME=VALUE"),
        (["--tag", "=team"], "not NAME=VALUE"),
    ],
)
def test_a_set_that_cannot_be_made_says_why(local_file: str, client: Any, arguments: list[str], message: str):
    with pytest.raises(UserError, match=message):
        run("create", "up", "--routing", local_file, "--az", "a", *arguments)
    assert names(client) == set()


def test_a_set_is_not_made_over_another(local_file: str):
    run("create", "up", "--routing", local_file, "--az", "a")
    with pytest.raises(UserError, match="holds the set 'up' already"):
        run("create", "more", "--routing", local_file, "--az", "a")


def test_tracking_without_a_policy_is_told(local_file: str):
    run("create", "up", "--routing", local_file, "--az", "a")
    with pytest.raises(UserError, match="no tracking policy"):
        run("scale", "--routing", local_file)


@pytest.mark.parametrize("place", ["s3://", "s3://bucket", "s3://no-such-bucket-here/key"])
def test_a_place_on_s3_that_cannot_be_is_told(place: str):
    with pytest.raises(UserError, match=r"names no object|NoSuchBucket"):
        Routing(place).load()


def test_a_document_that_is_none_is_told(local_file: str):
    for text in ("", "{}", "[]", '{"format": 9}', "\x00"):
        Path(local_file).write_text(text)
        with pytest.raises(UserError, match="is no routing document"):
            Routing(local_file).load()
