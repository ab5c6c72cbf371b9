"""Bring an index in line with the catalogue: which recordings enter it, leave it, or are told of differently.

The index itself says what it holds, so a change that was cut short is made up for by the next one. What is in the index
and was never in the catalogue stays there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from references.build import IndexInfo, Progress, build_index, change_recordings
from references.catalogue.entry import Entry, State
from udfs.index_files import MANIFEST
from udfs.landmark_index import Recording, open_index


@dataclass(frozen=True)
class IndexChanges:
    """What is to be done to an index: in one step, entries added and recordings removed; some are in both."""

    add: Sequence[Entry]
    remove: Sequence[str]

    @property
    def none(self) -> bool:
        """Whether the index says what the catalogue says."""
        return not self.add and not self.remove

    def paths(self) -> list[Path]:
        """Give the files to be added."""
        return [Path(entry.audio) for entry in self.add]

    def about(self) -> dict[Path, dict[str, str]]:
        """Give what is known of them."""
        return {Path(entry.audio): entry.about() for entry in self.add}


def plan_changes(entries: Iterable[Entry], indexed: Iterable[Recording]) -> IndexChanges:
    """Compare a catalogue with what an index holds.

    One recording's file is in the index once, however many entries have the same bytes: the first of them is.
    """
    held = {recording.reference_id: recording for recording in indexed}
    add, remove = [], []
    contents: set[str] = set()
    for entry in entries:
        wanted = entry.state is State.LISTED and entry.content_sha256 not in contents
        if wanted:
            contents.add(entry.content_sha256)
        recording = held.get(entry.reference_id)
        same = recording is not None and recording.content_sha256 == entry.content_sha256 and entry.agrees(recording)
        if recording is not None and not (wanted and same):
            remove.append(entry.reference_id)
        if wanted and not same:
            add.append(entry)
    return IndexChanges(add, remove)


def update_index(changes: IndexChanges, out: Path, progress: Progress | None = None) -> IndexInfo | None:
    """Change an index of files, or make it; None = there was nothing to do."""
    if changes.none:
        return None
    if not (out / MANIFEST).exists():
        return build_index(changes.paths(), out, progress, changes.about())
    return change_recordings(out, changes.paths() or None, changes.remove, changes.about(), progress)


def indexed_recordings(out: Path) -> Sequence[Recording]:
    """List what an index of files holds; nothing where there is none."""
    return open_index(out).recordings if (out / MANIFEST).exists() else ()
