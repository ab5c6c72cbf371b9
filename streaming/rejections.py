"""Why a record could not be used: stable codes, each with the sentence that explains it.

A code, once released, keeps its meaning; readers of the ``rejections`` table group by it. ``wire.*`` says that the
record itself is wrong, ``chunk.*`` that a well-formed chunk does not fit its upload.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """A rejection's stable code."""

    UNKNOWN_FORMAT = "wire.unknown_format"
    UNSUPPORTED_VERSION = "wire.unsupported_version"
    RECORD_TOO_LARGE = "wire.record_too_large"
    PARTITION_KEY = "wire.partition_key"
    PROTOBUF = "wire.protobuf"
    UPLOAD_ID = "wire.upload_id"
    UPLOAD_ID_NOT_FIRST = "wire.upload_id_not_first"
    JSON = "wire.json"
    LEGACY_LABEL = "wire.legacy_label"
    LEGACY_FIELDS = "wire.legacy_fields"
    TRACK_NAME = "wire.track_name"
    BASE64 = "wire.base64"
    INDEX = "wire.index"
    COUNT = "wire.count"
    INDEX_BEYOND_COUNT = "wire.index_beyond_count"
    ENCODING = "wire.encoding"
    COMPRESSION = "wire.compression"
    SAMPLE_RATE = "wire.sample_rate"
    CHANNELS = "wire.channels"
    EMPTY_PAYLOAD = "wire.empty_payload"
    PAYLOAD_TOO_LARGE = "wire.payload_too_large"
    CRC32 = "wire.crc32"
    TRACK_DIGEST = "wire.track_digest"
    CONFLICT = "chunk.conflict"
    LATE = "chunk.late"
    MISMATCH = "chunk.mismatch"
    GZIP_CORRUPT = "chunk.gzip_corrupt"
    GZIP_TRUNCATED = "chunk.gzip_truncated"
    GZIP_TRAILING = "chunk.gzip_trailing"
    INFLATED_TOO_LARGE = "chunk.inflated_too_large"
    LEGACY_TEXT = "chunk.legacy_text"


TEXTS: dict[Code, str] = {
    Code.UNKNOWN_FORMAT: "The record begins neither as v1 (53 47 01) nor as a legacy JSON object.",
    Code.UNSUPPORTED_VERSION: "The record is of a format version that this release does not read.",
    Code.RECORD_TOO_LARGE: "The record is larger than any record of its format may be.",
    Code.PARTITION_KEY: "The partition key is empty or over-long.",
    Code.PROTOBUF: "What follows the v1 beginning is no whole Chunk message.",
    Code.UPLOAD_ID: "The upload id is not the 16 bytes of a UUID, or is the nil UUID.",
    Code.UPLOAD_ID_NOT_FIRST: "The upload id is not the first field of the message, or is given twice and differs.",
    Code.JSON: "The record is no valid JSON object in UTF-8 (duplicate names and NaN are not valid).",
    Code.LEGACY_LABEL: "A legacy record is an object with exactly one label, the slice's number from 0.",
    Code.LEGACY_FIELDS: "A legacy slice has Track Name, Sample Rate and Wave, each of its own type.",
    Code.TRACK_NAME: "The track name is over-long.",
    Code.BASE64: "The legacy Wave is not base64.",
    Code.INDEX: "The chunk's index is negative or absurdly high.",
    Code.COUNT: "The number of chunks is negative or absurdly high.",
    Code.INDEX_BEYOND_COUNT: "The chunk's index is not below the number of chunks.",
    Code.ENCODING: "The encoding is not one that this release knows.",
    Code.COMPRESSION: "The compression is not one that this release knows.",
    Code.SAMPLE_RATE: "The sample rate is not a number of Hz in the range of sound.",
    Code.CHANNELS: "The number of channels is missing, negative or absurdly high.",
    Code.EMPTY_PAYLOAD: "The chunk carries no bytes.",
    Code.PAYLOAD_TOO_LARGE: "The chunk carries more bytes than one may.",
    Code.CRC32: "The payload's CRC-32 is missing or differs: the bytes changed on their way.",
    Code.TRACK_DIGEST: "The track's length and SHA-256 belong on the last chunk, there both, and only there.",
    Code.CONFLICT: "The same index came before with other bytes; the first one stays.",
    Code.LATE: "The upload had its final verdict before this chunk came.",
    Code.MISMATCH: "The chunk contradicts its upload's other chunks (count, encoding, compression, rate or channels).",
    Code.GZIP_CORRUPT: "The payload is no valid gzip data.",
    Code.GZIP_TRUNCATED: "The gzip data ends before its end.",
    Code.GZIP_TRAILING: "Bytes follow the end of the gzip member.",
    Code.INFLATED_TOO_LARGE: "The data inflates to more bytes than allowed; inflating was stopped there.",
    Code.LEGACY_TEXT: "The inflated legacy data is not base64 text of whole float32 samples.",
}


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that could not be used.

    Parameters
    ----------
    code
        The stable code.
    message
        What was wrong in this record, for people to read; holds no raw text of the record.
    upload_id
        The upload that the record says it belongs to, or None where it does not say.
    """

    code: str
    message: str
    upload_id: str | None = None


def reject(code: Code, detail: str = "", upload_id: str | None = None) -> Rejection:
    """Make a rejection whose message is the code's sentence, followed by the detail seen."""
    text = TEXTS[code]
    return Rejection(code.value, f"{text} {detail}" if detail else text, upload_id)
