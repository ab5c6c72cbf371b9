"""Reading the tables without a JVM, for the command line."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming.errors import UserError


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
        raise UserError(f"--lake {lake}: {error}") from error


def tally(lake: str, name: str, column: str) -> dict[str, int]:
    """Count a table's rows by the values of one column, the most frequent first."""
    values = open_table(lake, name).to_pyarrow_dataset().to_table(columns=[column])[column].to_pylist()
    return dict(Counter(values).most_common())


def rows_where(lake: str, name: str, column: str, value: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Give the rows that have `value` in `column`."""
    table = open_table(lake, name).to_pyarrow_dataset().to_table(columns=columns, filter=ds.field(column) == value)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
