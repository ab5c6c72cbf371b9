"""What a catalogue is filled from, whatever it is: pages of recordings, each of which can be fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from references.catalogue.entry import Found
from references.errors import RecordingsError

PAGE = 100  # recordings that are written to the catalogue in one commit


class SourceError(RecordingsError):
    """A source that cannot be read now; what was taken from it stays, and the next sync goes on from there."""


class NotFetchedError(RecordingsError):
    """One recording that cannot be had; the others can."""


@dataclass(frozen=True)
class Page:
    """Some recordings, and the page's number, from which a sync that was stopped goes on."""

    number: int
    found: Sequence[Found]


@dataclass(frozen=True)
class Fetched:
    """A recording's file, and what is said of it. `ours` = the file was made for the catalogue, and is its to keep."""

    path: Path
    about: Mapping[str, str]
    ours: bool


class Source(Protocol):
    """A folder, a bucket, a service."""

    @property
    def name(self) -> str:
        """Its name, by which entries remember where they came from."""

    def pages(self, start: int) -> Iterator[Page]:
        """List its recordings, from a page on; raises `SourceError`."""

    def fetch(self, found: Found, folder: Path) -> Fetched:
        """Get one, into a folder if it is not on this machine; raises `NotFetchedError` or `SourceError`."""

    def has(self, origin_id: str) -> bool:
        """Whether it still has one that its pages no longer listed; raises `SourceError`."""
