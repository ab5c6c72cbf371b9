"""Find recordings that a catalogue of Delta tables holds twice: what `references.duplicates` does, as a Spark job.

Rare codes of new recordings are joined with those of all recordings; what shares enough of them at one distance in time
is fetched and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know

from references.duplicates import (
    FEWEST_BITS,
    LEAST_AGREEMENT,
    LEAST_SHARED,
    MOST_ALIKE,
    NEAR,
    Duplicate,
    agreement_at,
    same_content,
)
from streaming.catalogue import CODES, RECORDINGS, Catalogue
from udfs.fetched_line import PIECE, lay_out, pieces_around
from udfs.kernels import PLANES, from_planes

FOUND = "word long, owner long, frame long"
TOGETHER = 32  # pairs that are compared at once: the codes of that many are in memory


@dataclass(frozen=True)
class Line:
    """Where the recordings that are looked at lie on the time line: shape (recordings,) each, in its order."""

    first: NDArray[np.int64]
    end: NDArray[np.int64]


def find_duplicates(spark: SparkSession, catalogue: Catalogue, since: int = 0) -> list[Duplicate]:
    """Find pairs of recordings with a common passage of some seconds; the surest first.

    Parameters
    ----------
    catalogue
        As it is now.
    since
        The number of the first recording that is new: only pairs with a new one are looked for.
    """
    rows = catalogue.read(spark, RECORDINGS).where("NOT removed").orderBy("number").collect()
    copies, kept = _copies(rows, since)
    new = next((number for number, row in enumerate(kept) if row.number >= since), len(kept))
    line = Line(np.array([row.first for row in kept], np.int64), np.array([row.end for row in kept], np.int64))
    found = list(copies)
    pairs = _sharing(catalogue.read(spark, CODES), line, new) if new < len(kept) else []
    for begin in range(0, len(pairs), TOGETHER):
        some = pairs[begin : begin + TOGETHER]
        for (a, b, _), agreement in zip(some, _agreements(spark, catalogue, line, some), strict=True):
            if agreement >= LEAST_AGREEMENT:
                found.append(Duplicate(kept[b].reference_id, kept[a].reference_id, agreement))
    return sorted(found, key=lambda one: -one.agreement)


def _copies(rows: Sequence[Row], since: int) -> tuple[list[Duplicate], list[Row]]:
    """The new ones whose very samples are there already, and the recordings without copies."""
    kept, copies = [], []
    for row, copy in zip(rows, same_content(rows), strict=True):
        if copy is None:
            kept.append(row)
        elif row.number >= since:
            copies.append(copy)
    return copies, kept


def _sharing(codes: DataFrame, line: Line, new: int) -> list[tuple[int, int, int]]:
    """Pairs that share rare codes, the second of each new, with their commonest distance in frames."""
    words = codes.mapInPandas(_words(line), FOUND).persist(StorageLevel.DISK_ONLY)
    try:
        owners = (F.count("*").alias("number"), F.min("owner").alias("one"), F.max("owner").alias("other"))
        rare = words.groupBy("word").agg(*owners).where(f"number <= {MOST_ALIKE} AND one < other AND other >= {new}")
        shared = words.join(rare.select("word"), "word")
        pairs = shared.alias("a").join(shared.alias("b"), "word").where(f"a.owner < b.owner AND b.owner >= {new}")
        steps = F.rint((F.col("a.frame") - F.col("b.frame")) / NEAR).cast("long").alias("steps")
        distances = pairs.select(F.col("a.owner").alias("a"), F.col("b.owner").alias("b"), steps)
        counted = distances.groupBy("a", "b", "steps").agg(F.count("*").alias("number"))
        best = counted.where(f"number >= {LEAST_SHARED}").groupBy("a", "b")
        told = best.agg(F.max(F.struct("number", "steps")).alias("best")).select("a", "b", "best.steps")
        return [(row.a, row.b, row.steps * NEAR) for row in told.orderBy("a", "b").collect()]
    finally:
        words.unpersist()


def _words(line: Line) -> Callable[[Iterable[pd.DataFrame]], Iterable[pd.DataFrame]]:
    """Give the codes that tell something, with whose they are and where in the recording."""

    def words(batches: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
        for batch in batches:
            for piece, planes in zip(batch["piece"], batch["planes"], strict=True):
                _, strong = from_planes(np.frombuffer(planes, np.uint64).reshape(2, PLANES, -1))
                at = piece * PIECE + np.arange(len(strong))
                owner = np.searchsorted(line.first, at, side="right") - 1
                told = (owner >= 0) & (at < line.end[owner]) & (np.bitwise_count(strong) >= FEWEST_BITS)
                owner = owner[told]
                frame = at[told] - line.first[owner]
                yield pd.DataFrame({"word": strong[told].view(np.int64), "owner": owner, "frame": frame})

    return words


def _agreements(
    spark: SparkSession, catalogue: Catalogue, line: Line, pairs: Sequence[tuple[int, int, int]]
) -> list[float]:
    """Compare pairs whole."""
    numbers = np.unique([number for a, b, _ in pairs for number in (a, b)])
    pieces = pieces_around(line.first[numbers], line.end[numbers], catalogue.frames)
    rows = catalogue.read(spark, CODES).where(F.col("piece").isin(pieces)).collect()
    planes = lay_out(((row.piece, bytes(row.planes)) for row in rows), catalogue.frames)

    def of(number: int) -> NDArray[np.uint64]:
        first, end = int(line.first[number]), int(line.end[number])
        low = first // PLANES
        signs, _ = from_planes(planes[:, :, low : -(-end // PLANES)])
        return np.asarray(signs[first - low * PLANES : end - low * PLANES])

    return [agreement_at(of(a), of(b), distance) for a, b, distance in pairs]
