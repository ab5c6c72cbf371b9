"""Bring a catalogue in line with a source: list -> compare -> fetch -> judge -> write, a page at a time.

A page is written in a commit, and behind it how far the sync has got, so one that was stopped goes on there and
fetches nothing twice. Only a sync that saw all pages takes recordings away, and each only when the source, asked for it
by name, says that it is gone.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from references.catalogue.entry import ABOUT, Entry, Found, State, choose_id
from references.catalogue.gate import Judged
from references.catalogue.source import Fetched, NotFetchedError, Source, SourceError
from references.catalogue.table import CatalogueTable

STALE_SECONDS = 24 * 3600.0  # what a sync saw longer ago says nothing of what is there now


class Judge(Protocol):
    """Judges one file (`references.catalogue.gate.Gate`)."""

    def judge(self, path: Path, expected_ms: int | None = None) -> Judged:
        """Say what it is."""


@dataclass
class Tally:
    """What a sync did."""

    new: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    refused: int = 0
    left_out: int = 0  # removed by hand before

    def as_json(self) -> dict[str, Any]:
        """Give it by name."""
        return asdict(self)


Told = Callable[[str, Tally], None]  # the recording that is done, and what was done so far


class Sync:
    """One source's sync into one catalogue; whoever calls it holds the catalogue."""

    def __init__(self, table: CatalogueTable, source: Source, judge: Judge, told: Told | None = None) -> None:
        self._table = table
        self._source = source
        self._judge = judge
        self._told = told
        self._note = hashlib.sha256(source.name.encode()).hexdigest()[:16]
        self._entries = {entry.reference_id: entry for entry in table.entries()}
        self._mine = {entry.origin_id: entry for entry in self._entries.values() if entry.origin == source.name}
        self.tally = Tally()

    def run(self) -> Tally:
        """Sync.

        Raises
        ------
        SourceError
            When the source cannot be read on; what was done so far stays done.
        """
        start, seen = self._resume()
        stored = set(self._entries)
        with self._table.fetching() as folder:
            for page in self._source.pages(start):
                taken = [entry for found in page.found if (entry := self._take(found, folder)) is not None]
                changed = {entry.reference_id: entry for entry in taken}  # a page may list one twice
                self._table.put([entry for name, entry in changed.items() if name not in stored], new=True)
                self._table.put([entry for name, entry in changed.items() if name in stored])
                stored.update(changed)
                seen.update(found.origin_id for found in page.found)
                note = {"page": page.number + 1, "seen": sorted(seen), "at": time.time()}
                self._table.write_note(self._note, note)
        self._take_away(seen)
        self._table.tidy()
        self._table.write_note(self._note, None)
        return self.tally

    def _resume(self) -> tuple[int, set[str]]:
        note = self._table.read_note(self._note)
        if note is None or time.time() - float(note["at"]) > STALE_SECONDS:
            return 1, set()
        return int(note["page"]), set(note["seen"])

    def _take(self, found: Found, folder: Path) -> Entry | None:
        """Take one recording; None = nothing is to be written."""
        before = self._mine.get(found.origin_id)
        if before is not None and before.state is State.REMOVED:
            self.tally.left_out += 1
            return None
        if before is not None and before.state is not State.GONE and before.origin_version == found.version:
            self.tally.same += 1
            return None
        entry = self._fetch(before, found, folder)
        self._entries[entry.reference_id] = self._mine[found.origin_id] = entry
        if entry.problem:
            self.tally.refused += 1
        elif before is None:
            self.tally.new += 1
        else:
            self.tally.changed += 1
        if self._told:
            self._told(entry.reference_id, self.tally)
        return entry

    def _fetch(self, before: Entry | None, found: Found, folder: Path) -> Entry:
        now = datetime.now(UTC)
        try:
            fetched = self._source.fetch(found, folder)
        except NotFetchedError as error:
            if before is not None and before.state is State.LISTED:  # what was fetched before is still good
                return replace(before, problem=str(error), changed_at=now)
            entry = before or self._new(found, {})
            return replace(entry, state=State.REFUSED, problem=str(error), changed_at=now)  # its version stays unknown
        entry = before or self._new(found, fetched.about)
        judged = self._judge.judge(fetched.path, found.duration_ms)
        audio = self._keep(fetched, judged)
        return replace(
            entry.told(fetched.about),
            origin_version=found.version,
            audio=audio,
            content_sha256=judged.content_sha256,
            bytes=judged.bytes,
            duration_ms=judged.duration_ms,
            quality=judged.quality,
            state=State.REFUSED if judged.problem else State.LISTED,
            problem=judged.problem,
            changed_at=now,
        )

    def _new(self, found: Found, about: Mapping[str, str]) -> Entry:
        wanted = about.get("reference_id") or found.about.get("reference_id") or Path(found.origin_id).stem
        chosen = choose_id(wanted, found.origin_id, self._entries)
        return Entry(chosen, self._source.name, found.origin_id)

    def _keep(self, fetched: Fetched, judged: Judged) -> str:
        if not fetched.ours:
            return str(fetched.path)
        if judged.problem:  # nobody wants it; the next state of it is fetched anew
            fetched.path.unlink(missing_ok=True)
            return ""
        return str(self._table.keep(fetched.path, judged.content_sha256))

    def _take_away(self, seen: set[str]) -> None:
        """Mark what the source no longer has.

        Raises
        ------
        SourceError
            When it lists nothing at all, and had something before: a disk that is not mounted looks like that.
        """
        held = [entry for entry in self._mine.values() if entry.state in (State.LISTED, State.REFUSED)]
        missing = [entry for entry in held if entry.origin_id not in seen]
        if missing and not seen:
            raise SourceError(
                f"{self._source.name} lists nothing, and the catalogue has {len(missing)} recordings of it: nothing "
                "was taken away. If they are really gone, take them out with `soundgate catalogue remove`"
            )
        now = datetime.now(UTC)
        gone = [
            replace(entry, state=State.GONE, changed_at=now)
            for entry in missing
            if not self._source.has(entry.origin_id)
        ]
        self._table.put(gone)
        self.tally.gone = len(gone)


def update_entry(entry: Entry, changes: Mapping[str, str]) -> Entry:
    """Set what somebody says of a recording; no sync changes it back."""
    by_hand = tuple(name for name in ABOUT if name in entry.by_hand or name in changes)
    said: dict[str, Any] = dict(changes)
    return replace(entry, **said, by_hand=by_hand, changed_at=datetime.now(UTC))
