"""A record as the rebuild sees it: what it says and where its bytes lie, or why it cannot be used. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from xxhash import xxh3_64_intdigest

from streaming.chunk import Buffer, Chunk, Format
from streaming.rejections import Rejection
from streaming.spool import Piece

Place = tuple[int, int, str]  # arrival in epoch microseconds, digits of the sequence number, and it itself: sortable
TAIL = 4  # bytes at a legacy slice's end that tell whether the upload can end there


def digest_payload(payload: Buffer) -> int:
    """Give 64 bits that tell a duplicate from a conflict without the bytes themselves.

    XXH3, since it costs a fortieth of SHA-256. Who sends an upload can make two payloads that it takes for one; the
    first of them stays, as it would otherwise, and the track's own SHA-256 decides.
    """
    return xxh3_64_intdigest(payload)


@dataclass(frozen=True, slots=True)
class SpooledChunk:
    """A chunk whose payload lies in the spool; the names are those of `streaming.chunk.Chunk`."""

    upload_id: str
    format: str
    index: int
    count: int
    encoding: str
    sample_rate: int | None
    channels: int | None
    compression: str
    payload: Piece
    record: Piece  # the whole record, in case that it has to be rejected
    digest: int
    tail: str = ""  # legacy: the payload's last bytes, as hex
    track_bytes: int | None = None
    track_sha256: str | None = None
    name: str = ""

    @classmethod
    def of(cls, chunk: Chunk, payload: Piece, record: Piece) -> SpooledChunk:
        """Take over what a chunk says, with its payload's and its record's place."""
        said = {name: getattr(chunk, name) for name in SAID}
        tail = bytes(chunk.payload[-TAIL:]).hex() if chunk.format is Format.LEGACY else ""
        return cls(**said, payload=payload, record=record, digest=digest_payload(chunk.payload), tail=tail)


CHUNK_NAMES = tuple(each.name for each in fields(SpooledChunk))
SAID = tuple(set(CHUNK_NAMES) & set(Chunk.__slots__) - {"payload"})


@dataclass(frozen=True, slots=True)
class Unusable:
    """A record that is rejected whatever else comes: the reason, and what a row of ``rejections`` says of its bytes."""

    reason: str
    message: str
    upload_id: str | None
    data_length: int
    data_sha256: str

    @classmethod
    def of(cls, rejection: Rejection, data: Buffer) -> Unusable:
        """Describe a record that cannot be used."""
        digest = hashlib.sha256(data).hexdigest()
        return cls(rejection.code, rejection.message, rejection.upload_id, len(data), digest)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record of a group, with its provenance; `head` is the beginning of an unusable one's bytes, else None."""

    content: SpooledChunk | Unusable
    head: bytes | None
    stream: str
    sequence_number: str
    arrived_us: int

    @property
    def place(self) -> Place:
        """Where it stands in the order that records are taken in."""
        return (self.arrived_us, len(self.sequence_number), self.sequence_number)


def write_content(content: SpooledChunk | Unusable) -> str:
    """Write a record's content as the JSON text that travels through Spark."""
    if isinstance(content, Unusable):
        return _to_json(asdict(content))
    said = {name: getattr(content, name) for name in CHUNK_NAMES}  # `asdict` copies deeply, at ten times the cost
    return _to_json({**said, "payload": _place(content.payload), "record": _place(content.record)})


def read_content(text: str) -> SpooledChunk | Unusable:
    """Read what `write_content` wrote."""
    values: dict[str, Any] = json.loads(text)
    if "reason" in values:
        return Unusable(**values)
    return SpooledChunk(**{**values, "payload": Piece(*values["payload"]), "record": Piece(*values["record"])})


def _place(piece: Piece) -> tuple[str, int, int]:
    return piece.file, piece.start, piece.length


_to_json = json.JSONEncoder(separators=(",", ":")).encode
