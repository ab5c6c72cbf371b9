"""Build and change a reference index: recordings in, immutable generations under a manifest out."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from references.duplicates import Duplicate, find_duplicates
from references.errors import RecordingsError, UnreadableError
from references.generation import MARGIN, Taken, read_back, taken_from, write_generation
from references.metadata import TABLES, read_metadata
from references.reading import read_mono
from udfs.fingerprint import VERSION, fingerprint
from udfs.index_files import GENERATIONS, MANIFEST, IndexRefusedError, Manifest, read_manifest, write_manifest
from udfs.landmark_index import LandmarkIndex, Recording, open_index
from udfs.spectrum import RATE

SUFFIXES = frozenset(
    f".{name}"
    for name in "wav wave w64 au aif aiff aifc caf flac ogg oga opus mp3 m4a mp4 aac wma wv ape".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class IndexInfo:
    """What an index holds after a build or a change, and what was noticed on the way."""

    folder: Path
    sha256: str
    recordings: int
    seconds: float
    bytes: int
    duplicates: tuple[Duplicate, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()  # (file, why)


Progress = Callable[[Path, int, int], None]  # the file that is done, how many are, of how many
About = Mapping[Path, Mapping[str, str]]  # what is known of files, by `references.metadata.FIELDS`; goes before tags
NOTHING: About = {}


def audio_files(paths: Iterable[Path | str]) -> list[Path]:
    """List the audio files that paths name: files as they are, folders with all that is below them, sorted."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found.extend(sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()))
        elif path.name not in TABLES:
            found.append(path)
    return found


def build_index(
    paths: Iterable[Path | str], out: Path | str, progress: Progress | None = None, about: About = NOTHING
) -> IndexInfo:
    """Build an index of recordings, given as files and folders, in the folder `out`; one that is there is replaced.

    Where nothing else is given a recording's reference id is its file's stem, and a later file with the same stem gets
    its folder's name before it. A file that cannot be read is left out and named in the answer.

    Raises
    ------
    RecordingsError
        When no file can be read, or two are given the same reference id.
    """
    out = Path(out)
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).exists():
        raise RecordingsError(f"{out} holds something that is no index: give an empty or a new folder")
    taken, unreadable = _take_all(audio_files(paths), progress, about=about)
    manifest = Manifest(VERSION, (write_generation(out, taken),))
    return _finish(out, manifest, find_duplicates(taken), unreadable)


def add_recordings(paths: Iterable[Path | str], out: Path | str, progress: Progress | None = None) -> IndexInfo:
    """Add recordings to an index as a generation of their own; raises as `build_index`, and for a broken index.

    The last generations that are no larger are joined with it (a log-structured merge): of n recordings added one by
    one each is written again log n times, and a query asks log n generations.
    """
    return change_recordings(out, add=paths, progress=progress)


def remove_recordings(reference_ids: Iterable[str], out: Path | str) -> IndexInfo:
    """Remove recordings from an index by their reference ids.

    Raises
    ------
    RecordingsError
        When one is not in the index; nothing is removed then.
    """
    return change_recordings(out, remove=reference_ids)


def change_recordings(
    out: Path | str,
    add: Iterable[Path | str] | None = None,
    remove: Iterable[str] = (),
    about: About = NOTHING,
    progress: Progress | None = None,
) -> IndexInfo:
    """Remove recordings from an index and add others, in one step: no reader sees the one without the other.

    Parameters
    ----------
    out
        The index.
    add
        Files and folders; None = nothing is added.
    remove
        Reference ids, which may be those of files that are added.
    about
        What is known of files that are added, where their tags and tables do not count.
    progress
        Told of each file.

    Raises
    ------
    RecordingsError
        When a recording to be removed is not in the index, or no file of those to be added can be read.
    """
    out = Path(out)
    index = open_index(out)
    manifest = _without(read_manifest(out, VERSION)[0], index, set(remove))
    if add is None:
        return _finish(out, manifest)
    opened = {generation.folder.name: generation for generation in index.generations}
    before = [read_back(replace(opened[e.name], removed=frozenset(e.removed))) for e in manifest.generations]
    old = [one for generation in before for one in generation]
    taken, unreadable = _take_all(audio_files(add), progress, {one.recording.reference_id for one in old}, about)
    new = {one.recording.reference_id for one in taken}
    duplicates = [one for one in find_duplicates([*old, *taken]) if one.reference_id in new or one.of in new]
    kept = list(manifest.generations)
    joined = taken
    while kept and kept[-1].frames - MARGIN <= _frames(joined):
        kept.pop()
        joined = [*before.pop(), *joined]
    generations = (*kept, write_generation(out, joined))
    return _finish(out, replace(manifest, generations=generations), duplicates, unreadable)


def _frames(taken: Sequence[Taken]) -> int:
    return sum(one.codes.shape[1] for one in taken)


def _without(manifest: Manifest, index: LandmarkIndex, wanted: set[str]) -> Manifest:
    """Leave recordings out of a manifest; a generation of which none is left is left out whole."""
    entries = []
    for entry, generation in zip(manifest.generations, index.generations, strict=True):
        gone = {
            number
            for number in range(generation.recordings)
            if number not in generation.removed and generation.recording(number).reference_id in wanted
        }
        wanted -= {generation.recording(number).reference_id for number in gone}
        removed = sorted(gone | generation.removed)
        if len(removed) < generation.recordings:
            entries.append(replace(entry, removed=removed))
    if wanted:
        raise RecordingsError(f"not in the index: {', '.join(sorted(wanted))}; see `soundgate index list`")
    return replace(manifest, generations=tuple(entries))


def take(path: Path, about: Mapping[str, str] | None = None) -> Taken:
    """Read one file and take its fingerprint; what is known of it is as told, else as its table and tags have it.

    Raises
    ------
    UnreadableError
        When it holds no sound that can be read.
    """
    mono, milliseconds = read_mono(path)
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    recording = Recording(duration_ms=milliseconds, content_sha256=content, **(about or read_metadata(path)))
    return taken_from(recording, fingerprint(mono, RATE))


def _take_all(
    files: Sequence[Path], progress: Progress | None, known: Iterable[str] = (), about: About = NOTHING
) -> tuple[list[Taken], list[tuple[str, str]]]:
    """Take every file that can be read; those that cannot are the second part of the answer, with the reason."""
    taken: list[Taken] = []
    unreadable: list[tuple[str, str]] = []
    ids = set(known)
    for number, path in enumerate(files, 1):
        try:
            one = take(path, about.get(path))
            taken.append(replace(one, recording=with_unique_id(one.recording, path, ids)))
            ids.add(taken[-1].recording.reference_id)
        except UnreadableError as error:
            unreadable.append((str(path), str(error)))
        if progress:
            progress(path, number, len(files))
    if not taken:
        raise RecordingsError("; ".join(["there is no recording to index", *(why for _, why in unreadable)]))
    return taken, unreadable


def with_unique_id(recording: Recording, path: Path, ids: set[str]) -> Recording:
    """Tell files of the same stem apart by their folders; an id that was given is never changed."""
    candidate = recording.reference_id
    if candidate == path.stem:
        for folder in path.resolve().parents:
            if candidate not in ids or not folder.name:
                break
            candidate = f"{folder.name}/{candidate}"
    if candidate in ids:
        raise RecordingsError(
            f"{path}: the index has a recording {candidate!r} already: "
            "remove it first, or give another id in a metadata table"
        )
    return replace(recording, reference_id=candidate)


def _finish(
    out: Path,
    manifest: Manifest,
    duplicates: Sequence[Duplicate] = (),
    unreadable: Sequence[tuple[str, str]] = (),
) -> IndexInfo:
    """Put the manifest in place, drop generations that nothing names any more, and sum up.

    Those of the manifest that is replaced stay until the next change: workers of a running job may still open them.
    """
    try:
        before = read_manifest(out, VERSION)[0].generations
    except IndexRefusedError:  # there is none yet, or it is of another version
        before = ()
    sha256 = write_manifest(out, manifest)
    named = {entry.name for entry in (*manifest.generations, *before)}
    for folder in (out / GENERATIONS).iterdir():
        if folder.name not in named:
            shutil.rmtree(folder, ignore_errors=True)
    index = open_index(out)
    seconds = sum(one.duration_ms for one in index.recordings) / 1000
    return IndexInfo(out, sha256, len(index), seconds, manifest.bytes, tuple(duplicates), tuple(unreadable))
