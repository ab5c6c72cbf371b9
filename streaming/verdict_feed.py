"""A table's rows in the order in which they were committed, read from the table's own log, without a JVM.

A Delta table's log has one numbered file a commit; the files that a commit added hold its rows. The table is only ever
appended to, so a commit that removes files rewrites rows that were there already (``soundgate lake``), and is passed
over.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq

from streaming.errors import UserError
from streaming.lake_reader import open_table, query
from streaming.places import open_place

TABLE = "verdicts"
LOG = "_delta_log"


@dataclass(frozen=True)
class Commit:
    """One commit of the table: its number, its time (ms since the epoch) and the files whose rows it added."""

    version: int
    at_ms: int
    files: tuple[str, ...]


class VerdictFeed:
    """Reads a lake's verdicts, or another of its tables, commit by commit."""

    def __init__(self, lake: str, table: str = TABLE) -> None:
        self._lake = lake.rstrip("/")
        self._table = table
        self._place = open_place(f"{self._lake}/{table}")

    def table_id(self) -> str:
        """Give the table's own id: another one means another table in the same place."""
        return str(open_table(self._lake, self._table).metadata().id)

    def latest(self) -> int:
        """Give the number of the last commit."""
        return int(open_table(self._lake, self._table).version())

    def commit(self, version: int) -> Commit | None:
        """Read a commit; None when it is not there yet."""
        data = self._place.read(f"{LOG}/{version:020d}.json")
        return None if data is None else parse_commit(data, version)

    def rows(self, commit: Commit) -> Iterator[dict[str, Any]]:
        """Give the rows that a commit added, always in the same order.

        Raises
        ------
        UserError
            When a file is gone: it was rewritten and vacuumed before it was read.
        """
        for name in commit.files:
            data = self._place.read(name)
            if data is None:
                raise UserError(
                    f"the file {name} of version {commit.version} of {self._lake}/{self._table} is gone: it was "
                    "vacuumed before it was published. Publish all that the table holds now: `soundgate publish --all`"
                )
            yield from pq.read_table(io.BytesIO(data)).to_pylist()

    def everything(self) -> Iterator[dict[str, Any]]:
        """Give all rows of the table as it is now."""
        yield from query(open_table(self._lake, self._table), "SELECT * FROM lake")


def parse_commit(data: bytes, version: int) -> Commit:
    """Read one commit file of a Delta log: a JSON object a line, each one action (Delta protocol)."""
    actions = [json.loads(line) for line in data.splitlines() if line.strip()]
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    adds = [action["add"] for action in actions if "add" in action]
    at_ms = (
        info.get("inCommitTimestamp") or info.get("timestamp") or max((a["modificationTime"] for a in adds), default=0)
    )
    rewritten = any("remove" in action for action in actions)
    files = () if rewritten else tuple(unquote(add["path"]) for add in adds if add.get("dataChange", True))
    return Commit(version, int(at_ms), files)
