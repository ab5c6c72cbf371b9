"""One recording of the catalogue, and what a source says of one; plain values."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from references.errors import RecordingsError
from references.metadata import FIELDS
from udfs.landmark_index import Recording

ABOUT = (*FIELDS[1:], "mbid")  # what people say of a recording: title, artist, isrc, licence, source, mbid
ISRC = re.compile("[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")  # ISO 3901: country, registrant, year and number
BY_HAND = "added"  # the origin of what `soundgate catalogue add` brought


class State(StrEnum):
    """What becomes of a recording in the index."""

    LISTED = "listed"  # it is to be known
    REFUSED = "refused"  # it cannot be: `problem` says why
    REMOVED = "removed"  # somebody took it out; no sync brings it back
    GONE = "gone"  # it left its source


@dataclass(frozen=True)
class Entry:
    """A recording.

    Parameters
    ----------
    reference_id
        What the index and the verdicts call it; unique.
    origin, origin_id, origin_version
        The source that it came from, its name there, and which state of it: another text = other bytes or texts.
    audio
        The file with its sound.
    content_sha256, bytes, duration_ms, quality
        Measured: the file's digest and length, the sound's, and its grade (`udfs.quality`).
    title, artist, isrc, licence, source, mbid
        What is said of it. ISRC and MusicBrainz id name the recording, `source` the page that a licence asks to name.
    by_hand
        Those of them that somebody set: no sync changes them.
    problem
        Why it is refused.
    """

    reference_id: str
    origin: str
    origin_id: str
    origin_version: str = ""
    audio: str = ""
    content_sha256: str = ""
    bytes: int = 0
    duration_ms: int = 0
    quality: str = ""
    title: str = ""
    artist: str = ""
    isrc: str = ""
    licence: str = ""
    source: str = ""
    mbid: str = ""
    by_hand: tuple[str, ...] = ()
    state: State = State.LISTED
    problem: str = ""
    added_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def about(self) -> dict[str, str]:
        """Give what the index keeps of it, by `references.metadata.FIELDS`."""
        return {name: getattr(self, name) for name in FIELDS}

    def told(self, about: Mapping[str, str]) -> Entry:
        """Take what its source says of it, less what somebody said otherwise."""
        told: dict[str, Any] = {name: about.get(name, "") for name in ABOUT if name not in self.by_hand}
        return replace(self, **told)

    def agrees(self, recording: Recording) -> bool:
        """Whether the index says the same of it."""
        return all(getattr(recording, name) == value for name, value in self.about().items())


@dataclass(frozen=True)
class Found:
    """A recording as a source lists it: its name there, which state of it, what is said of it, how long it is."""

    origin_id: str
    version: str
    about: Mapping[str, str] = field(default_factory=dict)
    duration_ms: int | None = None
    where: str = ""  # for the source alone: from where to fetch it


def choose_id(wanted: str, origin_id: str, taken: Iterable[str]) -> str:
    """Give a reference id that nobody has: the wanted one, with the names of its folders before it where needed."""
    ids = set(taken)
    chosen, number = wanted, 1
    for folder in PurePosixPath(origin_id).parents:
        if chosen not in ids or not folder.name:
            break
        chosen = f"{folder.name}/{chosen}"
    base = chosen
    while chosen in ids:
        number += 1
        chosen = f"{base} ({number})"
    return chosen


def check_said(said: Mapping[str, str]) -> dict[str, str]:
    """Bring the names that somebody gives a recording into their standards' form; what a source says stays as it is.

    Raises
    ------
    RecordingsError
        For an ISRC or a MusicBrainz id that can be none.
    """
    checked = dict(said)
    if isrc := checked.get("isrc"):
        checked["isrc"] = re.sub("[- ]", "", isrc).upper()
        if not ISRC.fullmatch(checked["isrc"]):
            raise RecordingsError(f"{isrc!r} is no ISRC: two letters, three letters or digits, seven digits")
    if mbid := checked.get("mbid"):
        try:
            checked["mbid"] = str(uuid.UUID(mbid))
        except ValueError as error:
            raise RecordingsError(f"{mbid!r} is no MusicBrainz id, which is a UUID") from error
    return checked
