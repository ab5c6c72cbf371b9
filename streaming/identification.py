"""Identify a batch's tracks against a catalogue: after they were judged and staged, all of a batch together.

With an index of files a worker identifies a track as it judges it. A catalogue is searched by Spark's joins, which no
worker can start; there a worker gives the track's fingerprint with the judgement, and this fills in the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know

from streaming.catalogue import Catalogue
from streaming.catalogue_search import identify_prints
from streaming.schemas import MATCH_COLUMNS
from streaming.staging import Staging
from udfs.findings import Identity

FIELDS = [name for name, _ in MATCH_COLUMNS]


@contextmanager
def identify_staged(staged: DataFrame, catalogue: Catalogue, min_score: float) -> Iterator[DataFrame]:
    """Give staged rows with their identity, which `staged` has not; to be written within the context.

    Rows without a fingerprint stay as they are: they are no sound, or none that could be read.
    """
    named = staged.withColumn("query", _name())
    queries = named.where("print IS NOT NULL").select("query", "print")
    with identify_prints(staged.sparkSession, catalogue, queries, min_score) as found:
        answered = named.join(found.withColumnRenamed("query", "found"), F.col("query") == F.col("found"), "left")
        tried = F.col("print").isNotNull()
        verdict = F.when(tried, _identified(catalogue)).otherwise(F.col("verdict"))
        yield answered.withColumn("verdict", verdict).withColumn("print", F.lit(None)).select(*staged.columns)


def identify_batch(
    staged: DataFrame, catalogue: Catalogue | None, min_score: float, staging: Staging, batch_id: int
) -> DataFrame:
    """Give a batch's staged rows with their identity; as they are, where there is nothing to look up."""
    if catalogue is None or staged.where("print IS NOT NULL").isEmpty():
        return staged
    with identify_staged(staged, catalogue, min_score) as identified:
        return staging.replace(identified, batch_id)


def _name() -> Column:
    """Name an upload within its batch: upload ids are the producers' own, and only theirs to tell apart."""
    return F.to_json(F.struct("verdict.upload_id", "verdict.partition_key"))


def _identified(catalogue: Catalogue) -> Column:
    """Fill in what `udfs.judgement.describe` would have said of these matches."""
    matches = F.coalesce("matches", F.array())
    accepted = F.filter(matches, lambda one: one["accepted"])
    best = F.get(accepted, F.lit(0))
    identity = F.when(F.size(accepted) > 0, Identity.MATCH.value).otherwise(Identity.NO_MATCH.value)
    others = F.concat(
        F.slice(accepted, F.lit(2), F.greatest(F.size(accepted) - 1, F.lit(0))),
        F.filter(matches, lambda one: ~one["accepted"]),
    )
    filled = F.col("verdict").withField("identity", identity).withField("candidates", others)
    for name in FIELDS:
        filled = filled.withField(name, best[name])
    return filled.withField("index_sha256", F.lit(catalogue.sha256))
