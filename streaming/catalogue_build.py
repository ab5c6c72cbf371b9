"""Build and change a catalogue of Delta tables: a Spark job that takes the fingerprints of many files at once.

The files must be where every executor finds them under the same path. What comes out is the time line, the hashes and
the codes that a local build of the same files gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know

from references.build import NOTHING, About, audio_files, take, with_unique_id
from references.errors import RecordingsError, UnreadableError
from references.generation import MARGIN
from streaming.catalogue import (
    CODES,
    HASHES,
    RECORDINGS,
    SCHEMAS,
    Catalogue,
    check_newest,
    list_recordings,
    publish,
    take_back,
    write_table,
)
from udfs.fetched_line import PIECE
from udfs.fingerprint import noise_codes
from udfs.kernels import PLANES, to_planes
from udfs.landmark_index import Recording
from udfs.postings import SLAB, build_slab
from udfs.triads import NONE, hashes_of

TAKEN = "number long, path string, error string, recording string, frames long, codes binary, hashes binary"
PART = "slab long, at long, codes binary, hashes binary"
BUILT = "slab int, places binary, offsets binary, bases binary, planes binary"
STAGED = ".staged"


def build_catalogue(
    spark: SparkSession, paths: Iterable[Path | str], place: str, about: About = NOTHING
) -> list[tuple[str, str]]:
    """Build a catalogue of recordings; one that is there is replaced. Returns (file, why) of those left out.

    Raises
    ------
    RecordingsError
        When no file can be read, or two are given the same reference id.
    """
    return _write(spark, paths, place, None, about)


def add_to_catalogue(
    spark: SparkSession, paths: Iterable[Path | str], catalogue: Catalogue, about: About = NOTHING
) -> list[tuple[str, str]]:
    """Add recordings to a catalogue; what is in it is not read again. Returns (file, why) of those left out.

    Raises
    ------
    RecordingsError
        When no file can be read, a reference id is in it already, or another has changed it since it was opened.
    """
    check_newest(spark, catalogue)
    take_back(spark, catalogue)
    return _write(spark, paths, catalogue.place, catalogue, about)


def remove_from_catalogue(spark: SparkSession, reference_ids: Iterable[str], catalogue: Catalogue) -> None:
    """Remove recordings from a catalogue by their reference ids.

    Raises
    ------
    RecordingsError
        When one is not in it, or another has changed it since it was opened; nothing is removed then.
    """
    check_newest(spark, catalogue)
    take_back(spark, catalogue)
    wanted = sorted(set(reference_ids))
    rows = catalogue.read(spark, RECORDINGS)
    here = F.col("reference_id").isin(wanted) & ~F.col("removed")
    found = {row.reference_id for row in rows.where(here).select("reference_id").collect()}
    if missing := [one for one in wanted if one not in found]:
        raise RecordingsError(f"not in the index: {', '.join(missing)}; see `soundgate index list`")
    write_table(rows.withColumn("removed", F.col("removed") | here), catalogue.place, RECORDINGS, "overwrite")
    publish(spark, catalogue.place, catalogue.frames)


def _write(
    spark: SparkSession, paths: Iterable[Path | str], place: str, before: Catalogue | None, about: About
) -> list[tuple[str, str]]:
    """1. fingerprints, staged; 2. the time line; 3. codes; 4. recordings; 5. hashes; 6. publish."""
    files = audio_files(paths)
    staged = f"{place}/{STAGED}"
    _take_all(spark, files, about).write.mode("overwrite").parquet(f"{staged}/taken")
    taken = spark.read.schema(TAKEN).parquet(f"{staged}/taken")
    rows = taken.select("number", "path", "error", "recording", "frames").orderBy("number").collect()
    unreadable = [(row.path, row.error) for row in rows if row.error is not None]
    read = [row for row in rows if row.error is None]
    if not read:
        raise RecordingsError("; ".join(["there is no recording to index", *(why for _, why in unreadable)]))
    known = {one.reference_id for one in list_recordings(spark, before)} if before else set()
    begin = -(-before.frames // SLAB) * SLAB if before else 0  # a slab is written once
    firsts = begin + MARGIN + np.cumsum([0, *(row.frames for row in read)])
    end = int(firsts[-1])
    frames = end + MARGIN + -end % PLANES
    numbered = _recordings(read, firsts, known, before)

    lines = spark.createDataFrame([(row.number, int(first)) for row, first in zip(read, firsts, strict=False)],
                                  "number long, first long")  # fmt: skip
    parts = taken.join(F.broadcast(lines), "number").mapInPandas(_cut, PART)
    margins = spark.createDataFrame(_margins(begin, end, frames), PART)
    slabs = parts.unionByName(margins).groupBy("slab").applyInPandas(_build, BUILT)
    slabs.write.mode("overwrite").parquet(f"{staged}/slabs")
    slabs = spark.read.schema(BUILT).parquet(f"{staged}/slabs")

    mode = "append" if before else "overwrite"
    write_table(slabs.select("slab", "planes").mapInPandas(_pieces, SCHEMAS[CODES]), place, CODES, mode)
    write_table(spark.createDataFrame(numbered, SCHEMAS[RECORDINGS]).coalesce(1), place, RECORDINGS, mode)
    write_table(slabs.drop("planes"), place, HASHES, mode)
    publish(spark, place, frames)
    _remove(spark, staged)
    return unreadable


def _take_all(spark: SparkSession, files: list[Path], about: About) -> DataFrame:
    numbered = [
        (number, str(path.absolute()), json.dumps(dict(about.get(path, {})))) for number, path in enumerate(files)
    ]
    if not numbered:
        raise RecordingsError("there is no recording to index")
    tasks = min(len(numbered), 4 * spark.sparkContext.defaultParallelism + len(numbered) // 64)
    rows = spark.createDataFrame(numbered, "number long, path string, about string")
    return rows.repartition(tasks).mapInPandas(_take, TAKEN)


def _take(batches: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
    for batch in batches:
        for number, path, about in zip(batch["number"], batch["path"], batch["about"], strict=True):
            yield pd.DataFrame(
                [_take_one(number, path, json.loads(about))], columns=[one.split()[0] for one in TAKEN.split(", ")]
            )


def _take_one(number: int, path: str, about: Mapping[str, str]) -> tuple[Any, ...]:
    try:
        one = take(Path(path), about)
    except UnreadableError as error:
        return number, path, str(error), None, None, None, None
    recording = json.dumps(asdict(one.recording), ensure_ascii=False)
    return number, path, None, recording, one.codes.shape[1], one.codes.tobytes(), hashes_of(one.codes).tobytes()


def _cut(batches: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
    """Cut recordings where slabs meet."""
    for batch in batches:
        for first, codes, hashes in zip(batch["first"], batch["codes"], batch["hashes"], strict=True):
            yield pd.DataFrame(
                _parts(int(first), np.frombuffer(codes, np.uint64).reshape(2, -1), np.frombuffer(hashes, np.uint16)),
                columns=["slab", "at", "codes", "hashes"],
            )


def _parts(first: int, codes: np.ndarray, hashes: np.ndarray) -> list[tuple[int, int, bytes, bytes]]:
    end = first + codes.shape[1]
    parts = []
    for slab in range(first // SLAB, (end - 1) // SLAB + 1):
        low, high = max(first, slab * SLAB), min(end, (slab + 1) * SLAB)
        within = slice(low - first, high - first)
        parts.append((slab, low - slab * SLAB, codes[:, within].tobytes(), hashes[within].tobytes()))
    return parts


def _margins(begin: int, end: int, frames: int) -> list[tuple[int, int, bytes, bytes]]:
    """The noise at either end of the time line, as `references.generation` lays it."""
    noise = noise_codes(MARGIN + frames - end)
    silent = np.full(noise.shape[1], NONE, np.uint16)
    return _parts(begin, noise[:, :MARGIN], silent[:MARGIN]) + _parts(end, noise[:, MARGIN:], silent[MARGIN:])


def _build(parts: pd.DataFrame) -> pd.DataFrame:
    """Join the parts of a slab: its codes in planes, and its posting lists."""
    parts = parts.sort_values("at")
    codes = np.concatenate([np.frombuffer(part, np.uint64).reshape(2, -1) for part in parts["codes"]], axis=1)
    hashes = np.concatenate([np.frombuffer(part, np.uint16) for part in parts["hashes"]])
    built = build_slab(hashes)
    planes = to_planes(codes)
    row = (int(parts["slab"].iloc[0]), *(a.tobytes() for a in (built.places, built.offsets, built.bases, planes)))
    return pd.DataFrame([row], columns=["slab", "places", "offsets", "bases", "planes"])


def _pieces(batches: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
    words = PIECE // PLANES
    for batch in batches:
        for slab, data in zip(batch["slab"], batch["planes"], strict=True):
            planes = np.frombuffer(data, np.uint64).reshape(2, PLANES, -1)
            rows = [
                (slab * (SLAB // PIECE) + number, planes[:, :, number * words : (number + 1) * words].tobytes())
                for number in range(-(-planes.shape[2] // words))
            ]
            yield pd.DataFrame(rows, columns=["piece", "planes"])


def _recordings(
    read: list[Any], firsts: np.ndarray, known: set[str], before: Catalogue | None
) -> list[tuple[Any, ...]]:
    """Number the recordings on from those before; what lies between the time lines counts as a removed one."""
    rows: list[tuple[Any, ...]] = []
    number = 0
    names = list(Recording.__dataclass_fields__)
    if before is not None:
        number = len(before.edges) - 1
        rows.append((number, int(before.edges[-1]), int(firsts[0]), True, *_values(Recording("", 0), names)))
        number += 1
    ids = set(known)
    for row, first in zip(read, firsts, strict=False):
        recording = with_unique_id(Recording(**json.loads(row.recording)), Path(row.path), ids)
        ids.add(recording.reference_id)
        rows.append((number, int(first), int(first) + row.frames, False, *_values(recording, names)))
        number += 1
    return rows


def _values(recording: Recording, names: list[str]) -> list[Any]:
    return [getattr(recording, name) for name in names]


def _remove(spark: SparkSession, place: str) -> None:
    """Delete what was staged, wherever the tables are."""
    jvm: Any = spark.sparkContext._jvm  # Hadoop's file system is what wrote it
    path = jvm.org.apache.hadoop.fs.Path(place)
    path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).delete(path, True)
