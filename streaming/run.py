"""The run loop: start the query, watch it, and end it between two batches."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import Any

from py4j.protocol import Py4JJavaError, Py4JNetworkError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from streaming.batch import BatchWriter
from streaming.catalogue import Catalogue, open_catalogue
from streaming.companions import Companions
from streaming.errors import UserError
from streaming.features_beside import check_features, features_beside
from streaming.identity import check_newest_batch, claim
from streaming.index_place import is_catalogue
from streaming.ledger import Ledger
from streaming.metrics import state_bytes
from streaming.pipeline import plan_outcomes
from streaming.places import open_place
from streaming.pressure import Pressure
from streaming.progress import summarise, write_progress
from streaming.session import LOG_LEVEL, lent_session, start_session
from streaming.settings import Settings
from streaming.signals import stop_signals
from streaming.sinks import Lake
from streaming.sources import check_folders, session_properties
from streaming.spool import Spool
from streaming.staging import Staging
from streaming.starts import note_start
from streaming.stop_request import StopRequest
from udfs.index_files import IndexRefusedError
from udfs.landmark_index import open_index

LOOK_SECONDS = 0.2
QUERY_PLAN = "=== Streaming Query ==="  # what Spark writes behind an error: offsets, and the plan in some dozen lines
FOREIGN_FILE = ". It is no file of records: move it out of the source's folder, then start again"


def run(settings: Settings, spark: SparkSession | None = None, debug: bool = False) -> None:
    """Run the job until it is asked to stop, or, with ``drain``, until nothing is left to do.

    Parameters
    ----------
    settings
        The job's.
    spark
        A session to use; one is started otherwise, and stopped at the end.
    debug
        Let everything through that Spark says on standard error.

    Raises
    ------
    UserError
        When it could not start, or stopped by itself.
    """
    check_folders(settings)
    check_index(settings)
    check_features(settings)
    start = partial(start_job_session, settings)
    # Signals from here on: starting Spark takes seconds, too.
    with stop_signals() as asked, lent_session(spark, start, debug) as session:
        try:
            if not asked.is_set():
                _run(session, settings, asked)
        except (Py4JNetworkError, ConnectionError) as error:
            raise UserError(
                "Spark's JVM is gone: killed, or out of memory. Nothing is lost: start again on the same checkpoint"
            ) from error


def start_job_session(settings: Settings) -> SparkSession:
    """Start Spark with what a job's sources need of it."""
    return start_session(settings.partitions, session_properties(settings))


def _run(session: SparkSession, settings: Settings, asked: threading.Event) -> None:
    companions = Companions(settings)
    job = Job(session, settings)
    job.writer.observers.append(companions.note)
    job.start()
    with companions.along(session), features_beside(settings):
        job.watch(asked)


def check_index(settings: Settings) -> None:
    """Open the index once here, so that a wrong one stops the start and not the first batch."""
    if is_catalogue(settings.index):  # `find_catalogue` does, once Spark runs
        return
    try:
        open_index(settings.index)
    except (IndexRefusedError, OSError) as error:
        raise UserError(f"--index {settings.index}: {error}") from error


def find_catalogue(spark: SparkSession, settings: Settings) -> Catalogue | None:
    """Open the catalogue, if the index is one, as it will be for the whole run."""
    if not is_catalogue(settings.index):
        return None
    try:
        return open_catalogue(spark, settings.index)
    except IndexRefusedError as error:
        raise UserError(f"--index {settings.index}: {error}") from error


class Job:
    """A query and what belongs to it."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self._spark = spark
        self._settings = settings
        self._checkpoint = open_place(settings.checkpoint)
        identity = claim(self._checkpoint, open_place(settings.lake), settings.lake, settings.adopt_lake)
        self._lake = Lake(spark, settings.lake, identity.app_id)
        self._ledger = Ledger(self._checkpoint)
        done = [batch_id for batch_id in (self._ledger.newest, self._lake.newest_batch()) if batch_id is not None]
        check_newest_batch(self._checkpoint, max(done, default=None), settings.lake)
        self._pressure = Pressure(self._checkpoint, settings.max_open_uploads, settings.max_state_bytes)
        staging = Staging(settings.checkpoint, self._checkpoint)
        self._spool = Spool(self._checkpoint)
        self.writer = BatchWriter(settings, self._spool, staging, self._lake, self._ledger, self._pressure)
        self.writer.catalogue = find_catalogue(spark, settings)
        self._query: StreamingQuery | None = None
        self._seen: tuple[Any, ...] | None = None
        self._first_batch: int | None = None
        self._stop_request = StopRequest(self._checkpoint, settings.stop_file)

    def start(self) -> StreamingQuery:
        """Make the tables and start the query."""
        self._lake.create_tables()
        outcomes = plan_outcomes(self._spark, self._settings, note_start(self._checkpoint, time.time_ns() // 1_000_000))
        self._query = (
            outcomes.writeStream.queryName("soundgate")
            .foreachBatch(self.writer.write)
            .option("checkpointLocation", self._settings.checkpoint)
            .trigger(processingTime=f"{int(self._settings.trigger_seconds * 1000)} milliseconds")
            .start()
        )
        return self._query

    def watch(self, asked: threading.Event) -> None:
        """Look after the query until it is to end, then end it between two batches."""
        query = self._running()
        while query.isActive and not asked.wait(LOOK_SECONDS):
            idle = self._note_progress(query)
            if self._stop_request.made():
                break
            if self._settings.drain and idle and self._ledger.in_flight == 0:
                break
        self.stop()

    def stop(self) -> None:
        """Let the running batch finish and begin no other.

        Raises
        ------
        UserError
            When the query had stopped by itself.
        """
        query = self._running()
        self.writer.closing.set()
        end_between_batches(self._spark, query)
        self._note_progress(query)
        failure = query.exception()
        if failure is not None and not self.writer.refused:
            raise UserError(f"the job stopped: {explain(self.writer.failure or failure)}") from failure

    def _running(self) -> StreamingQuery:
        if self._query is None:
            raise RuntimeError("the query was not started")
        return self._query

    def _note_progress(self, query: StreamingQuery) -> bool:
        """Write the last batch's progress down; says whether it looked at the source and found nothing new.

        A run's first batch may be one that the last run had planned and not done, and says nothing of the source.
        """
        progress: Any = query.lastProgress
        if progress is None:
            return False
        batch = (progress["batchId"], progress["timestamp"])
        if batch != self._seen:
            self._first_batch = batch[0] if self._seen is None else self._first_batch
            self._seen = batch
            newest = self.writer.last.newest_arrival_ms if self.writer.last else None
            write_progress(self._checkpoint, summarise(progress, self._ledger.in_flight, newest))
            held = sum(map(state_bytes, progress["stateOperators"])) + self._spool.count_bytes()
            self._pressure.look(self._ledger.in_flight, held, time.time_ns() // 1_000_000)
        return found_nothing(progress) and batch[0] != self._first_batch


def found_nothing(progress: Any) -> bool:
    """Whether a batch had no record and its sources stand where they stood.

    A stream's shard may end in a batch without a record, and those that follow it are read from the next batch on.
    """
    moved = any(source["startOffset"] != source["endOffset"] for source in progress["sources"])
    return not progress["numInputRows"] and not moved


def end_between_batches(spark: SparkSession, query: StreamingQuery) -> None:
    """Let a query finish the batch that it is at, and stop it; whoever writes its batches refuses further ones."""
    hush(spark)
    while query.isActive:
        if not query.status["isTriggerActive"]:
            query.stop()
        time.sleep(LOOK_SECONDS / 4)
    spark.sparkContext.setLogLevel(LOG_LEVEL)


def hush(spark: SparkSession) -> None:
    """Keep the logs quiet about a batch that is refused because the job is stopping; `Job.stop` tells real failures."""
    spark.sparkContext.setLogLevel("OFF")
    logging.getLogger("py4j").setLevel(logging.CRITICAL)


def explain(failure: BaseException) -> str:
    """Give what failed in one line: the innermost cause, without the stacks of the JVM and of Python workers."""
    lines = [line for line in str(failure).partition(QUERY_PLAN)[0].splitlines() if line.strip()]
    told = [line.strip() for line in lines if not line.startswith((" ", "\t")) and "Traceback" not in line]
    causes = [line.removeprefix("Caused by: ") for line in told if line.startswith("Caused by: ")]
    if causes:
        cause = causes[-1]
    elif isinstance(failure, Py4JJavaError):  # "An error occurred while calling …", then ": " and the exception
        cause = next((line.removeprefix(": ") for line in told if line.startswith(": ")), told[0])
    elif isinstance(failure, PySparkException):
        cause = told[-1]
    else:
        return f"{type(failure).__name__}: {failure}"
    return cause + (FOREIGN_FILE if "not a Parquet file" in cause else "")
