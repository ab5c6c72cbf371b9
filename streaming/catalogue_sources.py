"""Where a catalogue's recordings come from, by the name that a user gives: a folder, a bucket, Freesound."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from botocore.exceptions import BotoCoreError, ClientError

from references.build import SUFFIXES
from references.catalogue.entry import Found
from references.catalogue.folder import FolderSource
from references.catalogue.freesound import KEY_VARIABLE, FreesoundSource
from references.catalogue.source import PAGE, Fetched, NotFetchedError, Page, Source, SourceError
from references.metadata import TABLES, read_metadata
from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.listing import check_place, find_object, list_files
from streaming.files.stored_file import S3, StoredFile, split_s3

FREESOUND = "freesound:"


def open_source(text: str, access: Access, api: str | None = None) -> Source:
    """Open what a user names: ``DIR``, ``s3://bucket/prefix`` or ``freesound:QUERY``.

    Parameters
    ----------
    text
        The name.
    access
        The way to S3.
    api
        Another service than freesound.org with its API.

    Raises
    ------
    UserError
        When it is none of these, or the key for Freesound is missing.
    """
    if text.startswith(FREESOUND):
        key = os.environ.get(KEY_VARIABLE)
        if not key:
            raise UserError(f"{text}: set {KEY_VARIABLE} to an API key (https://freesound.org/apiv2/apply)")
        return FreesoundSource(text.removeprefix(FREESOUND), key, api)
    place = check_place(text)
    return BucketSource(place, access) if place.startswith(S3) else FolderSource(Path(place))


class BucketSource:
    """All audio files below an S3 prefix, which are fetched; tables beside them are read as in a folder."""

    def __init__(self, place: str, access: Access) -> None:
        self._place = place
        self._access = access
        self._tables: dict[str, StoredFile] = {}

    @property
    def name(self) -> str:
        """Where it is."""
        return self._place

    def pages(self, start: int) -> Iterator[Page]:
        """List the objects in the order of their keys; always from the beginning."""
        files = list(list_files(self._place, self._access))
        self._tables = {file.name: file for file in files if PurePosixPath(file.name).name in TABLES}
        audio = [file for file in files if PurePosixPath(file.name).suffix.lower() in SUFFIXES]
        for number, first in enumerate(range(0, len(audio), PAGE), 1):
            yield Page(number, [self._describe(file) for file in audio[first : first + PAGE]])

    def fetch(self, found: Found, folder: Path) -> Fetched:
        """Get an object, and the table that lies beside it, which is what its own folder would hold."""
        parent = PurePosixPath(found.origin_id).parent
        beside = folder / hashlib.sha256(str(parent).encode()).hexdigest()[:16]
        beside.mkdir(exist_ok=True)
        for table in self._beside(parent):
            if not (beside / PurePosixPath(table.name).name).exists():
                self._get(table.name, beside)
        path = self._get(found.origin_id, beside)
        return Fetched(path, read_metadata(path), ours=True)

    def has(self, origin_id: str) -> bool:
        """Whether the object is there."""
        return find_object(self._place, origin_id, "", self._access) is not None

    def _describe(self, file: StoredFile) -> Found:
        tables = [table.version for table in self._beside(PurePosixPath(file.name).parent)]
        return Found(file.name, " ".join([file.version, *tables]))

    def _beside(self, parent: PurePosixPath) -> list[StoredFile]:
        names = [str(parent / name) for name in TABLES]
        return [self._tables[name] for name in names if name in self._tables]

    def _get(self, name: str, folder: Path) -> Path:
        bucket, key = split_s3(f"{self._place}/{name}")
        path = folder / PurePosixPath(name).name
        try:
            self._access.client("s3").download_file(bucket, key, str(path))
        except ClientError as error:
            raise NotFetchedError(f"{self._place}/{name}: {error}") from error
        except BotoCoreError as error:
            raise SourceError(f"{self._place}/{name}: {error}") from error
        return path
