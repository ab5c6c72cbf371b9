"""What is known of a reference recording beside its sound: from a table beside the files, or from their own tags.

The table is ``metadata.csv``, ``metadata.jsonl`` or ``metadata.json`` (a list) in the recording's folder, with a column
``file`` and any of ``reference_id, title, artist, isrc, licence, source``. What the table leaves open the tags fill in,
and a reference id that nobody gives is the file's stem.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import av

from references.errors import RecordingsError

FIELDS = ("reference_id", "title", "artist", "isrc", "licence", "source")
TABLES = ("metadata.csv", "metadata.jsonl", "metadata.json")
_TAGS = {
    "title": "title",
    "artist": "artist",
    "isrc": "isrc",
    "tsrc": "isrc",
    "license": "licence",
    "copyright": "licence",
}


def read_metadata(path: Path) -> dict[str, str]:
    """Return what is known of the recording in a file, by `FIELDS`; always a reference id."""
    known = {**tags(path), **_table(path.parent).get(path.name, {})}
    return {"reference_id": path.stem} | {name: value for name, value in known.items() if value}


def tags(path: Path) -> dict[str, str]:
    """Return a file's own tags, by `FIELDS`; empty where it has none or cannot be read."""
    found: dict[str, str] = {}
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            streams = [dict(stream.metadata) for stream in container.streams.audio]
            for name, value in [pair for source in (dict(container.metadata), *streams) for pair in source.items()]:
                known = _TAGS.get(name.lower())
                if known and str(value).strip():
                    found.setdefault(known, str(value).strip())
    except (av.FFmpegError, OSError, ValueError):
        return {}
    return found


def _table(folder: Path) -> Mapping[str, dict[str, str]]:
    for name in TABLES:
        path = folder / name
        if path.is_file():
            return _read_table(path, path.stat().st_mtime_ns)
    return {}


@cache
def _read_table(path: Path, changed_ns: int) -> Mapping[str, dict[str, str]]:
    """Read a table by file name; `changed_ns` makes a table that has changed be read again."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            rows: list[dict[str, str]] = list(csv.DictReader(text.splitlines()))
        elif path.suffix == ".jsonl":
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            rows = json.loads(text)
        return {row["file"]: {name: str(row[name]).strip() for name in FIELDS if row.get(name)} for row in rows}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordingsError(
            f"{path} is no table of recordings ({error}): it needs a row a file with the column or key `file`"
        ) from error
