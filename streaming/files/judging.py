"""The Spark job over stored files: one slice of files -> their rows, staged -> reports -> one commit of verdicts.

It is the stream's flow from the classify UDF on. What comes before is simpler, since a file needs no rebuilding; what
comes behind differs in one thing: Delta is asked to leave out verdicts that are there already, instead of batches.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know

from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.reading import GONE, UNREADABLE, StoredReader
from streaming.files.report_writer import Write
from streaming.files.slices import deal
from streaming.files.stored_file import S3, StoredFile, root_of
from streaming.files.tally import Tally
from streaming.identification import identify_batch
from streaming.identity import LAKE_FILE
from streaming.judge import make_opener
from streaming.outcomes import Kind
from streaming.pipeline import judge, read_facts, to_rows
from streaming.places import open_place
from streaming.run import find_catalogue
from streaming.settings import Settings
from streaming.sinks import VERDICTS, Lake
from streaming.staging import Staging

WORK = "_soundgate/files"  # in the lake: where a run's rows are staged
LEFT_OVER_SECONDS = 7 * 24 * 3600  # a run that was killed leaves its folder; none takes so long
LOG_STORE = "spark.delta.logStore.s3.impl"
SHARED_LOG_STORE = "S3DynamoDBLogStore"


class FilesJob:
    """Judges slices of stored files into a lake.

    Parameters
    ----------
    spark
        The session.
    settings
        As the stream's job has them (`new_work` says the checkpoint).
    access
        The way to S3.
    reports
        Writes the reports of some verdicts; None = there are none.
    """

    def __init__(self, spark: SparkSession, settings: Settings, access: Access, reports: Write | None = None) -> None:
        self._spark = spark
        self._settings = settings
        self._reader = StoredReader(settings.max_upload_bytes, access)
        self._reports = reports
        self._opener = make_opener(settings)
        self._catalogue = find_catalogue(spark, settings)
        self._lake = Lake(spark, settings.lake, app_id=settings.checkpoint)
        self._staging = Staging(settings.checkpoint, open_place(settings.checkpoint))
        self._slices = 0
        self.tally = Tally()

    @property
    def cores(self) -> int:
        """How many tasks run at a time."""
        return int(self._spark.sparkContext.defaultParallelism)

    def prepare(self) -> None:
        """Make the tables, and tidy up behind runs that were killed long ago."""
        self._lake.create_tables()
        place = open_place(f"{self._settings.lake}/{WORK}")
        for name in place.list_names(""):
            made, _, _ = name.partition("-")
            if made.isdecimal() and time.time() - int(made) > LEFT_OVER_SECONDS:
                place.remove_tree(name)

    def judge(self, files: Sequence[StoredFile]) -> None:
        """Judge files that share a root: 1. stage (the one time that they are read), 2. reports, 3. verdicts.

        A run that dies between two of these has written no verdict of the slice, and the next one does it again.
        """
        by_id = {file.upload_id: file for file in files}
        number, self._slices = self._slices, self._slices + 1
        self._staging.write(self._plan(list(by_id.values())), number)
        staged = self._staging.read(self._spark, number)
        staged = identify_batch(staged, self._catalogue, self._opener.min_score, self._staging, number)
        verdicts = staged.select("verdict.*")
        final = verdicts.where(~F.array_contains("reasons", GONE))
        if self._reports is not None:
            final.foreachPartition(self._reports)
        self._lake.add_missing(VERDICTS, final, root_of(files[0].place))
        self._count(verdicts, by_id)
        self._staging.clear()

    def close(self) -> None:
        """Take the run's folder away."""
        open_place(f"{self._settings.lake}/{WORK}").remove_tree(self._settings.checkpoint.rpartition("/")[2])

    def _plan(self, files: Sequence[StoredFile]) -> DataFrame:
        """Plan a slice: its files dealt out to tasks, read, judged, and laid out as rows of the tables."""
        tasks = deal(files, self.cores)
        rows = [(task, file.shown_name, json.dumps(file.facts())) for task, dealt in enumerate(tasks) for file in dealt]
        columns = list(zip(*rows, strict=True))
        types = {"task": pa.int32(), "partition_key": pa.string(), "facts": pa.string()}
        table = pa.table(
            [pa.array(column, kind) for column, kind in zip(columns, types.values(), strict=True)], [*types]
        )
        outcomes = (
            self._spark.createDataFrame(table)
            .repartitionById(len(tasks), "task")
            .select(F.lit(Kind.TRACK.value).alias("kind"), "partition_key", F.lit(None).alias("data"), "facts")
        )
        return to_rows(judge(read_facts(outcomes), self._settings, self._opener, self._reader), self._settings)

    def _count(self, verdicts: DataFrame, by_id: dict[str, StoredFile]) -> None:
        """Add a slice's verdicts up; they are small enough to be looked at one by one."""
        tally = self.tally
        for row in verdicts.select("upload_id", "decision", "reasons", "duration_ms").collect():
            file = by_id[row.upload_id]
            if GONE in row.reasons:
                tally.gone.append(file.location)
                continue
            tally.judged += 1
            tally.judged_bytes += file.size
            tally.sound_ms += row.duration_ms or 0
            tally.decisions[row.decision] += 1
            tally.reasons.update(reason for reason in row.reasons if reason.startswith("error."))
            if UNREADABLE in row.reasons:
                tally.unreadable.append(file.location)


def new_work(lake: str) -> str:
    """Give a new run's own folder in the lake, for what Spark's job calls a checkpoint."""
    place = lake if lake.startswith(S3) else os.path.abspath(lake)  # noqa: PTH100 - a text that may be a URI
    return f"{place.rstrip('/')}/{WORK}/{int(time.time())}-{secrets.token_hex(4)}"


def check_writers(spark: SparkSession, settings: Settings, job_stopped: bool) -> None:
    """Make sure that a lake on S3 has one writer, or writers that share a lock (docs/operations.md).

    Raises
    ------
    UserError
        A streaming job writes to it, and Spark's log store is safe for one writer only.
    """
    if not settings.lake.startswith(S3) or job_stopped or not open_place(settings.lake).exists(LAKE_FILE):
        return
    if SHARED_LOG_STORE not in (spark.conf.get(LOG_STORE, "") or ""):
        raise UserError(
            f"a streaming job writes to {settings.lake}, and on S3 two writers to one table need a lock: submit both "
            f"with {LOG_STORE}=io.delta.storage.{SHARED_LOG_STORE}, or, when that job is not running, pass "
            "--job-stopped. docs/operations.md says why"
        )
