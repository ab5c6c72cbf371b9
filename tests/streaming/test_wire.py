"""Record bytes -> chunk | rejection: what each format says, and what each bad record is told."""

from __future__ import annotations

import hashlib
import uuid
import zlib
from dataclasses import replace

import pytest

from streaming import chunk_pb2, wire
from streaming.chunk import Chunk, Compression, Format, WireLimits
from streaming.rejections import TEXTS, Code, Rejection
from streaming.wire_v1 import encode_v1
from udfs.track import Encoding

UPLOAD_ID = "0190a2b4-5c6d-7e8f-9a0b-1c2d3e4f5061"
KEY = "alice/song.flac"
TRACK = b"the whole track, in one chunk"


def message(**changes: object) -> chunk_pb2.Chunk:
    """A valid message of one chunk out of three; `changes` replace fields, None clears one."""
    built = chunk_pb2.Chunk(
        upload_id=uuid.UUID(UPLOAD_ID).bytes,
        index=1,
        count=3,
        encoding=chunk_pb2.ENCODING_F32LE,
        compression=chunk_pb2.COMPRESSION_NONE,
        sample_rate=44_100,
        channels=2,
        payload=TRACK,
        crc32=zlib.crc32(TRACK),
    )
    for field, value in changes.items():
        if value is None:
            built.ClearField(field)
        else:
            setattr(built, field, value)
    return built


def record(**changes: object) -> bytes:
    return b"SG\x01" + message(**changes).SerializeToString()


def last(**changes: object) -> bytes:
    digest = {"index": 2, "track_bytes": 87, "track_sha256": hashlib.sha256(TRACK).digest()}
    return record(**{**digest, **changes})


def code_of(data: bytes, key: str = KEY) -> str:
    result = wire.parse(data, key)
    assert isinstance(result, Rejection), result
    assert result.message.startswith(TEXTS[Code(result.code)])
    return result.code


def test_a_v1_record_is_read_field_by_field():
    assert wire.parse(record(), KEY) == Chunk(
        upload_id=UPLOAD_ID,
        format=Format.V1,
        index=1,
        count=3,
        encoding=Encoding.F32LE,
        sample_rate=44_100,
        channels=2,
        compression=Compression.NONE,
        payload=TRACK,
        crc32=zlib.crc32(TRACK),
    )


def test_the_last_chunk_carries_the_tracks_length_and_hash():
    chunk = wire.parse(last(), KEY)
    assert isinstance(chunk, Chunk)
    assert (chunk.track_bytes, chunk.track_sha256) == (87, hashlib.sha256(TRACK).hexdigest())


def test_a_file_has_neither_rate_nor_channels_whatever_the_record_says():
    for rate, channels in [(None, None), (44_100, 2)]:
        chunk = wire.parse(record(encoding=chunk_pb2.ENCODING_FILE, sample_rate=rate, channels=channels), KEY)
        assert isinstance(chunk, Chunk)
        assert (chunk.encoding, chunk.sample_rate, chunk.channels) == (Encoding.FILE, None, None)


def test_an_encoded_chunk_is_read_back_the_same():
    chunk = wire.parse(last(), KEY)
    assert isinstance(chunk, Chunk)
    assert encode_v1(chunk) == last()
    assert wire.parse(encode_v1(replace(chunk, compression=Compression.GZIP)), KEY) == replace(
        chunk, compression=Compression.GZIP
    )


def test_fields_of_later_releases_are_ignored():
    assert wire.parse(record() + b"\xa2\x06\x03new", KEY) == wire.parse(record(), KEY)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"upload_id": None}, "wire.upload_id"),
        ({"upload_id": b"short"}, "wire.upload_id"),
        ({"upload_id": b"0190a2b4-5c6d-7e8f-9a0b-1c2d3e4f5061"}, "wire.upload_id"),
        ({"upload_id": bytes(16)}, "wire.upload_id"),
        ({"index": -1}, "wire.index"),
        ({"index": 100_000, "count": 0}, "wire.index"),
        ({"index": 2**63 - 1}, "wire.index"),
        ({"index": 2**32 + 1}, "wire.index"),  # would be 1 in 32 bits
        ({"count": -3}, "wire.count"),
        ({"count": 100_001}, "wire.count"),
        ({"index": 3}, "wire.index_beyond_count"),
        ({"encoding": None}, "wire.encoding"),
        ({"encoding": 9}, "wire.encoding"),
        ({"compression": None}, "wire.compression"),
        ({"compression": 9}, "wire.compression"),
        ({"sample_rate": None}, "wire.sample_rate"),
        ({"sample_rate": -44_100}, "wire.sample_rate"),
        ({"sample_rate": 999}, "wire.sample_rate"),
        ({"sample_rate": 768_001}, "wire.sample_rate"),
        ({"encoding": chunk_pb2.ENCODING_FILE, "sample_rate": -1}, "wire.sample_rate"),
        ({"channels": None}, "wire.channels"),
        ({"channels": -1}, "wire.channels"),
        ({"channels": 65}, "wire.channels"),
        ({"encoding": chunk_pb2.ENCODING_FILE, "channels": 10**6}, "wire.channels"),
        ({"payload": None}, "wire.empty_payload"),
        ({"crc32": None}, "wire.crc32"),
        ({"crc32": 1}, "wire.crc32"),
        ({"payload": TRACK + b"!"}, "wire.crc32"),
        ({"track_bytes": 87}, "wire.track_digest"),  # not the last chunk
        ({"track_sha256": bytes(32)}, "wire.track_digest"),
        ({"count": 0, "track_bytes": 87, "track_sha256": bytes(32)}, "wire.track_digest"),
    ],
)
def test_a_bad_field_is_rejected_under_its_code(changes: dict[str, object], code: str):
    assert code_of(record(**changes)) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"track_bytes": None},
        {"track_sha256": None},
        {"track_bytes": 0},
        {"track_bytes": -1},
        {"track_bytes": 2**30 + 1},
        {"track_sha256": b""},
        {"track_sha256": bytes(33)},
    ],
)
def test_the_last_chunk_needs_a_true_digest(changes: dict[str, object]):
    assert code_of(last(**changes)) == "wire.track_digest"


def test_a_rejection_names_the_upload_that_the_record_claims():
    result = wire.parse(record(index=-1), KEY)
    assert isinstance(result, Rejection)
    assert result.upload_id == UPLOAD_ID
    assert "-1" in result.message
    unnamed = wire.parse(b"junk", KEY)
    assert isinstance(unnamed, Rejection)
    assert unnamed.upload_id is None


@pytest.mark.parametrize("data", [b"", b"\x00", b"RIFF", b"[1]", b"S", b"SG", b"\xef\xbb\xbf{}", b'"{"', b"   "])
def test_a_beginning_of_neither_format_is_unknown(data: bytes):
    assert code_of(data) == "wire.unknown_format"


def test_another_version_is_told_apart_from_an_unknown_format():
    assert code_of(b"SG\x02" + record()[3:]) == "wire.unsupported_version"


def test_every_truncation_of_a_record_is_rejected():
    whole = last()
    for end in range(len(whole)):
        assert code_of(whole[:end]).startswith("wire."), end
    assert code_of(whole[:-1]) == "wire.protobuf"


@pytest.mark.parametrize("tail", [b"\xff" * 11, b"\x0b" * 5000, b"\x00", b"\x42\xff\xff\xff\xff\x0f"])
def test_what_is_no_message_is_rejected(tail: bytes):
    assert code_of(b"SG\x01" + tail) == "wire.protobuf"


@pytest.mark.parametrize("key", ["", "k" * 257])
@pytest.mark.parametrize("data", [record(), b'{"0": {}}', b"junk"])
def test_an_empty_or_over_long_key_is_rejected(data: bytes, key: str):
    assert code_of(data, key) == "wire.partition_key"


def test_a_key_of_256_characters_beyond_the_basic_plane_is_fine():
    assert isinstance(wire.parse(record(), "\U0001f3b5" * 256), Chunk)


def test_limits_are_settings():
    assert isinstance(wire.parse(record(), KEY, WireLimits(max_payload_bytes=len(TRACK))), Chunk)
    for limits, code in [
        (WireLimits(max_payload_bytes=len(TRACK) - 1), "wire.payload_too_large"),
        (WireLimits(max_record_bytes=len(record()) - 1), "wire.record_too_large"),
        (WireLimits(max_chunks=2), "wire.count"),
        (WireLimits(max_channels=1), "wire.channels"),
        (WireLimits(max_key_characters=3), "wire.partition_key"),
    ]:
        result = wire.parse(record(), KEY, limits)
        assert isinstance(result, Rejection)
        assert result.code == code


def test_route_reads_the_upload_id_from_the_head_alone():
    assert wire.route(record()) == wire.route(record()[:64]) == wire.route(record()[:21]) == UPLOAD_ID


@pytest.mark.parametrize("head", [b"", b"SG\x01", record()[:20], b'{"0": 1}', b"SG\x02" + record()[3:], b"\x00" * 64])
def test_whatever_is_no_v1_beginning_routes_to_no_upload(head: bytes):
    assert wire.route(head) == ""


def test_an_upload_id_behind_other_fields_is_rejected_because_grouping_cannot_see_it():
    moved = b"SG\x01" + message(upload_id=None).SerializeToString()
    moved += chunk_pb2.Chunk(upload_id=uuid.UUID(UPLOAD_ID).bytes).SerializeToString()
    assert wire.route(moved) == ""
    assert code_of(moved) == "wire.upload_id_not_first"


def test_a_second_and_other_upload_id_is_rejected():
    other = chunk_pb2.Chunk(upload_id=uuid.UUID(int=7).bytes).SerializeToString()
    assert code_of(record() + other) == "wire.upload_id_not_first"


def test_the_exported_constants_say_the_same_as_route():
    head = record()
    start, end = wire.UPLOAD_ID_OFFSET, wire.UPLOAD_ID_OFFSET + wire.UPLOAD_ID_LENGTH
    assert head[: len(wire.ROUTE_PREFIX)] == wire.ROUTE_PREFIX == bytes.fromhex("5347010a10")
    assert str(uuid.UUID(bytes=head[start:end])) == wire.route(head)
    assert end <= 64
