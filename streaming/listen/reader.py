"""What listening wrote, read without a JVM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streaming.lake_reader import open_table, query

COLUMNS = "channel, broadcast_id, reference_id, title, artist, started_at, ended_at, start_ms, end_ms, play_id, score"


def name_play(row: Mapping[str, Any]) -> str:
    """Say what a play is of, for people to read."""
    return " – ".join(part for part in (row["artist"], row["title"]) if part) or str(row["reference_id"])


def read_now(lake: str) -> list[dict[str, Any]]:
    """Give the plays that began and did not end, by channel, the one that began last first."""
    sql = (
        f"SELECT {COLUMNS} FROM lake WHERE change = 'started' AND play_id NOT IN "  # noqa: S608 - ours
        "(SELECT play_id FROM lake WHERE change = 'ended') ORDER BY channel, started_at DESC"
    )
    return list(query(open_table(lake, "play_changes"), sql))


def read_plays(lake: str, last: int) -> list[dict[str, Any]]:
    """Give the plays that ended last, the latest first."""
    sql = f"SELECT {COLUMNS} FROM lake ORDER BY started_at DESC, play_id LIMIT {last:d}"  # noqa: S608 - ours
    return list(query(open_table(lake, "plays"), sql))
