"""Where records come from: a folder of record files, or a Kinesis stream; the same columns either way."""

from __future__ import annotations

from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know

from streaming.errors import UserError
from streaming.schemas import RECORD
from streaming.settings import Settings
from streaming.wire import route_sql

KINESIS_FORMAT = "aws-kinesis"
KINESIS_DEFAULTS = {
    "kinesis.startingPosition": "TRIM_HORIZON",  # the connector's own default would skip what is there already
    "kinesis.failOnDataLoss": "true",  # its default goes on in silence
    "kinesis.consumerType": "GetRecords",
}


def read_records(spark: SparkSession, settings: Settings) -> DataFrame:
    """Open the source as a stream of `streaming.schemas.RECORD`."""
    if settings.source_kind == "files":
        return _read_files(spark, settings)
    return _read_kinesis(spark, settings)


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


def _read_files(spark: SparkSession, settings: Settings) -> DataFrame:
    folder = settings.source_name
    if "://" not in folder and not Path(folder).is_dir():
        raise UserError(f"--source files:{folder}: there is no such folder")
    return (
        spark.readStream.schema(RECORD)
        .option("maxBytesPerTrigger", settings.max_batch_bytes)
        .option("pathGlobFilter", "*.parquet")
        .parquet(folder)
    )


def _read_kinesis(spark: SparkSession, settings: Settings) -> DataFrame:
    options = {**KINESIS_DEFAULTS, **settings.kinesis_options, "kinesis.streamName": settings.source_name}
    try:
        return spark.readStream.format(KINESIS_FORMAT).options(**options).load()
    except PySparkException as error:
        if error.getErrorClass() != "DATA_SOURCE_NOT_FOUND":
            raise
        raise UserError(
            f"--source {settings.source}: Spark has no reader {KINESIS_FORMAT!r}. It is the awslabs connector "
            "spark-streaming-sql-kinesis-connector.jar: on EMR it is there (docs say where); elsewhere put the jar "
            "into the folder that SOUNDGATE_JARS names."
        ) from error
