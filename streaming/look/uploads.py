"""Uploads as a list: filters, a page of thousands, one upload's rows.

Filters become SQL of our own names; what a person or a stranger wrote goes in as quoted text and is compared as text
(`strpos`), never as a pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable

from streaming.errors import UserError
from streaming.lake_reader import open_table, query, quote

PAGE = 50  # uploads
LISTED = (
    *("upload_id", "decided_at", "decision", "reasons", "user_id", "track_name", "identity", "title", "artist"),
    *("reference_id", "score", "mock_score", "quality", "duration_ms", "bytes", "latency_ms", "stored_at"),
)


@dataclass(frozen=True)
class Filter:
    """Which uploads; what is empty does not matter. Times are UTC, from inclusive, until exclusive.

    `user` is a whole user id; `recording` a part of a title, an artist or a reference id; `name` of a track's name, or
    a whole upload id.
    """

    since: datetime | None = None
    until: datetime | None = None
    decisions: Sequence[str] = ()
    reason: str = ""
    user: str = ""
    recording: str = ""
    name: str = ""

    def where(self) -> str:
        """Give the SQL condition."""
        parts = ["true"]
        if self.since:
            parts.append(f"decided_at >= {_moment(self.since)}")
        if self.until:
            parts.append(f"decided_at < {_moment(self.until)}")
        if self.decisions:
            parts.append(f"decision IN ({', '.join(map(quote, self.decisions))})")
        if self.reason:
            parts.append(f"array_has(reasons, {quote(self.reason)})")
        if self.user:
            parts.append(f"user_id = {quote(self.user)}")
        if self.recording:
            sought = " OR ".join(_holds(column, self.recording) for column in ("title", "artist", "reference_id"))
            parts.append(f"({sought})")
        if self.name:
            parts.append(f"({_holds('track_name', self.name)} OR upload_id = {quote(self.name)})")
        return " AND ".join(parts)


class Uploads:
    """The table ``verdicts`` of a lake, as new as its last `refresh`. Threads may share it."""

    def __init__(self, lake: str) -> None:
        self.lake = lake
        self.table: DeltaTable | None = None  # where the job has not written it yet
        self.refresh()

    def refresh(self) -> int:
        """Open the table as it is now, which may be another than it was; gives its version, -1 where there is none."""
        self.table = table = open_if_there(self.lake, "verdicts")
        return -1 if table is None else table.version()

    def count(self, which: Filter) -> dict[str, int]:
        """Count uploads by decision."""
        sql = f"SELECT decision, count(*) AS number FROM lake WHERE {which.where()} GROUP BY 1"  # noqa: S608 - quoted
        return {row["decision"]: row["number"] for row in self._query(sql)}

    def page(self, which: Filter, number: int = 0, size: int = PAGE) -> list[dict[str, Any]]:
        """List a page of uploads, the newest first."""
        columns = ", ".join(LISTED)
        order = f"ORDER BY decided_at DESC, upload_id LIMIT {int(size)} OFFSET {int(number) * int(size)}"
        return self._query(f"SELECT {columns} FROM lake WHERE {which.where()} {order}")  # noqa: S608 - quoted

    def one(self, upload_id: str) -> dict[str, Any] | None:
        """Give an upload's whole row; None where there is none."""
        found = self._query(f"SELECT * FROM lake WHERE upload_id = {quote(upload_id)}")  # noqa: S608 - quoted
        return found[0] if found else None

    def reasons(self) -> list[str]:
        """List the reasons that occur, the most frequent first."""
        each = "SELECT unnest(reasons) AS reason FROM lake"
        sql = f"SELECT reason FROM ({each}) GROUP BY 1 ORDER BY count(*) DESC, 1"  # noqa: S608 - ours
        return [row["reason"] for row in self._query(sql)]

    def _query(self, sql: str) -> list[dict[str, Any]]:
        table = self.table
        return [] if table is None else list(query(table, sql))


def rejected_records(lake: str, upload_id: str) -> list[dict[str, Any]]:
    """List an upload's records that could not be used, without their bytes."""
    table = open_if_there(lake, "rejections")
    if table is None:
        return []
    columns = "reason, message, data_length, sequence_number, arrived_at, rejected_at"
    return list(query(table, f"SELECT {columns} FROM lake WHERE upload_id = {quote(upload_id)}"))  # noqa: S608 - quoted


def open_if_there(lake: str, name: str) -> DeltaTable | None:
    """Open a table; None where there is none yet.

    Raises
    ------
    UserError
        When the lake cannot be reached.
    """
    try:
        return open_table(lake, name)
    except UserError as error:
        if "there is no table" in str(error):
            return None
        raise


def _holds(column: str, part: str) -> str:
    return f"strpos(lower({column}), lower({quote(part)})) > 0"


def _moment(at: datetime) -> str:
    return f"to_timestamp_micros({int(at.astimezone(UTC).timestamp() * 1_000_000)})"
