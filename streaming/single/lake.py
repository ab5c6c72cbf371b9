"""Writing a few verdicts to a lake without Spark."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from streaming.lake_reader import query, quote
from streaming.upkeep import Access, again, open_for_upkeep

VERDICTS = "verdicts"
NAME = ("upload_id", "partition_key", "stream")  # what names an upload: ids alone are chosen by producers
Name = tuple[str, ...]


def name_of(row: Mapping[str, Any]) -> Name:
    """Name a row's upload."""
    return tuple(str(row[column]) for column in NAME)


class VerdictLake:
    """The verdicts of a lake that is there already.

    Parameters
    ----------
    access
        Where it is, and what keeps its writers apart.

    Raises
    ------
    UserError
        There is no such table, or writing to it would not be safe.
    """

    def __init__(self, access: Access) -> None:
        self._table: DeltaTable = open_for_upkeep(access, VERDICTS)
        self._schema = pa.schema(self._table.schema())

    def known(self, partition_keys: Collection[str]) -> set[Name]:
        """Name the uploads under some partition keys that have their verdict."""
        quoted = ", ".join(map(quote, sorted(partition_keys)))
        self._table.update_incremental()
        columns = ", ".join(NAME)
        sql = f"SELECT {columns} FROM lake WHERE partition_key IN ({quoted})"  # noqa: S608 - columns ours, keys quoted
        return {name_of(row) for row in query(self._table, sql)}

    def add_missing(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Append the verdicts of uploads that have none, in one commit.

        Returns
        -------
        int
            How many were appended; the others were there.
        """
        if not rows:
            return 0
        columns = [field.name for field in self._schema]
        full = [{name: row.get(name) for name in columns} for row in rows]
        source = pa.Table.from_pylist(full, schema=self._schema)
        same = " AND ".join(f"old.{name} = new.{name}" for name in NAME)

        def merge() -> int:
            self._table.update_incremental()
            merger = self._table.merge(source, same, source_alias="new", target_alias="old")
            return int(merger.when_not_matched_insert_all().execute()["num_target_rows_inserted"])

        return again(self._table, merge)
