"""What the tests of the rebuild share: uploads as records, and a group whose state goes through its stored form."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

from streaming.arrival import Arrival, read_content
from streaming.assemble import Assembler
from streaming.chunk import DEFAULT_LIMITS, Buffer, Chunk, Compression, Format
from streaming.intake import Intake
from streaming.open_upload import FinishedUpload, OpenUpload
from streaming.outcomes import Kind, Outcome
from streaming.places import Folder, Range
from streaming.rebuild import Group, Rebuilder, RebuildLimits
from streaming.spool import Piece, Spool
from streaming.wire_legacy import encode_legacy
from streaming.wire_v1 import encode_v1
from udfs.errors import NoTrackError
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


@dataclass(frozen=True)
class Record:
    """A record of the group as a source gives it."""

    data: bytes
    sequence_number: str
    arrived_us: int


def arrive(records: Iterable[bytes | Chunk], first: int = 1, arrived_us: int = 1_000) -> list[Record]:
    """Give records consecutive sequence numbers and arrival times."""
    return [
        Record(encode_v1(record) if isinstance(record, Chunk) else record, f"{number:056d}", arrived_us + number)
        for number, record in enumerate(records, first)
    ]


class MemoryPlace(Folder):
    """A place in memory, for tests that write thousands of files."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.files: dict[str, bytes] = {}

    def write_parts(self, name: str, parts: Sequence[memoryview]) -> None:
        self.files[name] = b"".join(parts)

    def read_ranges(self, name: str, ranges: Sequence[Range]) -> list[Buffer]:
        if name not in self.files:
            raise FileNotFoundError(name)
        return [self.files[name][start : start + length] for start, length in ranges]


@dataclass
class DictShelf:
    """A shelf in memory."""

    payloads: dict[int, Piece] = field(default_factory=dict)
    puts: int = 0
    takes: int = 0

    def put(self, payloads: Mapping[int, Piece]) -> None:
        assert payloads
        assert not payloads.keys() & self.payloads.keys()
        self.puts += len(payloads)
        self.payloads |= payloads

    def take(self) -> dict[int, Piece]:
        self.takes += 1
        return dict(self.payloads)

    def clear(self) -> None:
        self.payloads.clear()


class Desk:
    """A group that is remembered between batches as the state store does it: as text.

    Records go through the intake and its spool; tracks are put together as before they are judged.
    """

    def __init__(
        self,
        limits: RebuildLimits = RebuildLimits(),  # noqa: B008 - frozen
        key: str = KEY,
        starts_ms: tuple[int, ...] = (),
    ) -> None:
        self.limits = limits
        self.place = MemoryPlace()
        self.spool = Spool(self.place)
        self.rebuilder = Rebuilder(limits, self.spool.read, starts_ms)
        self.batches = 0
        self.key = key
        self.shelf = DictShelf()
        self.upload: str | None = None
        self.finished: str | None = None
        self.now_ms = 1_000_000

    def take_over(self, before: Desk) -> None:
        """Go on from what another desk's group remembers."""
        self.upload, self.shelf, self.now_ms = before.upload, before.shelf, before.now_ms
        self.batches, self.place.files = before.batches, before.place.files

    def batch(self, records: Sequence[Record]) -> list[Outcome]:
        """Take one batch, a second after the last."""
        self.now_ms += 1_000
        group = self._recall()
        outcomes = list(self.rebuilder.rebuild(group, self.take_in(records), self.shelf, self.now_ms))
        self._remember(group)
        self.batches += 1
        return [self._assemble(outcome) for outcome in outcomes]

    def take_in(self, records: Sequence[Record]) -> list[Arrival]:
        """Let the intake have the records, and read what it gives."""
        intake = Intake(self.spool, lambda: self.batches, DEFAULT_LIMITS, self.limits.rejected_bytes)
        same = {"partition_key": self.key, "upload_id": "", "stream": "stream"}
        (taken,) = intake([pa.RecordBatch.from_pylist([{**same, **asdict(record)} for record in records])])
        names = ("content", "head", "stream", "sequence_number", "arrived_us")
        rows = zip(*(taken.column(name).to_pylist() for name in names), strict=True)
        return [Arrival(read_content(content), *row) for content, *row in rows]

    def _assemble(self, outcome: Outcome) -> Outcome:
        """Do with a track what happens before it is judged."""
        if outcome.kind is not Kind.TRACK:
            return outcome
        facts = {name: value for name, value in outcome.facts.items() if name != "recipe"}
        try:
            data = Assembler(self.spool.read, self.limits.max_upload_bytes)(outcome.facts["recipe"])
        except NoTrackError as error:
            facts |= {"missing": [], "decision": error.decision, "reason": error.code}
            return Outcome(Kind.VERDICT, None, facts)
        return replace(outcome, data=data, facts=facts)

    def expire(self, after_ms: int) -> list[Outcome]:
        """Let the timer go off."""
        self.now_ms += after_ms
        group = self._recall()
        outcomes = list(self.rebuilder.expire(group, self.shelf, self.now_ms))
        self._remember(group)
        return [self._assemble(outcome) for outcome in outcomes]

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
