"""What is remembered of an upload between batches: while it is open, and after its verdict."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from streaming.arrival import Place, SpooledChunk
from streaming.chunk import Format

STATE_VERSION = 2
MOST_EARLIER = 16  # legacy uploads of a key whose beginning is remembered, beside the last one
SEEN = struct.Struct("<IQ")  # chunk index, digest of its payload


@dataclass
class OpenUpload:
    """An upload without verdict: everything that is known of it but the payloads.

    `seen` maps chunk index to the digest of its payload. Times end in their unit: `_ms` is processing time,
    `_us` the records' arrival, both since the epoch. Nothing of it lies in the spool before the batch `opened_batch`.
    """

    upload_id: str
    format: str
    encoding: str
    compression: str
    sample_rate: int | None
    channels: int | None
    name: str
    stream: str
    first: Place
    last: Place
    opened_batch: int
    opened_ms: int
    active_ms: int
    timer_ms: int = 0
    count: int = 0
    track_bytes: int | None = None
    track_sha256: str | None = None
    carried_bytes: int = 0
    duplicates: int = 0
    top: int = -1  # the highest index seen
    may_end: bool = False  # legacy: whether the stream can end with the slice `top`
    tries: int = 0  # legacy: how often it was inflated without an end
    seen: dict[int, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, chunk: SpooledChunk, upload_id: str, stream: str, place: Place, now_ms: int) -> OpenUpload:
        """Open an upload with its first chunk's description; the chunk itself is not yet in it."""
        return cls(
            upload_id=upload_id,
            format=chunk.format,
            encoding=chunk.encoding,
            compression=chunk.compression,
            sample_rate=chunk.sample_rate,
            channels=chunk.channels,
            name=chunk.name,
            stream=stream,
            first=place,
            last=place,
            opened_batch=chunk.payload.batch,
            opened_ms=now_ms,
            active_ms=now_ms,
        )

    @property
    def legacy(self) -> bool:
        """Whether it came in the format without count and checksum."""
        return self.format == Format.LEGACY

    @property
    def received(self) -> int:
        """How many different chunks are here."""
        return len(self.seen)

    @property
    def whole(self) -> bool:
        """Whether every chunk is here; never so for legacy, where only inflating tells."""
        return self.count > 0 and self.received == self.count

    @property
    def may_be_whole(self) -> bool:
        """Whether inflating a legacy upload is worth a try: no gap from 0 on, and a last slice that can be the last."""
        return self.may_end and self.received == self.top + 1

    def missing(self, most: int) -> list[tuple[int, int | None]]:
        """List the index ranges (first, last) that are not here, both inclusive.

        The last one is open (last = None) while the count is unknown. At most `most` are listed; the last of them
        then reaches to the last missing chunk.
        """
        ranges: list[tuple[int, int | None]] = []
        expected = 0
        for index in sorted(self.seen):
            if index > expected:
                ranges.append((expected, index - 1))
            expected = index + 1
        if self.count == 0:
            ranges.append((expected, None))
        elif expected < self.count:
            ranges.append((expected, self.count - 1))
        return [*ranges[: most - 1], (ranges[most - 1][0], ranges[-1][1])] if len(ranges) > most else ranges

    def to_text(self) -> str:
        """Write the state value."""
        return json.dumps({"v": STATE_VERSION, **asdict(self), "seen": _pack(self.seen)}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> OpenUpload:
        """Read a state value."""
        values = _read(text)
        first, last = values.pop("first"), values.pop("last")
        return cls(**{**values, "seen": _unpack(values["seen"]), "first": tuple(first), "last": tuple(last)})


@dataclass(frozen=True)
class FinishedUpload:
    """The marker that a finished upload leaves, so that late chunks do not open it again.

    For legacy, whose key may carry the next upload, `seen` (index -> digest) tells its late duplicates from that one,
    and `earlier`, the digests of slice 0 of the few uploads before it, keeps a copy of one from opening it again.
    """

    upload_id: str
    seen: Mapping[int, int]
    earlier: tuple[int, ...] = ()

    @classmethod
    def of(cls, upload: OpenUpload, before: FinishedUpload | None) -> FinishedUpload:
        """Keep what the marker needs of an upload, and of the marker that it replaces."""
        if not upload.legacy:
            return cls(upload.upload_id, {})
        earlier = (*before.earlier, *([before.seen[0]] if 0 in before.seen else [])) if before else ()
        return cls(upload.upload_id, upload.seen, earlier[-MOST_EARLIER:])

    def to_text(self) -> str:
        """Write the state value."""
        said = {"v": STATE_VERSION, "upload_id": self.upload_id, "seen": _pack(self.seen)}
        return json.dumps({**said, "earlier": self.earlier} if self.earlier else said)

    @classmethod
    def from_text(cls, text: str) -> FinishedUpload:
        """Read a state value."""
        values = _read(text)
        return cls(values["upload_id"], _unpack(values["seen"]), tuple(values.get("earlier", ())))


def _read(text: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(text)
    version = values.pop("v", None)
    if version != STATE_VERSION:
        raise ValueError(
            f"the checkpoint's state has version {version}, this release reads {STATE_VERSION}: finish with the "
            "release that wrote it (run --drain), then start this one with a new checkpoint"
        )
    return values


def _pack(seen: Mapping[int, int]) -> str:
    """Write indices and digests as base64 text: a binary state value is pickled byte by byte in the JVM."""
    return base64.b64encode(b"".join(SEEN.pack(index, digest) for index, digest in seen.items())).decode("ascii")


def _unpack(text: str) -> dict[int, int]:
    return dict(SEEN.iter_unpack(base64.b64decode(text)))
