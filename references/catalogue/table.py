"""The catalogue on disk: a Delta table, read and written without a JVM, and the files that were fetched for it.

PLACE/recordings   a row a recording, also of those that are no longer listed; DuckDB, Polars and Spark read it
PLACE/audio        sound that was fetched from elsewhere, by its SHA-256
PLACE/sync         how far syncs have got that were stopped
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from references.catalogue.entry import Entry, State
from references.errors import RecordingsError

TABLE, AUDIO, SYNC, LOCK = "recordings", "audio", "sync", ".lock"
_TEXT, _LONG, _TIME = pa.string(), pa.int64(), pa.timestamp("us", tz="UTC")
_OTHER = {"bytes": _LONG, "duration_ms": _LONG, "by_hand": pa.list_(_TEXT), "added_at": _TIME, "changed_at": _TIME}
SCHEMA = pa.schema([(name, _OTHER.get(name, _TEXT)) for name in Entry.__dataclass_fields__])
MOST_FILES = 32  # each commit of new recordings makes one
PROPERTIES = {"delta.enableDeletionVectors": "false"}


class CatalogueTable:
    """The catalogue in a folder; made when something is first put into it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return DeltaTable.is_deltatable(str(self.place / TABLE))

    def entries(self) -> list[Entry]:
        """Read all entries, by reference id."""
        if not self.exists:
            return []
        table = DeltaTable(str(self.place / TABLE))
        batches = QueryBuilder().register("catalogue", table).execute("SELECT * FROM catalogue ORDER BY reference_id")
        return [_to_entry(row) for batch in batches for row in pa.record_batch(batch).to_pylist()]

    def put(self, entries: Sequence[Entry], new: bool = False) -> None:
        """Add entries, or change those that are there, in one commit.

        Where all are said to be new nothing that is there is read or written again.
        """
        if not entries:
            return
        rows = pa.Table.from_pylist([asdict(entry) for entry in entries], SCHEMA)
        if not self.exists:
            self.place.mkdir(parents=True, exist_ok=True)
            write_deltalake(str(self.place / TABLE), rows, configuration=PROPERTIES)
            return
        if new:
            write_deltalake(str(self.place / TABLE), rows, mode="append")
            return
        merge = DeltaTable(str(self.place / TABLE)).merge(
            rows, "old.reference_id = new.reference_id", source_alias="new", target_alias="old"
        )
        merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def tidy(self) -> None:
        """Join the files of many small commits."""
        table = DeltaTable(str(self.place / TABLE)) if self.exists else None
        if table is not None and len(table.file_uris()) > MOST_FILES:
            table.optimize.compact()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else change the catalogue meanwhile.

        Raises
        ------
        RecordingsError
            When somebody does.
        """
        self.place.mkdir(parents=True, exist_ok=True)
        with (self.place / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RecordingsError(f"{self.place} is being changed by another command: try again later") from error
            yield

    def keep(self, path: Path, sha256: str) -> Path:
        """Move a fetched file to where the catalogue keeps it, whole or not at all."""
        kept = self.place / AUDIO / sha256[:2] / f"{sha256}{path.suffix.lower()}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        path.replace(kept)
        return kept

    def drop_unlisted(self) -> int:
        """Delete the kept files of recordings that are no longer listed; says how many."""
        entries = self.entries()
        wanted = {entry.audio for entry in entries if entry.state is State.LISTED}
        root = (self.place / AUDIO).resolve()
        gone = {
            Path(entry.audio)
            for entry in entries
            if entry.audio and entry.audio not in wanted and Path(entry.audio).resolve().is_relative_to(root)
        }
        there = [path for path in gone if path.is_file()]
        for path in there:
            path.unlink(missing_ok=True)
        return len(there)

    @contextmanager
    def fetching(self) -> Iterator[Path]:
        """Give a folder for files that are being fetched, on the file system that keeps them."""
        folder = self.place / AUDIO / f".fetching-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def read_note(self, name: str) -> dict[str, Any] | None:
        """Read how far a sync has got."""
        try:
            value: dict[str, Any] = json.loads((self.place / SYNC / f"{name}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return value

    def write_note(self, name: str, value: dict[str, Any] | None) -> None:
        """Write how far a sync has got; None = it is done."""
        path = self.place / SYNC / f"{name}.json"
        if value is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.{os.getpid()}")
        staged.write_text(json.dumps(value))
        staged.replace(path)


def _to_entry(row: dict[str, Any]) -> Entry:
    return Entry(**{**row, "state": State(row["state"]), "by_hand": tuple(row["by_hand"] or ())})
