"""A folder of recordings as a source; what is said of them is in tables beside them or their tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from references.build import audio_files
from references.catalogue.entry import Found
from references.catalogue.source import PAGE, Fetched, NotFetchedError, Page, SourceError
from references.metadata import TABLES, read_metadata


class FolderSource:
    """All audio files below a folder, which stay where they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    @property
    def name(self) -> str:
        """``folder:`` and where it is."""
        return f"folder:{self._folder}"

    def pages(self, start: int) -> Iterator[Page]:
        """List the files, sorted; always from the beginning."""
        if not self._folder.is_dir():
            raise SourceError(f"{self._folder}: there is no such folder")
        files = audio_files([self._folder])
        for number, first in enumerate(range(0, len(files), PAGE), 1):
            yield Page(number, [self._describe(path) for path in files[first : first + PAGE]])

    def fetch(self, found: Found, folder: Path) -> Fetched:
        """Read what is said of a file."""
        path = self._folder / found.origin_id
        if not path.is_file():
            raise NotFetchedError(f"{path}: it is gone")
        return Fetched(path, read_metadata(path), ours=False)

    def has(self, origin_id: str) -> bool:
        """Whether the file is there."""
        return (self._folder / origin_id).is_file()

    def _describe(self, path: Path) -> Found:
        """A table beside the file says what it is, so a change of the table is a change of the recording."""
        tables = [path.parent / name for name in TABLES]
        stamps = [one.stat() for one in (path, *tables) if one.is_file()]
        version = "-".join(f"{stat.st_size:x}.{stat.st_mtime_ns:x}" for stat in stamps)
        return Found(path.relative_to(self._folder).as_posix(), version)
