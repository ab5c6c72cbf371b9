"""What listening writes: tables ``plays`` and ``play_changes``, and rejections; each batch once.

`plays` has a row a play, written when it is over; `play_changes` a row for each start and each end, written when it is
known, which is what is published.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know
from pyspark.sql.types import ArrayType, StructType

from streaming import __version__
from streaming.listen.plays import Change, Play
from streaming.schemas import DOUBLE, INT, LONG, REJECTION, STRING, TIME, fields
from streaming.sinks import REJECTIONS, append_once, create_table

PLAYS, CHANGES = "plays", "play_changes"

_PLAY = (
    ("play_id", STRING),
    ("channel", STRING),  # the partition key, as the producer wrote it
    ("broadcast_id", STRING),  # the upload id
    ("reference_id", STRING),
    ("title", STRING),
    ("artist", STRING),
    ("started_at", TIME),
    ("ended_at", TIME),  # of a play that goes on: up to where it was heard
    ("start_ms", LONG),  # since the broadcast's beginning
    ("end_ms", LONG),
    ("reference_start_ms", LONG),  # which part of the recording
    ("reference_end_ms", LONG),
    ("score", DOUBLE),
    ("windows", INT),
    ("index_sha256", STRING),
    ("decided_at", TIME),
    ("code_version", STRING),
)
PLAY = fields(*_PLAY)
CHANGE = fields(("change_id", STRING), ("change", STRING), ("changed_at", TIME), ("now", ArrayType(STRING)), *_PLAY)
TABLES: dict[str, StructType] = {PLAYS: PLAY, CHANGES: CHANGE, REJECTIONS: REJECTION}


def play_row(play: Play, channel: str, broadcast_id: str, began_us: int, index_sha256: str) -> dict[str, Any]:
    """Give a play as a row of `PLAYS`, as JSON has it."""
    return {
        **asdict(play),
        "channel": channel,
        "broadcast_id": broadcast_id,
        "started_at": _time(began_us + play.start_ms * 1000),
        "ended_at": _time(began_us + play.end_ms * 1000),
        "index_sha256": index_sha256,
        "decided_at": datetime.now(UTC).isoformat(),
        "code_version": __version__,
    }


def change_row(change: Change, channel: str, broadcast_id: str, began_us: int, index_sha256: str) -> dict[str, Any]:
    """Give a change as a row of `CHANGES`, as JSON has it."""
    return {
        **play_row(change.play, channel, broadcast_id, began_us, index_sha256),
        "change_id": change.id,
        "change": change.kind.value,
        "changed_at": _time(began_us + change.at_ms * 1000),
        "now": list(change.now),
    }


def _time(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat()


def create_tables(spark: SparkSession, lake: str) -> None:
    """Make the tables that are missing."""
    for name, schema in TABLES.items():
        create_table(spark, f"{lake}/{name}", schema)


def append(rows: DataFrame, lake: str, name: str, app_id: str, batch_id: int) -> int:
    """Append those of a batch's rows that are of a table, unless it has them already; says how many there are."""
    mine = rows.where(F.col("kind") == name).select(F.from_json("body", TABLES[name]).alias("row")).select("row.*")
    number = mine.count()
    if number:
        append_once(mine.coalesce(1), f"{lake}/{name}", app_id, batch_id)
    return number
