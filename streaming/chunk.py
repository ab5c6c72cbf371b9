"""One chunk of an upload as a plain value, and the limits that every chunk keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from udfs.track import Encoding

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

Buffer = bytes | memoryview  # a record is a quarter of a megabyte: whoever can look at it in place makes no copy


class Format(StrEnum):
    """Which of the two record formats carried a chunk."""

    V1 = "v1"
    LEGACY = "legacy"


class Compression(StrEnum):
    """How a payload is compressed on its way."""

    NONE = "NONE"
    GZIP = "GZIP"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One well-formed chunk.

    `format` says how payloads join: in v1 each GZIP payload is a gzip member of its own, while legacy payloads are
    slices of one gzip stream of base64 text of mono float32 samples.
    """

    upload_id: str  # canonical UUID text; "" for legacy, whose records name no upload
    format: Format
    index: int
    count: int  # 0 = not known yet
    encoding: Encoding
    sample_rate: int | None  # Hz; None for FILE
    channels: int | None  # None for FILE
    compression: Compression
    payload: Buffer  # as carried
    crc32: int  # of the payload as carried
    track_bytes: int | None = None  # the whole track's length and SHA-256 (lower-case hex), from the last chunk
    track_sha256: str | None = None
    name: str = ""  # legacy Track Name, for people to read; v1 has its name in the partition key alone
    payload_at: int | None = field(default=None, compare=False)  # where its record carries the payload just as it is


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What a record may claim before it is absurd. The caps of a whole upload are the rebuild's."""

    max_record_bytes: int = 10 * MIB  # the largest record that Kinesis carries
    max_legacy_record_bytes: int = 1 * MIB  # JSON costs many times its length in memory while it is parsed
    max_payload_bytes: int = 10 * MIB
    max_chunks: int = 100_000
    min_sample_rate: int = 1_000
    max_sample_rate: int = 768_000
    max_channels: int = 64
    max_track_bytes: int = 1 * GIB
    max_key_characters: int = 256  # Kinesis' own limit
    max_name_characters: int = 1_024


DEFAULT_LIMITS = WireLimits()
