"""Where a batch's rows lie between the one action that makes them and the tables that take them.

The plan must run once: run again for a second table, a source whose batch end is not yet fixed would give other
records. So its rows are written beside the checkpoint, and every table is written from there. What is staged is
deleted when the batch after it begins, because then Spark has committed it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know
from pyspark.sql.types import StructType

from streaming.outcomes import Kind
from streaming.places import Place
from streaming.schemas import ROW
from udfs.findings import Decision

FOLDER = "staged"


@dataclass(frozen=True)
class BatchCounts:
    """What a batch gave."""

    verdicts: dict[str, int]  # by decision
    rejections: dict[str, int]  # by reason
    opened: int  # uploads that began and are not finished
    closed: dict[int, int]  # uploads of earlier batches that got their verdict, by the batch that opened them
    newest_arrival_ms: int | None  # of the records whose outcome this is, since the epoch; not of incomplete uploads
    errors: int = 0  # verdicts with an error.… reason
    judge_ms: tuple[int, ...] = ()  # one number a judged track
    latency_ms: tuple[int, ...] = ()  # one number a verdict, less those of incomplete uploads


class Staging:
    """The staged rows of one checkpoint.

    Parameters
    ----------
    checkpoint
        The checkpoint's address, as Spark wants it.
    place
        The same, for small files.
    schema
        Of the rows.
    """

    def __init__(self, checkpoint: str, place: Place, schema: StructType = ROW) -> None:
        self._checkpoint = checkpoint
        self._place = place
        self._schema = schema

    def write(self, rows: DataFrame, batch_id: int) -> None:
        """Execute the plan and write its rows."""
        rows.write.mode("overwrite").parquet(self._path(batch_id))

    def read(self, spark: SparkSession, batch_id: int) -> DataFrame:
        """Read a batch's rows."""
        return spark.read.schema(self._schema).parquet(self._path(batch_id))

    def replace(self, rows: DataFrame, batch_id: int) -> DataFrame:
        """Write what was made of a batch's rows, and read that."""
        path = f"{self._path(batch_id)}-identified"
        rows.write.mode("overwrite").parquet(path)
        return rows.sparkSession.read.schema(self._schema).parquet(path)

    def clear(self) -> None:
        """Delete everything staged: of batches that are committed, or will be done again."""
        self._place.remove_tree(FOLDER)

    def _path(self, batch_id: int) -> str:
        return f"{self._checkpoint}/{FOLDER}/{batch_id}"


def count(rows: DataFrame) -> BatchCounts:
    """Count a batch's staged rows, in one task: they are few, and more tasks cost more than they read."""
    faulty = F.exists("verdict.reasons", lambda code: code.startswith("error."))
    # What is incomplete waited for its timeout, not for the job: it says nothing of the job's lag.
    ended = F.col("verdict.decision") != Decision.INCOMPLETE.value
    latency = F.when(ended, F.col("verdict.latency_ms"))
    arrived = F.unix_millis(F.coalesce(F.when(ended, F.col("verdict.last_arrival")), "rejection.arrived_at"))
    groups = (
        rows.coalesce(1)
        .groupBy(
            "kind",
            "opened_batch",
            F.col("verdict.decision").alias("decision"),
            F.col("rejection.reason").alias("reason"),
        )
        .agg(F.count("*"), F.max(arrived), F.count_if(faulty), F.collect_list("judge_ms"), F.collect_list(latency))
    )
    verdicts: dict[str, int] = {}
    rejections: dict[str, int] = {}
    closed: dict[int, int] = {}
    opened = 0
    newest: int | None = None
    errors, judge_ms, latency_ms = 0, [], []
    for kind, opened_batch, decision, reason, number, arrived_ms, faults, judging, waiting in groups.collect():
        errors += faults
        judge_ms += judging
        latency_ms += waiting
        newest = max(newest or arrived_ms, arrived_ms) if arrived_ms is not None else newest
        if kind == Kind.OPENED:
            opened += number
        elif kind == Kind.REJECTION:
            rejections[reason] = rejections.get(reason, 0) + number
        else:
            verdicts[decision] = verdicts.get(decision, 0) + number
            if opened_batch is not None:
                closed[opened_batch] = closed.get(opened_batch, 0) + number
    return BatchCounts(verdicts, rejections, opened, closed, newest, errors, tuple(judge_ms), tuple(latency_ms))
