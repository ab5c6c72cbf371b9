"""The job that listens: sources -> broadcasts, each followed by itself -> plays and changes, each batch once."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from streaming.batch import ClosingError
from streaming.errors import UserError
from streaming.identity import check_newest_batch, claim
from streaming.index_place import is_catalogue
from streaming.listen.processor import HEARD, Ear, ListenProcessor
from streaming.listen.tables import CHANGES, PLAYS, TABLES, append, create_tables
from streaming.places import open_place
from streaming.run import LOOK_SECONDS, check_index, end_between_batches, explain, found_nothing, start_job_session
from streaming.session import lent_session
from streaming.settings import Settings
from streaming.signals import stop_signals
from streaming.sinks import REJECTIONS, newest_batch
from streaming.sources import check_folders, group_records, read_records
from streaming.staging import Staging
from streaming.stop_request import StopRequest
from udfs.index_files import MANIFEST
from udfs.match import MIN_SCORE

WRITER = "_soundgate/listen"  # in the lake: which checkpoint listens into it, beside the one that judges uploads
ORDER = (CHANGES, PLAYS, REJECTIONS)


def listen(
    settings: Settings, silence_seconds: float = 60.0, spark: SparkSession | None = None, debug: bool = False
) -> dict[str, int]:
    """Listen until asked to stop, or, with ``drain``, until there is nothing new; what plays then goes on playing.

    Parameters
    ----------
    settings
        As the job's that judges uploads.
    silence_seconds
        How long to wait for chunks that are missing, and for more, before what plays is ended.
    spark
        A session to use.
    debug
        Let everything through that Spark says on standard error.

    Returns
    -------
    dict
        Rows written, by table.

    Raises
    ------
    UserError
        When it could not start, or stopped by itself.
    """
    check_folders(settings)
    if is_catalogue(settings.index):
        raise UserError(f"--index {settings.index}: listening needs an index of files, which answers window by window")
    check_index(settings)
    start = partial(start_job_session, settings)
    with stop_signals() as asked, lent_session(spark, start, debug) as session:
        return ListenJob(session, settings, silence_seconds).run(asked)


class ListenJob:
    """A query that listens, and what belongs to it."""

    def __init__(self, spark: SparkSession, settings: Settings, silence_seconds: float) -> None:
        self._spark = spark
        self._settings = settings
        self._silence_ms = int(silence_seconds * 1000)
        place = open_place(settings.checkpoint)
        self._staging = Staging(settings.checkpoint, place, HEARD)
        self._stop_request = StopRequest(place, settings.stop_file)
        lake = open_place(f"{settings.lake}/{WRITER}")
        self._app_id = claim(place, lake, settings.lake, settings.adopt_lake).app_id
        self._closing = False  # begin no further batch
        self._refused = False  # whether one was: the query then ends with an error that is none
        self.written = dict.fromkeys(ORDER, 0)

    def run(self, asked: threading.Event) -> dict[str, int]:
        """Run the query until it is to end, then end it between two batches."""
        lake = self._settings.lake
        create_tables(self._spark, lake)
        newest = newest_batch(self._app_id, *(f"{lake}/{name}" for name in TABLES))
        check_newest_batch(open_place(self._settings.checkpoint), newest, lake)
        query = (
            self._plan()
            .writeStream.queryName("soundgate-listen")
            .foreachBatch(self._write)
            .option("checkpointLocation", self._settings.checkpoint)
            .trigger(processingTime=f"{int(self._settings.trigger_seconds * 1000)} milliseconds")
            .start()
        )
        first: int | None = None
        while query.isActive and not asked.wait(LOOK_SECONDS):
            progress: Any = query.lastProgress
            if progress is not None:
                first = progress["batchId"] if first is None else first
                if self._settings.drain and progress["batchId"] != first and found_nothing(progress):
                    break
            if self._stop_request.made():
                break
        self._closing = True
        end_between_batches(self._spark, query)
        failure = query.exception()
        if failure is not None and not self._refused:
            raise UserError(f"the job stopped: {explain(failure)}") from failure
        return self.written

    def _plan(self) -> DataFrame:
        manifest = (Path(self._settings.index) / MANIFEST).read_bytes()
        marker_ms = int(self._settings.marker_hours * 3_600_000)
        least = MIN_SCORE if self._settings.min_score is None else self._settings.min_score
        processor = ListenProcessor(Ear(self._settings.index, manifest, least), self._silence_ms, marker_ms)
        records = group_records(read_records(self._spark, self._settings))
        return records.groupBy("partition_key", "upload_id").transformWithState(
            statefulProcessor=processor, outputStructType=HEARD, outputMode="append", timeMode="ProcessingTime"
        )

    def _write(self, heard: DataFrame, batch_id: int) -> None:
        """Write a batch: 1. stage (the plan's one action), 2. changes, 3. plays, 4. rejections."""
        if self._closing:
            self._refused = True
            raise ClosingError("no further batch is begun: the job is stopping")
        self._staging.clear()
        self._staging.write(heard, batch_id)
        staged = self._staging.read(heard.sparkSession, batch_id)
        if staged.isEmpty():
            return
        for name in ORDER:
            self.written[name] += append(staged, self._settings.lake, name, self._app_id, batch_id)
