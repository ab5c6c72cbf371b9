"""Rows as an HTML table for notebooks, where a richer table would make links and pictures of strangers' text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from streaming.partition_key import printable

LONGEST = 120  # characters of a cell


TABLE = "border-collapse: collapse; margin: .4rem 0 1rem; font-size: .9rem"
HEAD = "text-align: left; padding: .25rem .9rem .25rem 0; color: #66707f; border-bottom: 1px solid #dfe3ea"
BODY = "padding: .25rem .9rem .25rem 0; vertical-align: top; overflow-wrap: anywhere"


def table(rows: Iterable[Mapping[str, Any]], columns: Iterable[str], nothing: str = "Nothing.") -> str:
    """Write some columns of rows as a table whose cells are text and nothing else; `nothing` where there is no row."""
    names = list(columns)
    head = "".join(f'<th style="{HEAD}">{escape(name.replace("_", " "))}</th>' for name in names)
    lines = ["".join(f'<td style="{BODY}">{cell(row.get(name))}</td>' for name in names) for row in rows]
    if not lines:
        return f"<p>{escape(nothing)}</p>"
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="{TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def facts(row: Mapping[str, Any], columns: Iterable[str]) -> str:
    """Write some columns of one row, a line each."""
    return table([{"column": name, "value": row.get(name)} for name in columns], ("column", "value"))


def cell(value: Any) -> str:
    """Write one value: numbers short, lists with commas, text escaped and within its own direction."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f'<bdi dir="ltr">{escape(plain(text))}</bdi>'


def plain(text: str) -> str:
    """Make strangers' text one short line without controls."""
    shown = printable(text)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"
