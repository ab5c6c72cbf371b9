"""What the tests of the rebuild share: uploads as records, and a group whose state goes through its stored form."""

from __future__ import annotations

import base64
import gzip
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

from streaming.chunk import DEFAULT_LIMITS, Chunk, Compression, Format
from streaming.open_upload import FinishedUpload, OpenUpload
from streaming.outcomes import Kind, Outcome
from streaming.rebuild import Arrival, Group, Rebuilder, RebuildLimits
from streaming.wire_legacy import encode_legacy
from streaming.wire_v1 import encode_v1
from udfs.track import Encoding

KEY = "alice/song.wav"
UPLOAD_ID = "00000000-0000-4000-8000-000000000001"


def make_chunks(
    data: bytes,
    size: int,
    upload_id: str = UPLOAD_ID,
    compression: Compression = Compression.NONE,
    count_on_all: bool = True,
) -> list[Chunk]:
    """Cut a track into the chunks of a v1 upload."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    chunks = []
    for index, piece in enumerate(pieces):
        payload = gzip.compress(piece, mtime=0) if compression is Compression.GZIP else piece
        last = index == len(pieces) - 1
        chunks.append(
            Chunk(
                upload_id=upload_id,
                format=Format.V1,
                index=index,
                count=len(pieces) if last or count_on_all else 0,
                encoding=Encoding.FILE,
                sample_rate=None,
                channels=None,
                compression=compression,
                payload=payload,
                crc32=zlib.crc32(payload),
                track_bytes=len(data) if last else None,
                track_sha256=sha256(data).hexdigest() if last else None,
            )
        )
    return chunks


def make_legacy_slices(samples: bytes, size: int) -> list[bytes]:
    """Cut a track into the records of a legacy upload."""
    stream = gzip.compress(base64.b64encode(samples), mtime=0)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    return [encode_legacy(index, "song", 44100, piece) for index, piece in enumerate(pieces)]


def altered(chunk: Chunk, **changes: Any) -> Chunk:
    """Change a chunk, keeping its CRC-32 right."""
    changed = replace(chunk, **changes)
    return replace(changed, crc32=zlib.crc32(changed.payload))


def arrive(records: Iterable[bytes | Chunk], first: int = 1, arrived_us: int = 1_000) -> list[Arrival]:
    """Give records consecutive sequence numbers and arrival times."""
    return [
        Arrival(
            encode_v1(record) if isinstance(record, Chunk) else record, "stream", f"{number:056d}", arrived_us + number
        )
        for number, record in enumerate(records, first)
    ]


@dataclass
class DictShelf:
    """A shelf in memory."""

    payloads: dict[int, bytes] = field(default_factory=dict)
    puts: int = 0
    takes: int = 0

    def put(self, payloads: Mapping[int, bytes]) -> None:
        self.puts += len(payloads)
        self.payloads |= payloads

    def take(self) -> dict[int, bytes]:
        self.takes += 1
        return dict(self.payloads)

    def clear(self) -> None:
        self.payloads.clear()


class Desk:
    """A group that is remembered between batches as the state store does it: as text."""

    def __init__(
        self,
        limits: RebuildLimits = RebuildLimits(),  # noqa: B008 - frozen
        key: str = KEY,
        starts_ms: tuple[int, ...] = (),
    ) -> None:
        self.rebuilder = Rebuilder(limits, DEFAULT_LIMITS, starts_ms)
        self.key = key
        self.shelf = DictShelf()
        self.upload: str | None = None
        self.finished: str | None = None
        self.now_ms = 1_000_000

    def batch(self, arrivals: Iterable[Arrival]) -> list[Outcome]:
        """Take one batch, a second after the last."""
        self.now_ms += 1_000
        with_group = self._recall()
        outcomes = list(self.rebuilder.rebuild(with_group, arrivals, self.shelf, self.now_ms))
        self._remember(with_group)
        return outcomes

    def expire(self, after_ms: int) -> list[Outcome]:
        """Let the timer go off."""
        self.now_ms += after_ms
        group = self._recall()
        outcomes = list(self.rebuilder.expire(group, self.shelf, self.now_ms))
        self._remember(group)
        return outcomes

    @property
    def timer_ms(self) -> int | None:
        return OpenUpload.from_text(self.upload).timer_ms if self.upload else None

    def _recall(self) -> Group:
        return Group(
            self.key,
            open=OpenUpload.from_text(self.upload) if self.upload else None,
            finished=FinishedUpload.from_text(self.finished) if self.finished else None,
            shelved=self.upload is not None,
        )

    def _remember(self, group: Group) -> None:
        if group.changed:
            self.upload = group.open.to_text() if group.open else None
        if group.ended and group.finished is not None:
            self.finished = group.finished.to_text()


def of_kind(outcomes: Iterable[Outcome], kind: Kind) -> list[Outcome]:
    """Pick outcomes of one kind."""
    return [outcome for outcome in outcomes if outcome.kind is kind]


def codes(outcomes: Iterable[Outcome]) -> list[str]:
    """Give the reasons of rejections."""
    return [outcome.facts["reason"] for outcome in of_kind(outcomes, Kind.REJECTION)]


def split(items: list[Any], cuts: Iterable[int]) -> Iterator[list[Any]]:
    """Split a list at positions."""
    edges = [0, *sorted(cuts), len(items)]
    for start, end in pairwise(edges):
        yield items[start:end]


def fresh_id() -> str:
    """Give an upload id that no other upload has."""
    return str(uuid.uuid4())
