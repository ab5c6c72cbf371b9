"""An index on disk: a manifest over a folder of immutable generations, and the checks before any of it is believed.

    INDEX/manifest.json                  what the index is made of: format, parameters, generations, removed recordings
    INDEX/generations/<name>/*.npy       arrays, memory-mapped by every worker of a host
    INDEX/generations/<name>/catalogue.jsonl   one line of metadata a recording

A generation is written once and never changed; adding writes another, removing writes a manifest that leaves a
recording out. The manifest names each file's length and SHA-256, so the manifest's own SHA-256 names the index.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

FORMAT = "soundgate-index"
MANIFEST = "manifest.json"
GENERATIONS = "generations"
ENDS = 4096  # bytes at either end of a file that opening compares ...
WHOLE = 1 << 24  # ... of an index that has more bytes than this; of others it reads all, in some ten milliseconds


class IndexRefusedError(ValueError):
    """An index that is not one, is of another version or not what its manifest says; the message says what to do."""


@dataclass(frozen=True)
class FileEntry:
    """What the manifest says of one file: `sha256` of all of it, `ends` of its first and last `ENDS` bytes."""

    bytes: int
    sha256: str
    ends: str


@dataclass(frozen=True)
class GenerationEntry:
    """One generation: its files, and the numbers of its recordings that have been removed since."""

    name: str
    recordings: int
    frames: int
    files: Mapping[str, FileEntry]
    removed: Sequence[int] = ()


@dataclass(frozen=True)
class Manifest:
    """What an index is made of. `fingerprint` is the version of the fingerprints in it."""

    fingerprint: int
    generations: Sequence[GenerationEntry] = field(default_factory=tuple)

    def encode(self) -> bytes:
        """Return the manifest as canonical JSON."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n").encode()

    @property
    def bytes(self) -> int:
        """Bytes of everything that the manifest names."""
        return sum(entry.bytes for generation in self.generations for entry in generation.files.values())


def read_manifest(folder: Path, version: int, pinned: bytes | None = None) -> tuple[Manifest, str]:
    """Read an index's manifest and its SHA-256, or take a `pinned` one that was read before.

    Raises
    ------
    IndexRefusedError
        When there is none, it is of something else, or of fingerprints of another version.
    """
    path = folder / MANIFEST
    try:
        data = path.read_bytes() if pinned is None else pinned
    except OSError as error:
        raise IndexRefusedError(f"{folder} is no index: {MANIFEST} cannot be read ({error.strerror})") from error
    try:
        value = json.loads(data)
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise IndexRefusedError(f"{path} is not the manifest of a soundgate index")
        if value["fingerprint"] != version:
            raise IndexRefusedError(
                f"{folder} holds fingerprints of version {value['fingerprint']}, this program reads version {version}: "
                "build it again with `soundgate index build`"
            )
        generations = tuple(
            GenerationEntry(
                str(g["name"]),
                int(g["recordings"]),
                int(g["frames"]),
                {str(name): FileEntry(int(f["bytes"]), f["sha256"], f["ends"]) for name, f in g["files"].items()},
                tuple(int(number) for number in g["removed"]),
            )
            for g in value["generations"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, IndexRefusedError):
            raise
        raise IndexRefusedError(f"{path} is damaged ({error}): build the index again") from error
    for generation in generations:
        for name in (generation.name, *generation.files):
            if Path(name).name != name or name in {"", ".", ".."}:
                raise IndexRefusedError(f"{path} names a file outside the index: {name!r}")
    return Manifest(version, generations), hashlib.sha256(data).hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Replace an index's manifest atomically; return its SHA-256."""
    data = manifest.encode()
    staged = folder / f".{MANIFEST}.{os.getpid()}"
    with staged.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(folder / MANIFEST)
    return hashlib.sha256(data).hexdigest()


def describe(path: Path) -> FileEntry:
    """Measure a file for the manifest."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(path.stat().st_size, digest, _ends(path))


def check_quickly(folder: Path, manifest: Manifest) -> None:
    """Compare each file with the manifest: all of a small index, of a larger one each file's length and both ends.

    Raises
    ------
    IndexRefusedError
        For a file that is missing, truncated or altered; in a large index, altered at either end.
    """
    whole = manifest.bytes <= WHOLE
    for path, entry in _files(folder, manifest):
        try:
            size = path.stat().st_size
        except OSError as error:
            raise IndexRefusedError(f"{path} is missing: build the index again") from error
        if size != entry.bytes:
            raise IndexRefusedError(f"{path} has {size} bytes, its manifest says {entry.bytes}: build the index again")
        if (describe(path).sha256 != entry.sha256) if whole else (_ends(path) != entry.ends):
            raise IndexRefusedError(f"{path} is not what its manifest says: build the index again")


def damaged_files(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, str]]:
    """Read every file whole and yield those that are not what the manifest says, with what is wrong."""
    for path, entry in _files(folder, manifest):
        if not path.is_file():
            yield path, "is missing"
        elif path.stat().st_size != entry.bytes:
            yield path, f"has {path.stat().st_size} bytes instead of {entry.bytes}"
        elif describe(path).sha256 != entry.sha256:
            yield path, "has other content than when the index was built"


def _files(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, FileEntry]]:
    for generation in manifest.generations:
        for name, entry in generation.files.items():
            yield folder / GENERATIONS / generation.name / name, entry


def _ends(path: Path) -> str:
    with path.open("rb") as file:
        first = file.read(ENDS)
        file.seek(max(0, path.stat().st_size - ENDS))
        return hashlib.sha256(first + file.read(ENDS)).hexdigest()
