"""Features as a Spark stage of its own: follows a lake's verdicts, and never takes part in a batch of the job.

The verdict table is read as a stream with a checkpoint of its own, so each verdict is seen once; each batch's rows are
appended under an app id and the batch's number, so a batch that is done again is written once (docs/decisions/011).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.streaming.query import StreamingQuery

from streaming import __version__
from streaming.errors import UserError
from streaming.identity import check_newest_batch, claim
from streaming.lake_reader import open_table
from streaming.look.stored import NotStoredError, read_stored
from streaming.places import open_place
from streaming.run import explain
from streaming.schemas import FEATURE
from streaming.session import lent_session, start_session
from streaming.signals import stop_signals
from streaming.sinks import VERDICTS, append_once, create_table, newest_batch
from streaming.stop_request import StopRequest
from streaming.telling import tell
from udfs.errors import TrackError
from udfs.features import extract_features
from udfs.features.rows import rows_of
from udfs.samples import DecodeLimits
from udfs.sandbox import SandboxedDecoder

TABLE = "features"
STATE = "_soundgate/features"  # in the lake: who writes the table, and the checkpoint where no other is named
NEEDED = ("upload_id", "stored_at", "container", "sample_rate", "channels", "decided_at")
ROWS_AT_ONCE = 600  # ten minutes of a track, some MB: a track of hours is never in one Arrow batch
LOOK_SECONDS = 0.2

_decoders: dict[DecodeLimits, SandboxedDecoder] = {}  # the worker's own


@dataclass(frozen=True)
class FeaturesSettings:
    """What the stage does; names are those of the command's flags."""

    lake: str
    names: tuple[str, ...]
    checkpoint: str | None = None
    once: bool = False
    trigger_seconds: float = 30.0
    batch_files: int = 20
    max_track_seconds: float = 14_400.0

    @property
    def state(self) -> str:
        """Where the stage remembers how far it is."""
        return self.checkpoint or f"{self.lake}/{STATE}/checkpoint"


class Extractor:
    """Extracts features of verdicts' tracks, in a worker; small, and pickled to it."""

    def __init__(self, names: tuple[str, ...], limits: DecodeLimits, lake: str) -> None:
        self._names = names
        self._limits = limits
        self._lake = lake

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Turn verdicts, as of `NEEDED`, into rows of the table."""
        schema = to_arrow_schema(FEATURE)
        for batch in batches:
            for verdict in batch.to_pylist():
                rows = [{**row, **self._same_for_all(verdict)} for row in self.extract(verdict)]
                for at in range(0, len(rows), ROWS_AT_ONCE):
                    yield pa.RecordBatch.from_pylist(rows[at : at + ROWS_AT_ONCE], schema)

    def extract(self, verdict: dict[str, Any]) -> list[dict[str, Any]]:
        """Give a track's rows; one that says what the problem is where there are none.

        What is wrong with the store itself is raised, and stops the batch: it is no track's fault.
        """
        try:
            track = read_stored(verdict, self._lake)
        except NotStoredError as error:
            return [{"second": 0, "problem": str(error)}]
        try:
            return list(rows_of(extract_features(track, self._decoder()(track), self._names)))
        except TrackError as error:
            return [{"second": 0, "problem": str(error)}]
        except Exception as error:  # a fault of ours, on this track: its neighbours go their way
            return [{"second": 0, "problem": f"error.features: {type(error).__name__}: {error}"[:2000]}]

    def _decoder(self) -> SandboxedDecoder:
        if self._limits not in _decoders:
            _decoders[self._limits] = SandboxedDecoder(self._limits)
        return _decoders[self._limits]

    @staticmethod
    def _same_for_all(verdict: dict[str, Any]) -> dict[str, Any]:
        return {
            "upload_id": verdict["upload_id"],
            "decided_at": verdict["decided_at"],
            "code_version": __version__,
        }


def run_features(settings: FeaturesSettings, spark: SparkSession | None = None) -> None:
    """Run the stage until it is asked to stop or, with ``once``, until it has done what is there.

    Raises
    ------
    UserError
        It could not start, or stopped by itself.
    """
    open_table(settings.lake, VERDICTS)  # says what to do where there is none
    with stop_signals() as asked, lent_session(spark, start_session) as session:
        watch(start(session, settings), asked, StopRequest(open_place(settings.state)), settings.once)


def start(spark: SparkSession, settings: FeaturesSettings) -> StreamingQuery:
    """Start the query; makes the table if there is none."""
    app_id = claim_table(settings)
    create_table(spark, f"{settings.lake}/{TABLE}", FEATURE)
    verdicts = (
        spark.readStream.format("delta")
        .option("maxFilesPerTrigger", settings.batch_files)
        .option("skipChangeCommits", "true")  # rows that were rewritten or deleted were there before
        .load(f"{settings.lake}/{VERDICTS}")
        .where("decision = 'accept' AND stored_at IS NOT NULL")
        .select(*NEEDED)
    )

    def write(batch: DataFrame, batch_id: int) -> None:
        write_batch(batch, batch_id, settings, app_id)

    stream = verdicts.writeStream.queryName("features").foreachBatch(write)
    stream = stream.option("checkpointLocation", settings.state)
    if settings.once:
        return stream.trigger(availableNow=True).start()
    return stream.trigger(processingTime=f"{int(settings.trigger_seconds * 1000)} milliseconds").start()


def write_batch(verdicts: DataFrame, batch_id: int, settings: FeaturesSettings, app_id: str) -> None:
    """Extract a batch's features and append them, unless the table has them already."""
    if already_written(settings.lake, app_id, batch_id):
        return  # Delta would skip the write, but not the work before it
    extractor = Extractor(settings.names, DecodeLimits(max_seconds=settings.max_track_seconds), settings.lake)
    cores = int(verdicts.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    rows = verdicts.repartition(cores).mapInArrow(extractor, FEATURE)
    rows = rows.sortWithinPartitions("upload_id", "second")
    # zstd brings the mel bytes to half, where snappy finds nothing.
    append_once(rows, f"{settings.lake}/{TABLE}", app_id, batch_id, compression="zstd")


def already_written(lake: str, app_id: str, batch_id: int) -> bool:
    """Whether the table has a batch."""
    newest = newest_batch(app_id, f"{lake}/{TABLE}")
    return newest is not None and newest >= batch_id


def claim_table(settings: FeaturesSettings) -> str:
    """Tie the checkpoint to the lake's table, or make sure that they belong together; gives the app id.

    Raises
    ------
    UserError
        The table is written from another checkpoint, or this one is older than it.
    """
    checkpoint, state = open_place(settings.state), open_place(f"{settings.lake}/{STATE}")
    try:
        app_id = claim(checkpoint, state, settings.lake).app_id
        check_newest_batch(checkpoint, newest_batch(app_id, f"{settings.lake}/{TABLE}"), settings.lake)
    except UserError as error:
        raise UserError(
            f"the features of {settings.lake} are not written from the checkpoint {settings.state}, and from another "
            f"one each track would be written twice. Give the right --checkpoint; or, to begin anew, delete the table "
            f"{TABLE!r}, {STATE} in the lake, and the checkpoint"
        ) from error
    return app_id


def watch(query: StreamingQuery, asked: threading.Event, request: StopRequest, once: bool) -> None:
    """Wait for the query's end, or end it when asked, after the batch that it is at."""
    while query.isActive and not asked.wait(LOOK_SECONDS):
        if request.made():
            asked.set()
    while query.isActive and query.status["isTriggerActive"]:
        time.sleep(LOOK_SECONDS)
    query.stop()
    failure = query.exception()
    if failure is not None:
        raise UserError(f"the features stopped: {explain(failure)}") from failure
    if once and asked.is_set():
        tell("stopped before everything was done; the next run goes on")
