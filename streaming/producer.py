"""Track or file -> chunk records, in both formats; pure but for reading the file.

One upload is one generator of records in order; `interleave` mixes several, as simultaneous users would, so that no
single partition key has to carry the whole stream for long.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from isal.isal_zlib import crc32

from streaming.chunk import KIB, Chunk, Compression, Format
from streaming.wire_legacy import LEGACY_CHANNELS, SLICE_BYTES, encode_legacy
from streaming.wire_v1 import encode_v1
from udfs.track import Encoding, Track

CHUNK_BYTES = 256 * KIB
OPEN_UPLOADS = 8  # uploads that are interleaved; each holds one chunk in memory, or one track where it is decoded
GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Record:
    """What goes into a stream: the bytes, and the key that chooses their shard."""

    partition_key: str
    data: bytes

    @property
    def size(self) -> int:
        """Bytes of data and key together, which is what Kinesis counts."""
        return len(self.data) + len(self.partition_key.encode())


@dataclass(frozen=True, slots=True)
class Header:
    """What all the chunks of one v1 upload say alike; rate (Hz) and channels are for F32LE only."""

    upload_id: str
    partition_key: str
    encoding: Encoding = Encoding.FILE
    sample_rate: int | None = None
    channels: int | None = None
    compression: Compression = Compression.NONE


class FileChangedError(Exception):
    """A file's length changed while it was read, so that its chunks are no track."""


def new_upload_id() -> str:
    """Give a fresh upload id, a random UUID."""
    return str(uuid.uuid4())


def track_records(
    track: Track,
    partition_key: str,
    upload_id: str,
    chunk_bytes: int = CHUNK_BYTES,
    compression: Compression = Compression.NONE,
) -> Iterator[Record]:
    """Cut a track into v1 records; raises ValueError for an empty track, which no chunk can carry."""
    header = Header(upload_id, partition_key, track.encoding, track.sample_rate, track.channels, compression)
    starts = range(0, len(track.data), chunk_bytes)
    pieces = (track.data[start : start + chunk_bytes] for start in starts)
    return encode_pieces(pieces, len(track.data), chunk_bytes, header)


def file_records(path: Path, header: Header, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Record]:
    """Cut a file into v1 records, reading a chunk at a time.

    Raises
    ------
    ValueError
        For an empty file.
    FileChangedError
        When the file grows or shrinks meanwhile.
    OSError
        As reading does.
    """
    length = path.stat().st_size
    return encode_pieces(_read_pieces(path, chunk_bytes), length, chunk_bytes, header)


def encode_pieces(pieces: Iterable[bytes], length: int, chunk_bytes: int, header: Header) -> Iterator[Record]:
    """Encode consecutive pieces of a track of `length` bytes, each `chunk_bytes` long but the last."""
    if length <= 0:
        raise ValueError("an empty track has no chunk that could carry it")
    return _encode_pieces(pieces, length, -(-length // chunk_bytes), header)


def _encode_pieces(pieces: Iterable[bytes], length: int, count: int, header: Header) -> Iterator[Record]:
    sha256, total = hashlib.sha256(), 0
    waiting = iter(pieces)
    for index, piece in enumerate(waiting):
        sha256.update(piece)
        total += len(piece)
        last = index == count - 1
        # Checked before the last chunk goes out, so that a changed file never looks whole.
        if total > length or (last and (total != length or next(waiting, b""))):
            raise FileChangedError(f"it had {length} bytes when it was opened and has another length now")
        payload = gzip_member(piece) if header.compression is Compression.GZIP else piece
        chunk = Chunk(
            upload_id=header.upload_id,
            format=Format.V1,
            index=index,
            count=count,
            encoding=header.encoding,
            sample_rate=header.sample_rate,
            channels=header.channels,
            compression=header.compression,
            payload=payload,
            crc32=crc32(payload),
            track_bytes=total if last else None,
            track_sha256=sha256.hexdigest() if last else None,
        )
        yield Record(header.partition_key, encode_v1(chunk))
    if total != length:
        raise FileChangedError(f"it had {length} bytes when it was opened and only {total} could be read")


def legacy_records(track: Track, partition_key: str) -> Iterator[Record]:
    """Cut samples into legacy records, as the system before did.

    Parameters
    ----------
    track
        Mono F32LE samples; `track.name` becomes the Track Name.

    Raises
    ------
    ValueError
        For a track that the legacy format cannot say: not F32LE, not mono, or empty.
    """
    if track.encoding is not Encoding.F32LE or track.channels != LEGACY_CHANNELS or not track.data:
        raise ValueError("the legacy format carries mono F32LE samples, at least one")
    assert track.sample_rate is not None  # noqa: S101 (held by Track)
    return _legacy_records(track, track.sample_rate, partition_key)


def _legacy_records(track: Track, sample_rate: int, partition_key: str) -> Iterator[Record]:
    stream = gzip_member(base64.b64encode(track.data))
    for index, start in enumerate(range(0, len(stream), SLICE_BYTES)):
        piece = stream[start : start + SLICE_BYTES]
        yield Record(partition_key, encode_legacy(index, track.name, sample_rate, piece))


def gzip_member(data: bytes) -> bytes:
    """Compress to one gzip member without name or time, so that equal data gives equal bytes."""
    return zlib.compress(data, GZIP_LEVEL, wbits=16 + zlib.MAX_WBITS)


def interleave(uploads: Iterable[Iterator[Record]], width: int = OPEN_UPLOADS) -> Iterator[Record]:
    """Take records from up to `width` uploads in turn, each upload's own in order."""
    waiting, open_uploads = iter(uploads), deque[Iterator[Record]]()
    while True:
        while len(open_uploads) < width and (upload := next(waiting, None)) is not None:
            open_uploads.append(upload)
        if not open_uploads:
            return
        upload = open_uploads.popleft()
        if (record := next(upload, None)) is not None:
            yield record
            open_uploads.append(upload)


def batches(records: Iterable[Record], max_records: int, max_bytes: int) -> Iterator[list[Record]]:
    """Gather records, in order, into batches within both bounds; one larger than `max_bytes` goes alone."""
    batch: list[Record] = []
    size = 0
    for record in records:
        if batch and (len(batch) >= max_records or size + record.size > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += record.size
    if batch:
        yield batch


def _read_pieces(path: Path, chunk_bytes: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(chunk_bytes):
            yield piece
