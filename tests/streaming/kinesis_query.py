"""A query from a Kinesis stream into files, in a process of its own that can be stopped or killed.

    python kinesis_query.py STREAM ENDPOINT FOLDER

Each run of a batch writes its rows to a file of its own under ``FOLDER/rows``. It takes its orders from files that
appear in ``FOLDER`` and takes them away when they are carried out: ``pause`` stops the query cleanly, ``go`` starts it
again from its checkpoint, ``end`` ends the process, and with ``kill`` the next batch is written and then everything
(this process, its JVM, its workers) is killed before Spark can commit it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery

from streaming.kinesis_source import FORMAT, register
from streaming.local_kinesis import REGION
from streaming.wire import route_sql

BATCH_BYTES = 30_000
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # it lives for seconds: compiling well does not pay


def run(stream: str, endpoint: str, folder: Path) -> None:
    """Run the query as ordered."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    (folder / "rows").mkdir(exist_ok=True)
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.extraJavaOptions", QUICK_JAVA)
        .config("spark.sql.codegen.wholeStage", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    register(spark)

    def write(rows: DataFrame, batch_id: int) -> None:
        place = folder / "rows" / f"{batch_id:06d}-{uuid.uuid4().hex[:8]}"
        table = rows.select("*", F.expr(route_sql("data")).alias("routed")).toArrow()
        pq.write_table(table, place.with_suffix(".writing"))
        place.with_suffix(".writing").rename(place.with_suffix(".parquet"))
        if ordered(folder, "kill"):
            os.killpg(0, signal.SIGKILL)

    def start() -> StreamingQuery:
        return (
            spark.readStream.format(FORMAT)
            .option("kinesis.streamName", stream)
            .option("kinesis.endpointUrl", endpoint)
            .option("kinesis.region", REGION)
            .option("kinesis.metadataPath", str(folder / "checkpoint" / "kinesis"))
            .option("maxBytesPerTrigger", BATCH_BYTES)
            .load()
            .writeStream.foreachBatch(write)
            .option("checkpointLocation", str(folder / "checkpoint"))
            .trigger(processingTime="200 milliseconds")
            .start()
        )

    query = start()
    while not ordered(folder, "end"):
        if ordered(folder, "pause"):
            query.stop()
        elif ordered(folder, "go"):
            query = start()
        elif (error := query.exception()) is not None:
            raise error
        time.sleep(0.1)
    query.stop()


def ordered(folder: Path, what: str) -> bool:
    """Take an order, if it is there."""
    there = (folder / what).exists()
    (folder / what).unlink(missing_ok=True)
    return there


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
