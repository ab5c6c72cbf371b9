"""Reading the tables without a JVM, for the command line.

Every read is a query in delta-rs's own engine. A read through a pyarrow dataset leaves that library's threads with
calls into Python to make, and one that makes it while the interpreter ends aborts the whole process: about one
``soundgate status`` in a thousand printed all it had to print and then exited with 134.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from streaming.errors import UserError

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def open_table(lake: str, name: str) -> DeltaTable:
    """Open a lake's table.

    Raises
    ------
    UserError
        When there is none.
    """
    try:
        return DeltaTable(f"{lake.rstrip('/')}/{name}")
    except TableNotFoundError as error:
        raise UserError(f"--lake {lake}: there is no table {name!r} (has the job run yet?)") from error
    except OSError as error:  # no such bucket, no credentials, no permission
        raise UserError(f"--lake {lake}: {in_one_line(error)}") from error


def in_one_line(error: Exception) -> str:
    """Give what delta-rs says of a store, which it lays out and colours for a terminal."""
    return " ".join(COLOUR.sub("", str(error)).split())


def query(table: DeltaTable, sql: str) -> Iterator[dict[str, Any]]:
    """Give the rows of a query over one table, which it names `lake`; batch by batch, so that memory stays small."""
    for batch in QueryBuilder().register("lake", table).execute(sql):
        yield from pa.record_batch(batch).to_pylist()


def quote(text: str) -> str:
    """Write any text as an SQL literal: standard SQL knows no other escape than doubling."""
    return "'" + text.replace("'", "''") + "'"


def tally(lake: str, name: str, column: str) -> dict[str, int]:
    """Count a table's rows by the values of one column, the most frequent first."""
    sql = f'SELECT "{column}" AS value, count(*) AS number FROM lake GROUP BY 1 ORDER BY 2 DESC, 1'  # noqa: S608 - ours
    counted = query(open_table(lake, name), sql)
    return {row["value"]: row["number"] for row in counted}


def rows_where(lake: str, name: str, column: str, value: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Give the rows that have `value`, which may be any text, in `column`."""
    wanted = "*" if columns is None else ", ".join(f'"{one}"' for one in columns)
    sql = f'SELECT {wanted} FROM lake WHERE "{column}" = {quote(value)}'  # noqa: S608 - names are ours, the value quoted
    return list(query(open_table(lake, name), sql))
