"""The legacy format, from the system this one replaces: a JSON object with one label.

``{"<i>": {"Track Name": str, "Sample Rate": Hz, "Wave": base64}}``, where Wave is slice i (275,000 bytes; the last is
shorter) of gzip(base64(mono little-endian float32 samples)). There is no count, no checksum and no upload id: it is
complete when its contiguous slices from 0 inflate to the end of the gzip stream (`streaming.inflate.LegacyInflater`).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from typing import Any, NoReturn

from isal.isal_zlib import crc32

from streaming.chunk import Chunk, Compression, Format, WireLimits
from streaming.rejections import Code, Rejection, reject
from udfs.track import Encoding

SLICE_BYTES = 275_000
NAME, RATE, WAVE = "Track Name", "Sample Rate", "Wave"
LEGACY_CHANNELS = 1

LABEL = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
LEGACY_NAMESPACE = uuid.UUID("2f6a3d0c-7a54-5d0e-9d0b-5b1f6f8c1e70")


def legacy_upload_id(partition_key: str, first_sequence_number: str) -> str:
    """Name a legacy upload: the UUIDv5 of its partition key and the first sequence number seen."""
    return str(uuid.uuid5(LEGACY_NAMESPACE, f"{first_sequence_number} {partition_key}"))


def encode_legacy(index: int, name: str, sample_rate: int, piece: bytes) -> bytes:
    """Encode slice `index` of a track's gzip stream as a legacy record; the inverse of `parse_legacy`."""
    body = {NAME: name, RATE: sample_rate, WAVE: base64.b64encode(piece).decode("ascii")}
    return json.dumps({str(index): body}, ensure_ascii=False).encode()


def parse_legacy(data: bytes, limits: WireLimits) -> Chunk | Rejection:
    """Parse a record that begins as a JSON object; pure, never raises for what it holds."""
    if len(data) > limits.max_legacy_record_bytes:
        found = f"It has {len(data)} bytes, of at most {limits.max_legacy_record_bytes}."
        return reject(Code.RECORD_TOO_LARGE, found)
    try:
        record = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        return reject(Code.JSON, "It is nested too deeply.")
    except ValueError as error:  # also UnicodeDecodeError, JSONDecodeError and an integer of too many digits
        return reject(Code.JSON, _explain(error))
    if len(record) != 1:
        return reject(Code.LEGACY_LABEL, f"It has {len(record)} labels.")
    ((label, body),) = record.items()
    if not LABEL.fullmatch(label):
        return reject(Code.LEGACY_LABEL, "Its label is no plain whole number.")
    return _parse_slice(int(label), body, limits)


def _parse_slice(index: int, body: Any, limits: WireLimits) -> Chunk | Rejection:
    if not 0 <= index < limits.max_chunks:
        return reject(Code.INDEX, f"It is {index}, of 0..{limits.max_chunks - 1}.")
    if not isinstance(body, dict):
        return reject(Code.LEGACY_FIELDS, "The slice is no object.")
    missing = [field for field in (NAME, RATE, WAVE) if field not in body]
    if missing:
        return reject(Code.LEGACY_FIELDS, f"Missing: {', '.join(missing)}.")
    name, rate, wave = body[NAME], _whole(body[RATE]), body[WAVE]
    if not isinstance(name, str) or not isinstance(wave, str):
        return reject(Code.LEGACY_FIELDS, f"{NAME} and {WAVE} are strings.")
    if len(name) > limits.max_name_characters:
        found = f"It has {len(name)} characters, of at most {limits.max_name_characters}."
        return reject(Code.TRACK_NAME, found)
    if rate is None or not limits.min_sample_rate <= rate <= limits.max_sample_rate:
        return reject(Code.SAMPLE_RATE, f"A whole number of {limits.min_sample_rate}..{limits.max_sample_rate}.")
    try:
        payload = base64.b64decode(wave, validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters that are not ASCII
        return reject(Code.BASE64)
    if base64.b64encode(payload).decode("ascii") != wave:  # surplus padding, bits beyond the end: both are taken
        return reject(Code.BASE64)
    if not payload:
        return reject(Code.EMPTY_PAYLOAD)
    if len(payload) > limits.max_payload_bytes:
        return reject(Code.PAYLOAD_TOO_LARGE, f"It has {len(payload)} bytes, of at most {limits.max_payload_bytes}.")
    return Chunk(
        upload_id="",
        format=Format.LEGACY,
        index=index,
        count=0,
        encoding=Encoding.F32LE,
        sample_rate=rate,
        channels=LEGACY_CHANNELS,
        compression=Compression.GZIP,
        payload=payload,
        crc32=crc32(payload),
        # JSON can spell half a surrogate pair, which no UTF-8 column can hold; the upload is still worth a verdict.
        name=LONE_SURROGATE.sub("\ufffd", name),
    )


def _whole(value: Any) -> int | None:
    """Read a JSON number that is whole (44100 or 44100.0) as an int; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():  # infinite for 1e999
        return None
    return int(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing a name given twice: readers disagree on which of the two counts."""
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name is given twice")
    return result


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _explain(error: ValueError) -> str:
    """Say what is wrong and where, without repeating any of the record's text."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}."
    if isinstance(error, UnicodeDecodeError):
        return f"No UTF-8 at byte {error.start}."
    return f"{error}."
