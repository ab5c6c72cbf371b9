"""A stored file as a plain value: where it lies, which version of it, and what a verdict calls it. Pure.

A version is told by what a store says of a file without its being read: S3's ETag, size and time of the last change; of
a local file the size and the times of the last change of its content and of its entry. The content alone is not enough:
an ETag is an MD5 as a rule, and two files with the same one can be made.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from streaming.errors import UserError
from udfs.track import Encoding

S3 = "s3://"
NAMESPACE = uuid.UUID("c3a9b7f2-54f0-5c0e-8b43-0a1d7f5a9e62")
REPORT_SUFFIX = ".soundgate.json"
PITCH_SUFFIX = ".soundgate.pitch.csv"
OWN_SUFFIXES = (REPORT_SUFFIX, PITCH_SUFFIX)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One version of a file in a store.

    Parameters
    ----------
    place
        What was given to be judged: an absolute folder, or ``s3://bucket`` or ``s3://bucket/prefix``.
    name
        The file's name under the place, as it is; of a local file it may hold bytes that are no UTF-8, as Python says
        them (surrogateescape).
    size
        Bytes.
    modified_us
        Time of the last change, microseconds since the epoch; of an object whole seconds, which is all that S3 says.
    etag
        S3's, without quotes; of a local file the time of the last change of its entry.
    version_id
        Of an object of a versioned bucket, where it is known; else "".
    """

    place: str
    name: str
    size: int
    modified_us: int
    etag: str
    version_id: str = ""

    @property
    def location(self) -> str:
        """Where it is, whatever place it was found through."""
        return f"{self.place}/{self.name}"

    @property
    def version(self) -> str:
        """Which version it is; another one of the same file has another."""
        return f"{self.etag}-{self.size}-{self.modified_us}"

    @property
    def upload_id(self) -> str:
        """Name the version: a UUIDv5 of where it is and which it is, so that whoever finds it gives the same."""
        return str(uuid.uuid5(NAMESPACE, f"{quote(self.location, errors='surrogateescape')} {self.version}"))

    @property
    def shown_name(self) -> str:
        """Its name as text for tables: bytes that are no UTF-8 become U+FFFD."""
        return self.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    def facts(self) -> dict[str, Any]:
        """Give what is known of it (`streaming.schemas.FACTS`), as the rebuild gives it of an upload."""
        return {
            "upload_id": self.upload_id,
            "recipe": self.to_text(),
            "encoding": Encoding.FILE.value,
            "stream": self.place.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
            "first_sequence_number": self.version,
            "last_sequence_number": self.version,
            "first_arrival_us": self.modified_us,
            "last_arrival_us": self.modified_us,
        }

    def to_text(self) -> str:
        """Write it as JSON in ASCII, which carries any name."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> StoredFile:
        """Read what `to_text` wrote."""
        return cls(**json.loads(text))


def split_s3(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key; the key is "" for a whole bucket."""
    bucket, _, key = uri.removeprefix(S3).partition("/")
    return bucket, key


def root_of(place: str) -> str:
    """Give what all places that can hold the same files begin with: the bucket, or the file system."""
    return f"{S3}{split_s3(place)[0]}" if place.startswith(S3) else "/"


def find_place(places: Sequence[str], location: str) -> tuple[str, str] | None:
    """Say which of the places a location lies under, the deepest one, and its name there; None = under none."""
    under = [place for place in places if location.startswith(f"{place}/")]
    if not under:
        return None
    place = max(under, key=len)
    return place, location[len(place) + 1 :]


def is_own(name: str) -> bool:
    """Whether a file is named as what is written beside judged files."""
    return name.endswith(OWN_SUFFIXES)


def check_s3_place(uri: str) -> str:
    """Give an S3 place without its closing slashes; raises `UserError` where it names no bucket."""
    place = uri.rstrip("/")
    if not split_s3(place)[0] or place == S3.rstrip("/"):
        raise UserError(f"{uri}: it names no bucket; write s3://bucket or s3://bucket/prefix")
    return place
