"""Format v1: ``53 47 01`` and a `soundgate.v1.Chunk` message, parsed and encoded.

``chunk.proto`` beside this file is the format's specification.
"""

from __future__ import annotations

import uuid

from google.protobuf.message import DecodeError
from isal.isal_zlib import crc32

from streaming import chunk_pb2
from streaming.chunk import Buffer, Chunk, Compression, Format, WireLimits
from streaming.rejections import Code, Rejection, reject
from udfs.track import Encoding

MAGIC = b"SG"
VERSION = 1
HEADER = MAGIC + bytes([VERSION])
UPLOAD_ID_LENGTH = 16
ROUTE_PREFIX = HEADER + bytes([chunk_pb2.Chunk.UPLOAD_ID_FIELD_NUMBER << 3 | 2, UPLOAD_ID_LENGTH])  # 53 47 01 0A 10
UPLOAD_ID_OFFSET = len(ROUTE_PREFIX)

NIL = bytes(UPLOAD_ID_LENGTH)
ENCODINGS = {chunk_pb2.ENCODING_FILE: Encoding.FILE, chunk_pb2.ENCODING_F32LE: Encoding.F32LE}
COMPRESSIONS = {chunk_pb2.COMPRESSION_NONE: Compression.NONE, chunk_pb2.COMPRESSION_GZIP: Compression.GZIP}
ENCODING_NUMBERS = {value: number for number, value in ENCODINGS.items()}
COMPRESSION_NUMBERS = {value: number for number, value in COMPRESSIONS.items()}
SHA256_BYTES = 32

# Protobuf's wire types, for `_find_payload`.
VARINT, LENGTH_DELIMITED, FIXED_BYTES = 0, 2, {1: 8, 5: 4}
VARINT_BYTES = 10  # at most
MOST_FIELDS = 64


def route(head: Buffer) -> str:
    """Tell which upload a record belongs to from its first bytes.

    Parameters
    ----------
    head
        The record, or at least its first 64 bytes.

    Returns
    -------
    str
        The upload id as canonical UUID text; ``""`` for legacy records and whatever else is no v1 beginning.
    """
    end = UPLOAD_ID_OFFSET + UPLOAD_ID_LENGTH
    beginning = bytes(head[:end])
    if len(beginning) < end or not beginning.startswith(ROUTE_PREFIX):
        return ""
    text = beginning[UPLOAD_ID_OFFSET:].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def encode_v1(chunk: Chunk) -> bytes:
    """Encode a chunk as a v1 record; the inverse of `parse_v1`."""
    message = chunk_pb2.Chunk(
        upload_id=uuid.UUID(chunk.upload_id).bytes,
        index=chunk.index,
        count=chunk.count,
        encoding=ENCODING_NUMBERS[chunk.encoding],
        compression=COMPRESSION_NUMBERS[chunk.compression],
        sample_rate=chunk.sample_rate or 0,
        channels=chunk.channels or 0,
        payload=bytes(chunk.payload),
        crc32=chunk.crc32,
        track_bytes=chunk.track_bytes,
        track_sha256=None if chunk.track_sha256 is None else bytes.fromhex(chunk.track_sha256),
    )
    return HEADER + message.SerializeToString()


def parse_v1(data: Buffer, limits: WireLimits) -> Chunk | Rejection:
    """Parse a record that begins as v1; pure, never raises for what it holds."""
    upload_id = route(data)
    try:
        message, payload, payload_at = _open(data)
    except DecodeError:
        return reject(Code.PROTOBUF, upload_id=upload_id or None)
    fault = (
        _check_upload_id(message, upload_id)
        or _check_place(message, limits)
        or _check_encoding(message, limits)
        or _check_payload(message, payload, limits)
        or _check_digest(message, limits)
    )
    if fault is not None:
        code, detail = fault
        return reject(code, detail, upload_id or None)
    encoding = ENCODINGS[message.encoding]
    samples = encoding is Encoding.F32LE
    return Chunk(
        upload_id=upload_id,
        format=Format.V1,
        index=message.index,
        count=message.count,
        encoding=encoding,
        sample_rate=message.sample_rate if samples else None,
        channels=message.channels if samples else None,
        compression=COMPRESSIONS[message.compression],
        payload=payload,
        crc32=message.crc32,
        track_bytes=message.track_bytes if message.HasField("track_bytes") else None,
        track_sha256=message.track_sha256.hex() if message.HasField("track_sha256") else None,
        payload_at=payload_at,
    )


def _open(data: Buffer) -> tuple[chunk_pb2.Chunk, Buffer, int | None]:
    """Decode a record, its payload left where it lies.

    Decoding all of it would copy the payload four times, which costs more than everything else that is done with it.
    A message is its fields one after the other, so it says the same without the payload, and that apart.

    Returns
    -------
    message, payload, payload_at
        The message less its payload; the payload, and its offset in `data`. A message that no producer of ours writes
        is decoded whole; its payload is a copy, and its offset None.
    """
    field = _find_payload(data)
    if field is not None:
        start, payload_at, end = field
        message = chunk_pb2.Chunk.FromString(bytes(data[len(HEADER) : start]) + bytes(data[end:]))
        if not message.payload:
            return message, data[payload_at:end], payload_at
    message = chunk_pb2.Chunk.FromString(bytes(data[len(HEADER) :]))
    return message, message.payload, None


def _find_payload(data: Buffer) -> tuple[int, int, int] | None:
    """Find the one field that is the payload: where its tag is, its bytes begin and they end.

    None when there is not exactly one, when there are more than `MOST_FIELDS` fields, and when anything is odd.
    """
    position, found = len(HEADER), None
    for _ in range(MOST_FIELDS):
        if position >= len(data):
            break
        start = position
        tag, position = _read_varint(data, position)
        if tag & 7 == LENGTH_DELIMITED:
            length, position = _read_varint(data, position)
            if tag >> 3 == chunk_pb2.Chunk.PAYLOAD_FIELD_NUMBER:
                if found is not None:
                    return None
                found = start, position, position + length
            position += length
        elif tag & 7 == VARINT:
            _, position = _read_varint(data, position)
        else:
            position += FIXED_BYTES.get(tag & 7, len(data))
    return found if position == len(data) else None


def _read_varint(data: Buffer, position: int) -> tuple[int, int]:
    """Read a base-128 varint; gives it and where it ends."""
    value = 0
    for index, byte in enumerate(data[position : position + VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    return value, len(data) + 1


Fault = tuple[Code, str] | None


def _check_upload_id(message: chunk_pb2.Chunk, routed: str) -> Fault:
    given = message.upload_id
    if len(given) != UPLOAD_ID_LENGTH or given == NIL:
        return Code.UPLOAD_ID, f"It has {len(given)} bytes." if given != NIL else "It is nil."
    if routed != str(uuid.UUID(bytes=given)):
        return Code.UPLOAD_ID_NOT_FIRST, ""
    return None


def _check_place(message: chunk_pb2.Chunk, limits: WireLimits) -> Fault:
    index, count = message.index, message.count
    if not 0 <= index < limits.max_chunks:
        return Code.INDEX, f"It is {index}, of 0..{limits.max_chunks - 1}."
    if not 0 <= count <= limits.max_chunks:
        return Code.COUNT, f"It is {count}, of 0..{limits.max_chunks}."
    if count and index >= count:
        return Code.INDEX_BEYOND_COUNT, f"Index {index} of {count} chunks."
    return None


def _check_encoding(message: chunk_pb2.Chunk, limits: WireLimits) -> Fault:
    if message.encoding not in ENCODINGS:
        return Code.ENCODING, f"It is {message.encoding}."
    if message.compression not in COMPRESSIONS:
        return Code.COMPRESSION, f"It is {message.compression}."
    # A file's own header counts, yet an absurd claim beside it is still a broken producer, better told than ignored.
    rate, channels = message.sample_rate, message.channels
    needed = ENCODINGS[message.encoding] is Encoding.F32LE
    if (needed or rate) and not limits.min_sample_rate <= rate <= limits.max_sample_rate:
        return Code.SAMPLE_RATE, f"It is {rate}, of {limits.min_sample_rate}..{limits.max_sample_rate}."
    if (needed or channels) and not 1 <= channels <= limits.max_channels:
        return Code.CHANNELS, f"It is {channels}, of 1..{limits.max_channels}."
    return None


def _check_payload(message: chunk_pb2.Chunk, payload: Buffer, limits: WireLimits) -> Fault:
    if not payload:
        return Code.EMPTY_PAYLOAD, ""
    if len(payload) > limits.max_payload_bytes:
        return Code.PAYLOAD_TOO_LARGE, f"It has {len(payload)} bytes, of at most {limits.max_payload_bytes}."
    if not message.HasField("crc32"):
        return Code.CRC32, "It is missing."
    found = crc32(payload)
    if found != message.crc32:
        return Code.CRC32, f"The record says {message.crc32:08x}, its payload has {found:08x}."
    return None


def _check_digest(message: chunk_pb2.Chunk, limits: WireLimits) -> Fault:
    has_bytes, has_sha = message.HasField("track_bytes"), message.HasField("track_sha256")
    last = message.count > 0 and message.index == message.count - 1
    if has_bytes != last or has_sha != last:
        place = "the last" if last else "not known to be the last"
        parts = f"length {'given' if has_bytes else 'missing'}, SHA-256 {'given' if has_sha else 'missing'}"
        return Code.TRACK_DIGEST, f"This chunk is {place}: {parts}."
    if not last:
        return None
    if not 0 < message.track_bytes <= limits.max_track_bytes:
        return Code.TRACK_DIGEST, f"The length is {message.track_bytes}, of 1..{limits.max_track_bytes}."
    if len(message.track_sha256) != SHA256_BYTES:
        return Code.TRACK_DIGEST, f"The SHA-256 has {len(message.track_sha256)} bytes."
    return None
