"""The flow, as columns: records -> rebuild -> judge -> rows of the tables.

Everything here only plans; a batch's plan is executed once, by `streaming.sinks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark import TaskContext
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know
from pyspark.sql.types import StructType

from streaming import __version__
from streaming.assemble import Assembler
from streaming.chunk import WireLimits
from streaming.intake import Intake
from streaming.judge import JudgeOpener
from streaming.metrics import OBSERVED
from streaming.outcomes import Kind
from streaming.places import open_place
from streaming.rebuild import Rebuilder, limits_of
from streaming.rebuild_processor import RebuildProcessor
from streaming.schemas import ARRIVAL, CLASSIFICATION, FACTS, JUDGEMENT, OUTCOME, REJECTION, VERDICT
from streaming.settings import Settings
from streaming.sources import group_records, read_records
from streaming.spool import Spool
from streaming.track_store import open_store
from udfs.classify_udf import Fetch, make_classify_udf
from udfs.forensics import model_sha256

BATCH_PROPERTY = "streaming.sql.batchId"  # Spark's own, set for the jobs of a micro-batch


def plan_outcomes(spark: SparkSession, settings: Settings, starts_ms: Sequence[int]) -> DataFrame:
    """Plan the stream: the source's records, rebuilt to outcomes."""
    records = read_records(spark, settings).observe(OBSERVED, F.sum(F.length("data")).alias("bytes"))
    return rebuild(group_records(records), settings, starts_ms)


def plan_rows(outcomes: DataFrame, settings: Settings, opener: JudgeOpener) -> DataFrame:
    """Plan a batch: its outcomes, judged and laid out as rows of the tables.

    Outcomes are small, their bytes being in the spool, so they are dealt out anew: as many tracks to each core, where
    the groups' hashes may have put most of them on one.
    """
    cores = int(outcomes.sparkSession.conf.get("spark.sql.shuffle.partitions") or 1)
    assembler = Assembler(open_spool(settings).read, settings.max_upload_bytes)
    return to_rows(judge(read_facts(outcomes.repartition(cores)), settings, opener, assembler), settings)


def rebuild(records: DataFrame, settings: Settings, starts_ms: Sequence[int]) -> DataFrame:
    """Rebuild tracks from grouped records; the bytes go to the spool, and only their places through the exchange."""
    spool = open_spool(settings)
    intake = Intake(spool, current_batch, WireLimits(), settings.max_rejected_bytes)
    arrivals = records.mapInArrow(intake, ARRIVAL)
    marker_ms = int(settings.marker_hours * 3_600_000)
    rebuilder = Rebuilder(limits_of(settings), spool.read, starts_ms)
    processor = RebuildProcessor(rebuilder, marker_ms, open_place(settings.checkpoint))
    return arrivals.groupBy("partition_key", "upload_id").transformWithState(
        statefulProcessor=processor, outputStructType=OUTCOME, outputMode="append", timeMode="ProcessingTime"
    )


def open_spool(settings: Settings) -> Spool:
    """Open the checkpoint's spool."""
    return Spool(open_place(settings.checkpoint))


def current_batch() -> int:
    """Say which batch of the query the running task belongs to."""
    context = TaskContext.get()
    batch = context.getLocalProperty(BATCH_PROPERTY) if context else None
    if batch is None:
        raise RuntimeError(f"this task belongs to no streaming batch: {BATCH_PROPERTY} is not set")
    return int(batch)


def read_facts(outcomes: DataFrame) -> DataFrame:
    """Turn the facts' JSON into columns."""
    return outcomes.withColumn("facts", F.from_json("facts", FACTS))


def judge(outcomes: DataFrame, settings: Settings, opener: JudgeOpener, fetch: Fetch) -> DataFrame:
    """Judge the tracks among the outcomes, in the column ``judged``; accepted ones are stored on the way.

    `fetch` gives a track's bytes from its recipe.
    """
    classify = make_classify_udf(opener, f"{opener}", fetch, open_store(settings).keep, JUDGEMENT)
    facts = [F.col(f"facts.{name}") for name in ("sample_rate", "channels")]
    name = F.coalesce(F.col("facts.name"), _track_name(F.col("partition_key")))
    encoding = F.when(F.col("kind") == Kind.TRACK, F.col("facts.encoding"))
    return outcomes.withColumn("judged", classify("facts.recipe", encoding, *facts, name))


def to_rows(judged: DataFrame, settings: Settings) -> DataFrame:
    """Lay out each outcome as (kind, opened_batch, verdict, rejection), the last two null where they do not apply."""
    kind = F.col("kind")
    return judged.select(
        "kind",
        F.col("facts.opened_batch").alias("opened_batch"),
        F.col("judged.judge_ms").alias("judge_ms"),
        F.when(kind.isin(Kind.TRACK, Kind.VERDICT), _struct(VERDICT, _verdict(settings))).alias("verdict"),
        F.when(kind == Kind.REJECTION, _struct(REJECTION, _rejection())).alias("rejection"),
        F.col("judged.print").alias("print"),
    )


def _struct(schema: StructType, columns: dict[str, Column]) -> Column:
    return F.struct(*(columns[field.name].cast(field.dataType).alias(field.name) for field in schema))


def _verdict(settings: Settings) -> dict[str, Column]:
    """Say where each column of ``verdicts`` comes from."""
    facts, judged = _reader("facts"), _reader("judged")
    decided_us = F.coalesce(judged("decided_us"), facts("decided_us"))
    untried = F.when(F.col("kind") == Kind.VERDICT, F.lit("not_tried"))
    undecided = F.when(F.col("kind") == Kind.VERDICT, F.lit("undecided"))
    evidence = F.to_json(
        F.struct(F.array(F.struct(facts("reason").alias("code"), facts("message").alias("detail"))).alias("reasons"))
    )
    return {
        **{field.name: judged(field.name) for field in CLASSIFICATION},
        "upload_id": facts("upload_id"),
        "partition_key": F.col("partition_key"),
        "user_id": _user_id(F.col("partition_key")),
        "track_name": _track_name(F.col("partition_key")),
        "decision": F.coalesce(judged("decision"), facts("decision")),
        "reasons": F.coalesce(judged("reasons"), F.array(facts("reason"))),
        "evidence": F.coalesce(judged("evidence"), evidence),
        "content": F.coalesce(judged("content"), undecided),
        "identity": F.coalesce(judged("identity"), untried),
        "missing": F.coalesce(facts("missing"), F.array()),
        **{name: facts(name) for name in ("chunks_expected", "chunks_received", "chunks_duplicate", "stream")},
        **{name: facts(name) for name in ("first_sequence_number", "last_sequence_number")},
        "first_arrival": F.timestamp_micros(facts("first_arrival_us")),
        "last_arrival": F.timestamp_micros(facts("last_arrival_us")),
        "decided_at": F.timestamp_micros(decided_us),
        "latency_ms": F.floor((decided_us - facts("last_arrival_us")) / 1000),
        "code_version": F.lit(__version__),
        "index_sha256": judged("index_sha256"),
        "model_sha256": F.lit(model_sha256()),
        "settings_sha256": F.lit(settings.sha256),
    }


def _rejection() -> dict[str, Column]:
    """Say where each column of ``rejections`` comes from."""
    facts = _reader("facts")
    same = ("reason", "message", "data_truncated", "data_length", "data_sha256", "upload_id", "stream")
    return {
        **{name: facts(name) for name in (*same, "sequence_number")},
        "data": F.col("data"),
        "partition_key": F.col("partition_key"),
        "arrived_at": F.timestamp_micros(facts("arrived_us")),
        "rejected_at": F.timestamp_micros(facts("decided_us")),
        "code_version": F.lit(__version__),
    }


def _reader(struct: str) -> Any:
    return lambda name: F.col(f"{struct}.{name}")


def _user_id(partition_key: Column) -> Column:
    """Give what is before the first slash; without one, nobody knows the user (`streaming.partition_key`)."""
    return F.when(partition_key.contains("/"), F.substring_index(partition_key, "/", 1)).otherwise("")


def _track_name(partition_key: Column) -> Column:
    """Give what is behind the first slash; without one, all of it."""
    return F.when(
        partition_key.contains("/"), F.expr("substring(partition_key, instr(partition_key, '/') + 1)")
    ).otherwise(partition_key)
