"""What ``soundgate catalogue`` does: change the catalogue, and bring an index in line with it if one is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from references.build import Progress, audio_files
from references.catalogue.entry import ABOUT, BY_HAND, Entry, State, choose_id
from references.catalogue.gate import Gate
from references.catalogue.source import Source
from references.catalogue.sync import Sync, Tally, Told, update_entry
from references.catalogue.table import CatalogueTable
from references.catalogue.to_index import IndexChanges, indexed_recordings, plan_changes, update_index
from references.duplicates import Duplicate
from references.metadata import read_metadata
from streaming.errors import UserError
from streaming.index_place import is_catalogue, place_of


def open_table(place: str, made: bool = True) -> CatalogueTable:
    """Open a catalogue.

    Raises
    ------
    UserError
        When it is not in a folder, or, with `made`, when there is none.
    """
    if "://" in place:
        raise UserError(f"--catalogue {place}: it is a folder; on a cluster one that all machines share")
    table = CatalogueTable(Path(place).absolute())
    if made and not table.exists:
        raise UserError(f"--catalogue {place}: there is none; make one with `soundgate catalogue add` or `sync`")
    return table


def add_files(table: CatalogueTable, files: Sequence[Path], said: Mapping[str, str]) -> tuple[list[Entry], list[str]]:
    """Add files, which stay where they are; gives those that are listed, and why others are not.

    A file that is there already, whatever it came from, is judged again, also one that was removed.
    """
    entries = {entry.reference_id: entry for entry in table.entries()}
    known = {entry.audio: entry for entry in entries.values()}
    gate = Gate()
    added, refused = [], []
    try:
        for path in audio_files(files):
            origin_id = str(path.resolve())
            if not path.is_file():
                raise UserError(f"{path}: there is no such file")
            judged = gate.judge(path)
            if judged.problem:
                refused.append(f"{path}: {judged.problem}")
                continue
            about = {**read_metadata(path), **said}
            entry = known.get(origin_id)
            asked = said.get("reference_id")
            if asked and (asked in entries or entry):
                has = f"this file as {entry.reference_id!r}" if entry else f"a recording {asked!r}"
                raise UserError(f"--id {asked}: the catalogue has {has} already; see `soundgate catalogue update`")
            if entry is None:
                chosen = asked or choose_id(about["reference_id"], origin_id, entries)
                entry = Entry(chosen, BY_HAND, origin_id, audio=origin_id)
            measured = {name: getattr(judged, name) for name in ("content_sha256", "bytes", "duration_ms", "quality")}
            entry = replace(entry.told(about), **measured, state=State.LISTED, problem="")
            entry = update_entry(entry, {name: value for name, value in said.items() if name in ABOUT})
            entries[entry.reference_id] = known[origin_id] = entry
            added.append(entry)
    finally:
        gate.close()
    table.put(added)
    return added, refused


def update(table: CatalogueTable, reference_id: str, changes: Mapping[str, str]) -> Entry:
    """Set what is said of a recording."""
    if not changes:
        raise UserError(f"say what is to be set: {', '.join('--' + name for name in ABOUT)}")
    entry = update_entry(_find(table, [reference_id])[0], changes)
    table.put([entry])
    return entry


def remove(table: CatalogueTable, reference_ids: Sequence[str]) -> None:
    """Take recordings out; no sync brings them back."""
    now = datetime.now(UTC)
    table.put([replace(entry, state=State.REMOVED, changed_at=now) for entry in _find(table, reference_ids)])


def sync(table: CatalogueTable, sources: Sequence[Source], told: Told | None = None) -> dict[str, Tally]:
    """Sync from sources, one after the other; gives what was done by the source's name."""
    gate = Gate()
    try:
        return {source.name: Sync(table, source, gate, told).run() for source in sources}
    finally:
        gate.close()


def _find(table: CatalogueTable, reference_ids: Sequence[str]) -> list[Entry]:
    entries = {entry.reference_id: entry for entry in table.entries()}
    missing = [one for one in reference_ids if one not in entries]
    if missing:
        raise UserError(f"not in the catalogue: {', '.join(missing)}; see `soundgate catalogue list`")
    return [entries[one] for one in reference_ids]


def bring_in_line(table: CatalogueTable, index: str, progress: Progress | None = None) -> dict[str, Any]:
    """Change an index until it holds what the catalogue lists, and delete kept files that nobody lists any more.

    Raises
    ------
    UserError
        When files that are to enter are gone: what left their source is told by a sync of it.
    """
    entries = table.entries()
    if is_catalogue(index):
        result = _change_delta(entries, index)
    else:
        changes = _with_files(plan_changes(entries, indexed_recordings(Path(index))))
        info = update_index(changes, Path(index), progress)
        result = {"added": len(changes.add), "removed": len(changes.remove)}
        if info is not None:
            left_out = [why for _, why in info.unreadable]
            result |= {"index_sha256": info.sha256, "duplicates": _told(info.duplicates), "left_out": left_out}
    result["deleted_files"] = table.drop_unlisted()
    return result


def _told(duplicates: Sequence[Duplicate]) -> list[str]:
    return [f"{one.reference_id} holds what {one.of} holds" for one in duplicates]


def _with_files(changes: IndexChanges) -> IndexChanges:
    missing = [entry.audio for entry in changes.add if not Path(entry.audio).is_file()]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise UserError(
            f"gone since they were listed: {', '.join(missing[:3])}{more}; sync their source, or remove them"
        )
    return changes


def _change_delta(entries: Sequence[Entry], index: str) -> dict[str, Any]:
    """Change a catalogue of Delta tables: recordings leave it, then others enter it."""
    from streaming.catalogue import list_recordings, open_catalogue
    from streaming.catalogue_build import add_to_catalogue, build_catalogue, remove_from_catalogue
    from streaming.catalogue_duplicates import find_duplicates
    from streaming.commands.index import spark_session
    from udfs.index_files import IndexRefusedError

    with spark_session() as spark:
        try:
            opened = open_catalogue(spark, index)
        except IndexRefusedError:
            opened = None
        changes = _with_files(plan_changes(entries, list_recordings(spark, opened) if opened else ()))
        left_out: list[tuple[str, str]] = []
        duplicates: list[Duplicate] = []
        if opened is not None and changes.remove:
            remove_from_catalogue(spark, changes.remove, opened)
            opened = open_catalogue(spark, index)
        if changes.add and opened is not None:
            left_out = add_to_catalogue(spark, changes.paths(), opened, changes.about())
        elif changes.add:
            left_out = build_catalogue(spark, changes.paths(), place_of(index), changes.about())
        after = open_catalogue(spark, index) if opened is not None or changes.add else None
        if changes.add and after is not None:
            duplicates = find_duplicates(spark, after, len(opened.edges) - 1 if opened is not None else 0)
    return {
        "added": len(changes.add),
        "removed": len(changes.remove),
        "index_sha256": after.sha256 if after is not None else None,
        "duplicates": _told(duplicates),
        "left_out": [why for _, why in left_out],
    }
