"""Several sources are one; who reads a stream, and with which options; what a checkpoint keeps of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_rig import upload
from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, DataSourceStreamReader
from pyspark.sql.types import StructType

from streaming.aws import kinesis_client
from streaming.errors import UserError
from streaming.kinesis_options import CONNECTOR, JAR_ON_EMR, OWN_READER, connector_options, own_options
from streaming.kinesis_writer import KinesisWriter
from streaming.local_kinesis import REGION, LocalKinesis
from streaming.places import Folder
from streaming.record_files import RecordFileWriter
from streaming.schemas import RECORD
from streaming.settings import Settings, load_settings
from streaming.source_claim import FILE, Claim, check_claim, keep_claim, recall_claim
from streaming.sources import read_records, session_properties

ENDPOINT = "https://kinesis.eu-central-1.amazonaws.com"


def settings(**said: Any) -> Settings:
    return load_settings({"source": "kinesis:uploads", "lake": "/l", "checkpoint": "/c", "index": "/i", **said})


# --------------------------------------------------------------------------------------------------------- connector


def test_the_connectors_defaults_are_ours_where_its_own_lose_skip_or_hoard() -> None:
    assert connector_options(settings(), "uploads", "eu-central-1", ENDPOINT) == {
        "kinesis.streamName": "uploads",
        "kinesis.region": "eu-central-1",
        "kinesis.kinesisRegion": "eu-central-1",
        "kinesis.endpointUrl": ENDPOINT,
        "kinesis.consumerType": "GetRecords",
        "kinesis.startingPosition": "TRIM_HORIZON",
        "kinesis.failOnDataLoss": "true",
        "kinesis.maxFetchRecordsPerShard": "1000",
        "kinesis.maxFetchTimePerShardSec": "10",
        "kinesis.internal.dataQueueCapacity": "64",
    }


@pytest.mark.parametrize(
    ("said", "passed"),
    [
        (
            {"kinesis_consumer": "gate"},
            {"kinesis.consumerType": "SubscribeToShard", "kinesis.consumerName": "gate"},
        ),
        (
            {"kinesis_role_arn": "arn:aws:iam::1:role/r"},
            {"kinesis.stsRoleArn": "arn:aws:iam::1:role/r", "kinesis.stsSessionName": "soundgate"},
        ),
        (
            {"kinesis_metadata": "dynamodb:gate"},
            {"kinesis.metadataCommitterType": "DYNAMODB", "kinesis.dynamodb.tableName": "gate-uploads"},
        ),
        (
            {"kinesis_metadata": "s3://bucket/metadata/"},
            {"kinesis.metadataCommitterType": "HDFS", "kinesis.metadataPath": "s3://bucket/metadata/uploads"},
        ),
        ({"kinesis_starting_position": "LATEST"}, {"kinesis.startingPosition": "LATEST"}),
        ({"kinesis_fail_on_data_loss": False}, {"kinesis.failOnDataLoss": "false"}),
        ({"kinesis_shard_records": 9}, {"kinesis.maxFetchRecordsPerShard": "9"}),
        ({"kinesis_shard_seconds": 60}, {"kinesis.maxFetchTimePerShardSec": "60"}),
        ({"kinesis_queue_records": 7}, {"kinesis.internal.dataQueueCapacity": "7"}),
        ({"kinesis_options": {"kinesis.failOnDataLoss": "false"}}, {"kinesis.failOnDataLoss": "false"}),
    ],
)
def test_each_setting_is_an_option_of_the_connector(said: dict[str, Any], passed: dict[str, str]) -> None:
    assert connector_options(settings(**said), "uploads", "eu-central-1", ENDPOINT).items() >= passed.items()


@pytest.mark.parametrize("where", ["dynamodb:", "folder", ""])
def test_a_place_for_metadata_that_is_none_is_refused(where: str) -> None:
    with pytest.raises(UserError, match="dynamodb:TABLE"):
        connector_options(settings(kinesis_metadata=where), "uploads", "eu-central-1", ENDPOINT)


@pytest.mark.parametrize("said", [{"kinesis_consumer": "x"}, {"kinesis_role_arn": "x"}, {"kinesis_metadata": "s3://b"}])
def test_our_own_reader_refuses_what_it_cannot_do(said: dict[str, str]) -> None:
    with pytest.raises(UserError, match=f"{next(iter(said))} takes the connector"):
        own_options(settings(**said), "uploads")


def test_our_own_reader_remembers_beside_the_checkpoint_and_shares_the_batch() -> None:
    options = own_options(settings(source=["kinesis:a", "kinesis:b"], max_batch_bytes=1000, kinesis_region="r"), "b")
    assert options == {
        "kinesis.streamName": "b",
        "kinesis.metadataPath": "/c/kinesis",
        "kinesis.startingPosition": "TRIM_HORIZON",
        "kinesis.failOnDataLoss": "true",
        "kinesis.region": "r",
        "maxBytesPerTrigger": "500",
    }


def test_a_jar_that_is_named_goes_to_the_session_and_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = tmp_path / "connector.jar"
    with pytest.raises(UserError, match=f"no such file.*{JAR_ON_EMR}"):
        session_properties(settings(kinesis_jar=jar))
    jar.touch()
    jars = session_properties(settings(kinesis_jar=jar))["spark.jars"].split(",")
    assert jars[-1] == str(jar)
    assert any("delta-spark" in one for one in jars)
    assert session_properties(settings()) == {}
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")  # as under spark-submit
    with pytest.raises(UserError, match=f"--jars {jar}"):
        session_properties(settings(kinesis_jar=jar))


# -------------------------------------------------------------------------------------------------------- checkpoint


def test_a_checkpoint_keeps_its_sources_and_their_reader(tmp_path: Path) -> None:
    ours = Claim(("kinesis:a", "files:/x"), OWN_READER)
    assert recall_claim(Folder(tmp_path)) is None
    check_claim(None, ours)
    keep_claim(Folder(tmp_path), ours)
    before = recall_claim(Folder(tmp_path))
    assert before == ours
    check_claim(before, ours)
    for other in (("files:/x", "kinesis:a"), ("kinesis:a",), ("kinesis:a", "files:/x", "kinesis:b")):
        with pytest.raises(UserError, match=r"sources never change.*--adopt-lake.*AT_TIMESTAMP"):
            check_claim(before, Claim(other, OWN_READER))
    with pytest.raises(UserError, match=f"begun with the reader {OWN_READER}.*auto"):
        check_claim(before, Claim(ours.sources, CONNECTOR))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sources": 3}'])
def test_a_damaged_claim_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(UserError, match="damaged"):
        recall_claim(Folder(tmp_path))


# ------------------------------------------------------------------------------------------------------- for real


@pytest.fixture(scope="module")
def kinesis() -> Iterator[LocalKinesis]:
    with LocalKinesis({"one": 1, "two": 1}) as kinesis, pytest.MonkeyPatch.context() as patch:
        for name, value in kinesis.environment.items():
            patch.setenv(name, value)
        yield kinesis


def at(kinesis: LocalKinesis, folder: Path, **said: Any) -> Settings:
    where = {"kinesis_region": REGION, "kinesis_endpoint_url": kinesis.url, "checkpoint": str(folder / "checkpoint")}
    return settings(**{**where, **said})


@pytest.mark.spark
def test_several_streams_and_a_folder_are_one_source_and_who_reads_them_is_said(
    kinesis: LocalKinesis, spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = {}
    for number, name in enumerate(("one", "two", "files")):
        written[name] = upload(number, bytes(3000), key=f"user/{name}", size=1000)
        if name == "files":
            RecordFileWriter(tmp_path / "inbox", stream="files").write(written[name])
        else:
            KinesisWriter(kinesis_client(REGION, kinesis.url), name).write(written[name])
    sources = ["kinesis:one", "kinesis:two", f"files:{tmp_path}/inbox"]
    records = read_records(spark, at(kinesis, tmp_path, source=sources))
    assert f"{OWN_READER} reads one, two (this Spark has no {CONNECTOR}" in capsys.readouterr().err
    query = (
        records.writeStream.format("memory")
        .queryName("union")
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
    )
    query.trigger(availableNow=True).start().awaitTermination()
    rows = spark.table("union").collect()
    for name, records_of_it in written.items():
        came = [bytes(row["data"]) for row in rows if row["streamName"] == name]
        assert sorted(came) == sorted(record.data for record in records_of_it), name
    assert {path.name for path in (tmp_path / "checkpoint" / "kinesis").iterdir()} == {"one.json", "two.json"}


@pytest.mark.spark
def test_the_connector_that_is_asked_for_and_not_there_is_told_with_where_it_is(
    kinesis: LocalKinesis, spark: SparkSession, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=f"on EMR pass --jars {JAR_ON_EMR}.*SOUNDGATE_KINESIS_JAR"):
        read_records(spark, at(kinesis, tmp_path, source="kinesis:one", kinesis_reader=CONNECTOR))


@pytest.mark.spark
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"source": "kinesis:missing"}, "stream 'missing' does not exist there: check its name"),
        ({"kinesis_fail_on_data_loss": False}, "always ends when records are lost"),
        ({"kinesis_starting_position": "YESTERDAY"}, "is TRIM_HORIZON, LATEST or AT_TIMESTAMP"),
        ({"kinesis_options": {"kinesis.speed": "high"}}, "does not know the option kinesis.speed"),
    ],
)
def test_a_stream_that_cannot_be_read_stops_the_start_in_one_line(
    kinesis: LocalKinesis, spark: SparkSession, tmp_path: Path, said: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        read_records(spark, at(kinesis, tmp_path, **{"source": "kinesis:one", **said}))
    assert not (tmp_path / "checkpoint" / FILE).exists()  # the next start may say it right


@pytest.mark.spark
def test_the_connector_that_is_there_is_used_and_gets_our_options(
    kinesis: LocalKinesis, spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = spark.newSession()  # what is registered in it is known to no other test
    session.dataSource.register(make_connector(tmp_path / "options.json"))
    said = at(kinesis, tmp_path, source="kinesis:one", kinesis_queue_records=5)
    assert read_records(session, said).schema == RECORD
    assert f"{CONNECTOR} reads one (the connector is there)" in capsys.readouterr().err
    passed = json.loads((tmp_path / "options.json").read_text())
    expected = connector_options(said, "one", REGION, kinesis.url)
    assert passed == {name.lower(): value for name, value in expected.items()}
    with pytest.raises(UserError, match="cannot read"):
        read_records(session, at(kinesis, tmp_path, source="kinesis:one", kinesis_reader=OWN_READER))
    with pytest.raises(UserError, match=f"no reader '{CONNECTOR}'"):  # auto goes on as it was begun
        read_records(spark, at(kinesis, tmp_path, source="kinesis:one"))


def make_connector(path: Path) -> type[DataSource]:
    """Make a format of the connector's name that writes down what it is given."""

    class Connector(DataSource):
        @classmethod
        def name(cls) -> str:
            return CONNECTOR

        def schema(self) -> StructType:
            path.write_text(json.dumps(dict(self.options)))
            return RECORD

        def streamReader(self, schema: StructType) -> DataSourceStreamReader:  # noqa: N802 - Spark's name
            raise NotImplementedError

    return Connector
