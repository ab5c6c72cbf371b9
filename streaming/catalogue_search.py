"""Identify against a catalogue of Delta tables: a join of queries with hashes gives candidates, which are verified.

1. Every slab of hashes meets every query (a broadcast join); where their votes gather are candidates, of which SQL
   keeps each block's best.
2. The codes around those are joined to them, and the best agreeing are chosen.
3. The whole recordings of these are joined, and followed.

Each step calls what an index of files calls (`udfs.postings`, `udfs.shortlist`, `udfs.match`), on the same positions,
and so gives the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know

from streaming.catalogue import CODES, HASHES, RECORDINGS, Catalogue
from streaming.prints import read_between, read_print
from udfs.fetched_line import PIECE, fetched_generation, pieces_around
from udfs.fingerprint import Fingerprint
from udfs.match import NEXT, best_matches, follow_listed
from udfs.postings import GROUP, GROUPS, MOST, Postings, vote
from udfs.segments import FOLLOWED, Block, blocks
from udfs.shortlist import Chance, Shortlist, shortlist

VOTED = "query string, block int, start long, votes long"
LISTED = (
    "query string, block int, starts array<long>, stretches array<double>, evidence array<double>, "
    "mean double, deviation double"
)
MATCH = (
    "rank int, number long, score double, query_offset_ms long, reference_offset_ms long, matched_ms long, "
    "coverage double, speed double, pitch double, accepted boolean"
)
FOUND = f"query string, {MATCH}"
AROUND = PIECE // 2  # frames to spare beyond what a candidate may touch


@contextmanager
def identify_prints(
    spark: SparkSession, catalogue: Catalogue, queries: DataFrame, min_score: float
) -> Iterator[DataFrame]:
    """Find the recordings that queries are part of.

    Parameters
    ----------
    queries
        Columns ``query`` (unique text) and ``print`` (`streaming.schemas.PRINT`); read several times, so from a table
        or kept.
    min_score
        As in `udfs.match.identify`.

    Yields
    ------
    DataFrame
        A row a query that has a match: ``query`` and ``matches``, an array of the verdict's match columns, best first,
        with whether each was accepted or is but the next candidate.
        It is to be used within the context.
    """
    lean = queries.withColumn("print", F.col("print").dropFields("between"))
    voted = _best_voted(vote_slabs(spark, catalogue, lean)).persist()
    listed = list_candidates(spark, catalogue, lean, voted).persist()
    try:
        yield _named(spark, catalogue, follow_candidates(spark, catalogue, queries, listed, min_score))
    finally:
        listed.unpersist()
        voted.unpersist()


def vote_slabs(spark: SparkSession, catalogue: Catalogue, queries: DataFrame) -> DataFrame:
    """Join every slab of hashes with all queries, and vote."""
    together = queries.agg(F.collect_list(F.struct("query", "print")).alias("queries"))
    pairs = catalogue.read(spark, HASHES).crossJoin(F.broadcast(together))
    return pairs.mapInPandas(_vote, VOTED)


def _vote(batches: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
    for batch in batches:
        for row in batch.itertuples(index=False):
            slab: Any = row
            postings = Postings(
                np.frombuffer(slab.places, np.uint16),
                np.frombuffer(slab.offsets, np.uint16).reshape(1, GROUPS * GROUP),
                np.frombuffer(slab.bases, np.int64).reshape(1, -1),
            )
            for query in slab.queries:
                for block in blocks(read_print(query["print"])):
                    found = vote(block.print, postings, int(slab.slab))
                    columns = {"start": found.starts, "votes": found.votes}
                    yield pd.DataFrame({"query": query["query"], "block": block.number, **columns})


def _best_voted(voted: DataFrame) -> DataFrame:
    """Keep each block's best candidates over all slabs, as `udfs.postings.best_of` does; one row a block."""
    best = Window.partitionBy("query", "block").orderBy(F.desc("votes"), "start")
    ranked = voted.withColumn("rank", F.row_number().over(best)).where(F.col("rank") <= MOST)
    ordered = F.sort_array(F.collect_list(F.struct("rank", "start")))
    return ranked.groupBy("query", "block").agg(F.transform(ordered, lambda one: one["start"]).alias("starts"))


def list_candidates(spark: SparkSession, catalogue: Catalogue, queries: DataFrame, voted: DataFrame) -> DataFrame:
    """Join candidates with the codes around them, and list those that agree best."""
    frames, edges, removed, sample = _known(catalogue)
    asked = voted.join(queries, "query")

    def touched(starts: list[int], value: Any, block: int) -> list[int]:
        count = len(_block(read_print(value), block).print.signs)
        first = np.array(starts, np.int64) - AROUND
        return pieces_around(first, first + count + 2 * AROUND, frames)

    def align(key: tuple[Any, ...], left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        (asking,) = left.to_dict("records")
        generation = fetched_generation(_pieces(right), frames, edges, removed, sample)
        block = _block(read_print(asking["print"]), asking["block"])
        starts = np.array(asking["starts"], np.int64)
        one = shortlist(block.print, generation.planes, generation.edges, sample, starts)
        best = slice(FOLLOWED)
        row = (*key, one.starts[best], one.stretches[best], one.evidence[best], one.chance.mean, one.chance.deviation)
        return pd.DataFrame([row], columns=["query", "block", "starts", "stretches", "evidence", "mean", "deviation"])

    wanted = asked.withColumn("piece", F.explode(_udf(touched)("starts", "print", "block")))
    pieces = _renamed(wanted, "query", "block").join(catalogue.read(spark, CODES), "piece")
    grouped = asked.groupBy("query", "block").cogroup(pieces.groupBy("to_query", "to_block"))
    return grouped.applyInPandas(align, LISTED)


def follow_candidates(
    spark: SparkSession, catalogue: Catalogue, queries: DataFrame, listed: DataFrame, min_score: float
) -> DataFrame:
    """Join the shortlists with the whole recordings that they name, and follow them."""
    frames, edges, removed, sample = _known(catalogue)

    def touched(starts: list[int], value: Any, block: int) -> list[int]:
        count = len(_block(read_print(value), block).print.signs)
        number = np.searchsorted(edges, np.array(starts, np.int64) + count // 2, side="right") - 1
        number = np.unique(number[(number >= 0) & (number < len(edges) - 1)])
        first, end = edges[number].astype(np.int64), edges[number + 1].astype(np.int64)
        return pieces_around(first - AROUND, end + AROUND, frames)

    def follow(key: tuple[Any, ...], left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        taken = left["print"].iloc[0]
        query = read_print(taken)
        generation = fetched_generation(_pieces(right), frames, edges, removed, sample)
        lists = {row["block"]: _shortlist(row) for row in left.to_dict("records")}
        parts = list(blocks(query))
        found = follow_listed(parts, [lists.get(part.number, EMPTY) for part in parts], generation, frames)
        rows = []
        for rank, match in enumerate(best_matches(query, found, min_score, read_between(taken), NEXT)):
            rows.append({**asdict(match), "query": key[0], "rank": rank, "number": int(match.reference_id)})
        return pd.DataFrame(rows, columns=[one.split()[0] for one in FOUND.split(", ")])

    asked = listed.join(queries, "query")
    wanted = asked.withColumn("piece", F.explode(_udf(touched)("starts", "print", "block")))
    pieces = _renamed(wanted, "query").distinct().join(catalogue.read(spark, CODES), "piece")
    return asked.groupBy("query").cogroup(pieces.groupBy("to_query")).applyInPandas(follow, FOUND)


def _renamed(wanted: DataFrame, *names: str) -> DataFrame:
    """Name the pieces that are wanted and for what: Spark joins no two frames that share a column's origin."""
    return wanted.select(*(F.col(name).alias(f"to_{name}") for name in names), "piece")


def _pieces(fetched: pd.DataFrame) -> Iterator[tuple[int, bytes]]:
    return zip(fetched["piece"], fetched["planes"], strict=True)


EMPTY = Shortlist(np.empty(0, np.int64), np.empty(0), np.empty(0), Chance(0.0, 1.0))


def _shortlist(row: dict[Any, Any]) -> Shortlist:
    arrays = (np.array(row["starts"], np.int64), np.array(row["stretches"]), np.array(row["evidence"]))
    return Shortlist(*arrays, Chance(row["mean"], row["deviation"]))


def _named(spark: SparkSession, catalogue: Catalogue, found: DataFrame) -> DataFrame:
    """Say who the recordings are, and gather each query's matches."""
    who = catalogue.read(spark, RECORDINGS).select("number", "reference_id", "title", "artist")
    names = ("reference_id", "title", "artist", "score", "query_offset_ms", "reference_offset_ms", "matched_ms")
    match = F.struct("rank", *names, "coverage", "speed", "pitch", "accepted")
    gathered = found.join(who, "number").groupBy("query").agg(F.sort_array(F.collect_list(match)).alias("matches"))
    return gathered.withColumn("matches", F.transform("matches", lambda one: one.dropFields("rank")))


def _known(catalogue: Catalogue) -> tuple[int, Any, frozenset[int], Any]:
    """What the steps need of a catalogue, without the catalogue itself: it goes to the workers."""
    return catalogue.frames, catalogue.edges, catalogue.removed, catalogue.sample


def _block(query: Fingerprint, number: int) -> Block:
    return next(block for block in blocks(query) if block.number == number)


def _udf(touched: Callable[..., list[int]]) -> Callable[..., Column]:
    return F.udf(touched, "array<long>", useArrow=False)  # type: ignore[return-value,unused-ignore]
