"""Where records come from: folders of record files and Kinesis streams, one or several; the same columns from all."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know

from streaming.aws import kinesis_client
from streaming.errors import UserError
from streaming.kinesis_options import (
    CONNECTOR,
    JAR_ON_EMR,
    OWN_READER,
    connector_options,
    own_options,
    share_of_batch,
)
from streaming.kinesis_shards import retention_milliseconds
from streaming.kinesis_source import Options, register
from streaming.places import open_place
from streaming.schemas import RECORD
from streaming.session import find_jars, submitted
from streaming.settings import Settings
from streaming.source_claim import FILES, Claim, absolute, check_claim, keep_claim, recall_claim
from streaming.telling import tell
from streaming.wire import route_sql

KINESIS = "kinesis:"
NOT_FOUND = "[DATA_SOURCE_NOT_FOUND]"
ANY_AGE = "36500d"


def read_records(spark: SparkSession, settings: Settings) -> DataFrame:
    """Open the sources as one stream of `streaming.schemas.RECORD`.

    Raises
    ------
    UserError
        A source is not there, or the checkpoint belongs to other ones.
    """
    check_folders(settings)
    checkpoint = open_place(settings.checkpoint)
    before = recall_claim(checkpoint)
    reader = choose_reader(spark, settings, before.kinesis_reader if before else None)
    claim = Claim(tuple(absolute(source) for source in settings.source), reader)
    check_claim(before, claim)
    opened = [_open(spark, settings, source, reader) for source in settings.source]
    if before is None:
        keep_claim(checkpoint, claim)
    return reduce(DataFrame.union, opened)


def check_folders(settings: Settings) -> None:
    """Look for the folders of record files; a job does so before it starts Spark or writes anything.

    Raises
    ------
    UserError
        One is not there.
    """
    for source in settings.source:
        folder = source.removeprefix(FILES)
        if source.startswith(FILES) and "://" not in folder and not Path(folder).is_dir():
            raise UserError(f"--source {source}: there is no such folder")


def group_records(records: DataFrame) -> DataFrame:
    """Name the columns as the rebuild wants them and add the upload id that groups, without parsing anything.

    Nothing is null: a record without key, number or time is one too, and gets its outcome.
    """
    return records.select(
        F.coalesce("partitionKey", F.lit("")).alias("partition_key"),
        F.coalesce(F.expr(route_sql("data")), F.lit("")).alias("upload_id"),
        F.coalesce("data", F.lit(b"")).alias("data"),
        F.coalesce("streamName", F.lit("")).alias("stream"),
        F.coalesce("sequenceNumber", F.lit("")).alias("sequence_number"),
        F.coalesce(F.unix_micros("approximateArrivalTimestamp"), F.lit(0)).alias("arrived_us"),
    )


def session_properties(settings: Settings) -> dict[str, str]:
    """Give what the sources need of a Spark session that is started here: the connector's jar, where one is named.

    Raises
    ------
    UserError
        The jar is not there, or Spark was started by spark-submit, which must be given the jar itself.
    """
    jar = settings.kinesis_jar
    if jar is None:
        return {}
    if submitted():
        raise UserError(f"kinesis_jar is for a Spark started here: pass --jars {jar} to spark-submit instead")
    if not jar.is_file():
        raise UserError(f"kinesis_jar {str(jar)!r}: there is no such file. On EMR the connector is {JAR_ON_EMR}")
    return {"spark.jars": f"{find_jars()},{jar.absolute()}"}


def choose_reader(spark: SparkSession, settings: Settings, before: str | None = None) -> str | None:
    """Choose who reads the streams, and say so on standard error; None where there are no streams.

    The rule: what `kinesis_reader` says; with ``auto`` whoever began the checkpoint, and for a new one the connector
    if this Spark has it, and else our own reader.

    Raises
    ------
    UserError
        The connector is to read and is not there.
    """
    streams = [source.removeprefix(KINESIS) for source in settings.source if source.startswith(KINESIS)]
    if not streams:
        return None
    asked = settings.kinesis_reader if settings.kinesis_reader != "auto" else before
    there = has_connector(spark)
    if asked == CONNECTOR and not there:
        raise UserError(
            f"Spark has no reader {CONNECTOR!r}, which is to read {', '.join(streams)}. It is the awslabs connector: "
            f"on EMR pass --jars {JAR_ON_EMR} to spark-submit (`soundgate emr submit` does); elsewhere set kinesis_jar "
            f"(SOUNDGATE_KINESIS_JAR) to the jar, or, on a new checkpoint, kinesis_reader = {OWN_READER!r}."
        )
    reader = asked or (CONNECTOR if there else OWN_READER)
    why = "as set" if settings.kinesis_reader != "auto" else "as before" if before else "the connector is there"
    if reader == OWN_READER and not asked:
        why = f"this Spark has no {CONNECTOR}; kinesis_reader and kinesis_jar change that"
    tell(f"{reader} reads {', '.join(streams)} ({why})")
    return reader


def has_connector(spark: SparkSession) -> bool:
    """Whether Spark has the connector's format."""
    try:
        # The least that the connector wants before it looks at anything.
        options = {"kinesis.streamName": "-", "kinesis.endpointUrl": "https://kinesis.us-east-1.amazonaws.com"}
        spark.readStream.format(CONNECTOR).options(**options).load()
    except Exception as error:  # some of the JVM's pyspark gives names to, and not to this one
        if NOT_FOUND not in str(error):
            raise
        return False
    return True


def _open(spark: SparkSession, settings: Settings, source: str, reader: str | None) -> DataFrame:
    if source.startswith(FILES):
        return _read_files(spark, settings, source.removeprefix(FILES))
    return _read_kinesis(spark, settings, source.removeprefix(KINESIS), reader == CONNECTOR)


def _read_files(spark: SparkSession, settings: Settings, folder: str) -> DataFrame:
    return (
        spark.readStream.schema(RECORD)
        .option("maxBytesPerTrigger", share_of_batch(settings))
        .option("pathGlobFilter", "*.parquet")
        .option("maxFileAge", ANY_AGE)  # else a file a week older than the newest is passed over, in silence
        .parquet(folder)
    )


def _read_kinesis(spark: SparkSession, settings: Settings, stream: str, by_connector: bool) -> DataFrame:
    client = kinesis_client(settings.kinesis_region, settings.kinesis_endpoint_url)
    if by_connector:
        options = connector_options(settings, stream, client.meta.region_name, client.meta.endpoint_url)
        return spark.readStream.format(CONNECTOR).options(**options).load()
    options = own_options(settings, stream)
    # What is wrong is told here, in one line, and not by a worker of Spark's.
    Options.parse(options)
    retention_milliseconds(client, stream)
    register(spark)
    return spark.readStream.format(OWN_READER).options(**options).load()
