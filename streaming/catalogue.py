"""A catalogue that does not fit into one machine's memory: an index as Delta tables, named ``delta:PLACE``.

    PLACE/hashes      a row a slab (1.7 hours of the time line): the posting lists of its hashes (`udfs.postings`)
    PLACE/codes       a row a piece (512 frames): the codes that verify candidates
    PLACE/recordings  a row a recording: where on the time line it lies, and what is known of it
    PLACE/about       one row: the versions of the three that belong together, and what every search needs

`about` is written last and names versions, so that a reader sees one whole state while another is being written, and a
build that dies changes nothing. Positions are those of the index that a local build makes of the same recordings.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from delta.tables import DeltaTable
from numpy.typing import NDArray
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know

from references.errors import RecordingsError
from streaming.index_place import PREFIX, place_of
from udfs.fetched_line import PIECE
from udfs.fingerprint import VERSION
from udfs.index_files import IndexRefusedError
from udfs.landmark_index import Recording, sample_of, sampled

HASHES, CODES, RECORDINGS, ABOUT = "hashes", "codes", "recordings", "about"
VERSIONED = (HASHES, CODES, RECORDINGS)
SCHEMAS = {
    HASHES: "slab int, places binary, offsets binary, bases binary",
    CODES: "piece long, planes binary",
    RECORDINGS: (
        "number long, first long, end long, removed boolean, reference_id string, duration_ms long, title string, "
        "artist string, isrc string, licence string, source string, content_sha256 string"
    ),
    ABOUT: "fingerprint int, frames long, hashes long, codes long, recordings long, sample binary",
}
PROPERTIES = {"delta.enableDeletionVectors": "false"}


@dataclass(frozen=True, eq=False)
class Catalogue:
    """One state of a catalogue. `versions` are its tables', `sha256` names what it answers from."""

    place: str
    sha256: str
    frames: int
    versions: dict[str, int]
    edges: NDArray[np.uint32]
    removed: frozenset[int]
    sample: NDArray[np.uint64]

    def read(self, spark: SparkSession, name: str) -> DataFrame:
        """Read one of its tables, at its version."""
        return spark.read.format("delta").option("versionAsOf", self.versions[name]).load(f"{self.place}/{name}")

    def __len__(self) -> int:
        return len(self.edges) - 1 - len(self.removed)


def open_catalogue(spark: SparkSession, index: str) -> Catalogue:
    """Open a catalogue's newest state.

    Raises
    ------
    IndexRefusedError
        When there is none, or it is of another version.
    """
    place = place_of(index)
    try:
        rows = spark.read.format("delta").load(f"{place}/{ABOUT}").collect()
        about = rows[0].asDict()
        version = about["fingerprint"]
    except (PySparkException, IndexError, KeyError) as error:
        raise IndexRefusedError(
            f"{index} is no catalogue: build one with `soundgate index build -o {index}`"
        ) from error
    if version != VERSION:
        raise IndexRefusedError(
            f"{index} holds fingerprints of version {version}, this program reads version {VERSION}: build it again"
        )
    versions = {name: int(about[name]) for name in VERSIONED}
    sample = np.frombuffer(about.pop("sample"), np.uint64)
    named = json.dumps({**about, "sample": hashlib.sha256(sample.tobytes()).hexdigest()}, sort_keys=True)
    opened = Catalogue(
        place,
        hashlib.sha256(named.encode()).hexdigest(),
        int(about["frames"]),
        versions,
        np.zeros(0, np.uint32),
        frozenset(),
        sample.reshape(2, 4, -1),
    )
    try:
        known = opened.read(spark, RECORDINGS).select("first", "end", "removed").orderBy("number").collect()
    except PySparkException as error:
        raise IndexRefusedError(f"{index} lacks the {RECORDINGS} that it names: build it again") from error
    edges = np.array([*(row.first for row in known), known[-1].end], np.uint32)
    removed = frozenset(number for number, row in enumerate(known) if row.removed)
    return Catalogue(place, opened.sha256, opened.frames, versions, edges, removed, opened.sample)


def list_recordings(spark: SparkSession, catalogue: Catalogue) -> list[Recording]:
    """List what is known of each recording, in their order."""
    rows = catalogue.read(spark, RECORDINGS).where("NOT removed").orderBy("number")
    return [Recording(**row.asDict()) for row in rows.select(*Recording.__dataclass_fields__).collect()]


def write_table(rows: DataFrame, place: str, name: str, mode: str) -> None:
    """Write (``overwrite``) or add to (``append``) one of the tables."""
    writer = rows.write.format("delta").mode(mode)
    if mode == "overwrite":
        writer = writer.option("overwriteSchema", "true")
    for key, value in PROPERTIES.items():
        writer = writer.option(key, value)
    writer.save(f"{place}/{name}")


def check_newest(spark: SparkSession, catalogue: Catalogue) -> None:
    """Refuse to change a catalogue that has been changed since it was opened.

    Raises
    ------
    RecordingsError
        When its newest state is another.
    """
    if open_catalogue(spark, f"{PREFIX}{catalogue.place}").sha256 != catalogue.sha256:
        raise RecordingsError(f"{catalogue.place} has been changed by another: try again")


def take_back(spark: SparkSession, catalogue: Catalogue) -> None:
    """Bring tables back to their versions of this state: a write that died may have left rows behind it."""
    for name, version in catalogue.versions.items():
        if newest_version(spark, catalogue.place, name) != version:
            DeltaTable.forPath(spark, f"{catalogue.place}/{name}").restoreToVersion(version)


def newest_version(spark: SparkSession, place: str, name: str) -> int:
    """Give the newest version of one of the tables."""
    return int(DeltaTable.forPath(spark, f"{place}/{name}").history(1).collect()[0].version)


def publish(spark: SparkSession, place: str, frames: int) -> None:
    """Make the newest versions of the tables, together, the catalogue that readers open."""
    versions = {name: newest_version(spark, place, name) for name in VERSIONED}
    codes = spark.read.format("delta").option("versionAsOf", versions[CODES]).load(f"{place}/{CODES}")
    pieces = frames // PIECE
    wanted = [int(number) for number in sampled(pieces)] if pieces > len(sampled(pieces)) else None
    chosen = codes if wanted is None else codes.where(F.col("piece").isin(wanted))
    parts = [np.frombuffer(row.planes, np.uint64).reshape(2, 4, -1) for row in chosen.orderBy("piece").collect()]
    line = np.ascontiguousarray(np.concatenate(parts, axis=2))
    sample = (sample_of(line) if wanted is None else line).tobytes()
    row = (VERSION, frames, versions[HASHES], versions[CODES], versions[RECORDINGS], bytearray(sample))
    write_table(spark.createDataFrame([row], SCHEMAS[ABOUT]), place, ABOUT, "overwrite")
