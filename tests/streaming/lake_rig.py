"""A lake made without Spark: real uploads judged by the real classifier, their rows written by delta-rs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema

from streaming import __version__
from streaming.look.stored import read_stored
from streaming.places import Folder
from streaming.schemas import FEATURE, REJECTION, VERDICT
from streaming.track_store import TrackStore
from udfs.classify import Classifier
from udfs.decode import decode
from udfs.forensics import model_sha256
from udfs.judgement import describe
from udfs.landmark_index import LandmarkIndex
from udfs.track import Encoding, Track

BEGAN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def judge(lake: Path, track: Track, index: LandmarkIndex | None = None, **more: Any) -> dict[str, Any]:
    """Judge a track, keep it (refused ones in quarantine, too), and give its verdict's row."""
    classification, decoded = Classifier(decode, index).judge(track)
    store = TrackStore(Folder(lake / "tracks"), Folder(lake.parent / "quarantine"))
    stored = store.keep(track, classification.decision, decoded)
    row = {**describe(track, classification), "stored_at": stored, "track_name": track.name}
    return {**facts(len(track.data)), **row, "index_sha256": index.sha256 if index else None, **more}


def facts(number: int) -> dict[str, Any]:
    """What only the stream knows of an upload."""
    arrived = BEGAN + timedelta(seconds=number % 86_400)
    return {
        "upload_id": str(uuid.UUID(int=number * 0x9E3779B97F4A7C15 % 2**128)),
        "user_id": "demo",
        "partition_key": "demo/track",
        "chunks_expected": 1,
        "chunks_received": 1,
        "chunks_duplicate": 0,
        "missing": [],
        "stream": "records",
        "first_arrival": arrived,
        "last_arrival": arrived,
        "decided_at": arrived + timedelta(seconds=6),
        "latency_ms": 6_000,
        "code_version": __version__,
        "model_sha256": model_sha256(),
    }


def write_verdicts(lake: Path, rows: Iterable[Mapping[str, Any]], mode: str = "append") -> None:
    """Append rows to ``verdicts``; what a row does not say is null."""
    _write(lake / "verdicts", rows, to_arrow_schema(VERDICT), mode)


def write_rejections(lake: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows to ``rejections``."""
    _write(lake / "rejections", rows, to_arrow_schema(REJECTION), "append")


def write_features(lake: Path, row: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Extract a stored upload's features and append them to ``features``, as the stage beside the job does."""
    from udfs.features import extract_features
    from udfs.features.rows import rows_of

    track = read_stored(dict(row))
    own = {"upload_id": row["upload_id"], "decided_at": row["decided_at"], "code_version": __version__}
    rows = [{**one, **own} for one in rows_of(extract_features(track, decode(track), names))]
    _write(lake / "features", rows, to_arrow_schema(FEATURE), "append")


def _write(place: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema, mode: str) -> None:
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
    write_deltalake(str(place), table, mode=mode)  # type: ignore[call-overload]


def raw(samples: bytes, rate: int, name: str) -> Track:
    """An upload of bare samples."""
    return Track(samples, Encoding.F32LE, rate, 1, name)
