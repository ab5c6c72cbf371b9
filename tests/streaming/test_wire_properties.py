"""Whatever bytes come: parsing gives a chunk or a rejection, and both agree with grouping."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming import chunk_pb2, wire
from streaming.chunk import Chunk, Compression, Format
from streaming.rejections import Code, Rejection
from streaming.wire_legacy import encode_legacy
from streaming.wire_v1 import HEADER, encode_v1
from udfs.track import Encoding

KEYS = st.text(max_size=260)
payloads = st.binary(min_size=1, max_size=300)


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    payload = draw(payloads)
    count = draw(st.integers(0, 100_000))
    index = draw(st.integers(0, count - 1 if count else 99_999))
    last = count > 0 and index == count - 1
    encoding = draw(st.sampled_from(Encoding))
    samples = encoding is Encoding.F32LE
    return Chunk(
        upload_id=str(draw(st.uuids(allow_nil=False))),
        format=Format.V1,
        index=index,
        count=count,
        encoding=encoding,
        sample_rate=draw(st.integers(1_000, 768_000)) if samples else None,
        channels=draw(st.integers(1, 64)) if samples else None,
        compression=draw(st.sampled_from(Compression)),
        payload=payload,
        crc32=zlib.crc32(payload),
        track_bytes=draw(st.integers(1, 2**30)) if last else None,
        track_sha256=draw(st.binary(min_size=32, max_size=32)).hex() if last else None,
    )


legacy_records = st.builds(
    encode_legacy, st.integers(0, 99_999), st.text(max_size=20), st.integers(1_000, 768_000), payloads
)
valid_records = st.one_of(chunks().map(encode_v1), legacy_records)


def agrees_with_protobuf(data: bytes, result: Chunk | Rejection) -> None:
    """Hold that parsing around the payload says what protobuf says of the whole message."""
    try:
        message = chunk_pb2.Chunk.FromString(data[len(HEADER) :])
    except DecodeError:
        assert isinstance(result, Rejection)
        return
    assert isinstance(result, Chunk) or result.code != Code.PROTOBUF
    if isinstance(result, Chunk):
        assert (result.payload, result.index, result.crc32) == (message.payload, message.index, message.crc32)
        at = result.payload_at
        assert at is None or data[at : at + len(result.payload)] == result.payload


def check(data: bytes, key: str) -> Chunk | Rejection:
    """Parse, and hold what is true of every result."""
    result = wire.parse(data, key)
    assert wire.parse(memoryview(data), key) == result
    if data.startswith(HEADER):
        agrees_with_protobuf(data, result)
    routed = wire.route(data[:64])
    assert routed == wire.route(data)
    if isinstance(result, Chunk):
        assert result.upload_id == routed
        assert result.payload
        assert zlib.crc32(result.payload) == result.crc32
        assert result.index < (result.count or 100_000)
        result.name.encode()
    else:
        assert Code(result.code)
        assert result.upload_id in (None, routed)
        assert result.message.isprintable()
    return result


@given(st.binary(max_size=400), KEYS)
def test_arbitrary_bytes_never_raise(data: bytes, key: str):
    check(data, key)


@given(
    st.sampled_from([b"SG\x01", b"SG\x01\x0a\x10", b"{", b' {"0":', b'{"0":{"Wave":']), st.binary(max_size=400), KEYS
)
def test_arbitrary_bytes_behind_a_known_beginning_never_raise(head: bytes, tail: bytes, key: str):
    check(head + tail, key)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
slices = st.fixed_dictionaries(
    {}, optional={"Track Name": json_values, "Sample Rate": json_values, "Wave": json_values | st.text("AB=+/ ")}
)


@given(st.dictionaries(st.text(max_size=4) | st.just("0"), slices | json_values, max_size=2))
def test_arbitrary_json_never_raises(value: dict[str, object]):
    check(json.dumps(value).encode(), "k")


@given(chunks())
def test_every_valid_chunk_survives_the_wire(chunk: Chunk):
    parsed = check(encode_v1(chunk), "u/n")
    assert parsed == chunk
    assert isinstance(parsed, Chunk)
    assert parsed.payload_at is not None


@given(chunks(), payloads, st.integers(0, 3))
def test_whatever_fields_a_record_carries_its_payload_is_what_protobuf_takes(chunk: Chunk, other: bytes, extra: int):
    unknown = b"\xa2\x06\x02hi" * extra  # a field 100 of two bytes, which no release knows
    twice = chunk_pb2.Chunk(payload=other, crc32=zlib.crc32(other)).SerializeToString()
    for data in (encode_v1(chunk) + unknown, encode_v1(chunk) + unknown + twice):
        assert isinstance(check(data, "u/n"), Chunk)


@given(valid_records, st.data())
def test_mutated_records_never_raise_and_a_changed_payload_is_never_believed(record: bytes, data: st.DataObject):
    mutated = bytearray(record)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        edit = data.draw(st.sampled_from(["flip", "cut", "insert", "copy"]))
        if edit == "flip":
            mutated[at] ^= 1 << data.draw(st.integers(0, 7))
        elif edit == "cut":
            del mutated[at : at + data.draw(st.integers(1, 5))]
        elif edit == "insert":
            mutated[at:at] = data.draw(st.binary(min_size=1, max_size=5))
        else:
            mutated += mutated[at:]
        if not mutated:
            break
    check(bytes(mutated), "u/n")


@given(chunks(), st.integers(0, 7), st.data())
def test_a_flipped_bit_in_a_v1_payload_is_seen(chunk: Chunk, bit: int, data: st.DataObject):
    record = bytearray(encode_v1(chunk))
    start = bytes(record).index(chunk.payload, 21)
    record[start + data.draw(st.integers(0, len(chunk.payload) - 1))] ^= 1 << bit
    result = check(bytes(record), "u/n")
    assert isinstance(result, Rejection) or result.payload == chunk.payload  # equal: the bit was another field's


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None)
@given(st.one_of(st.binary(max_size=2_000), valid_records), KEYS)
def test_many_more_arbitrary_records_never_raise(data: bytes, key: str):
    check(data, key)


@given(st.binary(min_size=1, max_size=200), st.integers(0, 50))
def test_a_legacy_payload_survives_base64(piece: bytes, index: int):
    record = {str(index): {"Track Name": "n", "Sample Rate": 8_000, "Wave": base64.b64encode(piece).decode()}}
    result = check(json.dumps(record).encode(), "u/n")
    assert isinstance(result, Chunk)
    assert (result.index, result.payload) == (index, piece)
