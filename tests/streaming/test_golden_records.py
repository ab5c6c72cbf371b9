"""The records of the first release are read, and written, byte for byte, for ever."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from make_golden_records import FILE, FOLDER, KEY, MONO, STEREO, UPLOAD_ID, golden_records

from streaming.chunk import Chunk, Compression, Format
from streaming.inflate import inflate_legacy, inflate_member
from streaming.wire import parse, route
from udfs.track import Encoding

SETS = ("v1-none", "v1-gzip", "v1-f32le", "legacy")
TRACKS = {"v1-none": FILE, "v1-gzip": FILE, "v1-f32le": STEREO, "legacy": MONO}
SHA256 = {
    "v1-none": "1d8b16fa8808895b99884571d4d7ffc59d99de67cc15aa7db20a61e0371f0723",
    "v1-gzip": "c001f041958dd4540bff41e6b45e7abfc8232fd57cd16faffaf9d1af0b79ac9d",
    "v1-f32le": "e7dad70d21121cadde0e4c8b339cc63c8a6c062df7fca4ca5c991207d416ae5e",
    "legacy": "90380b379c9577d317414de3d720fc562852653ab2f5ba0809c9b15d9d9a0306",
}


def stored(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(FOLDER.glob(f"{name}-*.bin"))]


def chunks_of(records: list[bytes]) -> list[Chunk]:
    chunks = [parse(data, KEY) for data in records]
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    return chunks  # type: ignore[return-value]


@pytest.mark.parametrize("name", SETS)
def test_the_stored_records_are_the_first_releases(name: str):
    assert hashlib.sha256(b"".join(stored(name))).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", ["v1-none", "v1-f32le"])
def test_the_same_track_is_still_written_byte_for_byte(name: str):
    assert [record.data for record in golden_records()[name]] == stored(name)


def test_with_gzip_everything_but_the_compressors_choices_is_the_same():
    now, then = chunks_of([record.data for record in golden_records()["v1-gzip"]]), chunks_of(stored("v1-gzip"))
    assert [plain(chunk) for chunk in now] == [plain(chunk) for chunk in then]
    assert {chunk.compression for chunk in then} == {Compression.GZIP}


def plain(chunk: Chunk) -> Chunk:
    return replace(chunk, payload=inflate_member(chunk.payload, 300), crc32=0)


def test_a_legacy_record_is_still_spelt_the_same():
    (now,) = [json.loads(record.data) for record in golden_records()["legacy"]]
    (then,) = [json.loads(data) for data in stored("legacy")]
    assert list(now) == list(then) == ["0"]
    assert {**now["0"], "Wave": ""} == {**then["0"], "Wave": ""}
    assert stored("legacy")[0].startswith(
        b'{"0": {"Track Name": "t\xc3\xb6nes \\"1\\"", "Sample Rate": 8000, "Wave": "'
    )


@pytest.mark.parametrize("name", SETS)
def test_the_stored_records_are_read_as_the_track_they_carry(name: str):
    chunks, track = chunks_of(stored(name)), TRACKS[name]
    if name == "legacy":
        assert inflate_legacy([chunk.payload for chunk in chunks], len(track.data)) == track.data
    else:
        gzip = name == "v1-gzip"
        payloads = [inflate_member(chunk.payload, 300) if gzip else chunk.payload for chunk in chunks]
        assert b"".join(payloads) == track.data
        assert (chunks[-1].track_bytes, chunks[-1].track_sha256) == (len(track.data), track.sha256)
    first = chunks[0]
    told = (first.upload_id, first.format, first.count, first.encoding, first.sample_rate, first.channels, first.name)
    assert (
        told
        == {
            "v1-none": (UPLOAD_ID, Format.V1, 3, Encoding.FILE, None, None, ""),
            "v1-gzip": (UPLOAD_ID, Format.V1, 3, Encoding.FILE, None, None, ""),
            "v1-f32le": (UPLOAD_ID, Format.V1, 3, Encoding.F32LE, 1_000, 2, ""),
            "legacy": ("", Format.LEGACY, 0, Encoding.F32LE, 8_000, 1, 'tönes "1"'),
        }[name]
    )
    assert {route(data) for data in stored(name)} == {first.upload_id}
