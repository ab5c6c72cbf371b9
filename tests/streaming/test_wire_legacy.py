"""Legacy JSON records: what is read, and what each bad one is told."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from streaming import wire
from streaming.chunk import Chunk, Compression, Format, WireLimits
from streaming.rejections import Rejection
from streaming.wire_legacy import encode_legacy, legacy_upload_id
from udfs.track import Encoding

KEY = "bob/old song"
PIECE = b"\x1f\x8b and more"
WAVE = base64.b64encode(PIECE).decode()


def record(label: str = "4", **changes: object) -> bytes:
    body: dict[str, object] = {"Track Name": "old song", "Sample Rate": 22_050, "Wave": WAVE}
    body.update({name.replace("_", " "): value for name, value in changes.items()})
    return json.dumps({label: {name: value for name, value in body.items() if value is not None}}).encode()


def code_of(data: bytes) -> str:
    result = wire.parse(data, KEY)
    assert isinstance(result, Rejection), result
    assert result.upload_id is None
    return result.code


def read(data: bytes) -> Chunk:
    chunk = wire.parse(data, KEY)
    assert isinstance(chunk, Chunk), chunk
    return chunk


def test_a_legacy_record_is_read_field_by_field():
    assert read(record()) == Chunk(
        upload_id="",
        format=Format.LEGACY,
        index=4,
        count=0,
        encoding=Encoding.F32LE,
        sample_rate=22_050,
        channels=1,
        compression=Compression.GZIP,
        payload=PIECE,
        crc32=zlib.crc32(PIECE),
        name="old song",
    )


def test_white_space_of_any_length_may_come_first():
    assert read(b" \t\r\n" * 100 + record()) == read(record())


def test_an_encoded_slice_is_read_back():
    chunk = read(encode_legacy(7, 'Ænima "7" \\ \x00 \U0001f3b5', 8_000, PIECE))
    assert (chunk.index, chunk.name, chunk.sample_rate) == (7, 'Ænima "7" \\ \x00 \U0001f3b5', 8_000)
    assert chunk.payload == PIECE


def test_a_whole_number_may_be_written_as_a_float():
    assert read(record(Sample_Rate=22_050.0)).sample_rate == 22_050


def test_fields_that_are_not_ours_are_ignored():
    assert read(record(Artist="someone")) == read(record())


def test_a_name_may_hold_nul_and_half_a_surrogate_pair_becomes_a_replacement_character():
    chunk = read(record(Track_Name="a\x00b\ud800c\udfffd\U0001f3b5"))
    assert chunk.name == "a\x00b\ufffdc\ufffdd\U0001f3b5"
    chunk.name.encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "wire.json"),
        (b'{"0": {}', "wire.json"),
        (b'{"0": {}}x', "wire.json"),
        (b"{'0': {}}", "wire.json"),
        (b'{"0": {"Track Name": "\xff"}}', "wire.json"),
        (record().decode().encode("utf-16-le"), "wire.json"),
        (record()[:-1] + b', "5": {}}', "wire.legacy_label"),
        (b'{"4": {}, "4": {}}', "wire.json"),
        (record().replace(b'"Wave"', b'"Track Name": "again", "Wave"'), "wire.json"),
        (b"{}", "wire.legacy_label"),
        (record("4.0"), "wire.legacy_label"),
        (record("04"), "wire.legacy_label"),
        (record(" 4"), "wire.legacy_label"),
        (record("4\n"), "wire.legacy_label"),
        (record("٤"), "wire.legacy_label"),
        (record("4e0"), "wire.legacy_label"),
        (record("-0"), "wire.legacy_label"),
        (record(Wave="AAAA===="), "wire.base64"),
        (record(""), "wire.legacy_label"),
        (record("9" * 5000), "wire.legacy_label"),
        (record("-1"), "wire.index"),
        (record("100000"), "wire.index"),
        (record("9" * 18), "wire.index"),
        (b'{"4": null}', "wire.legacy_fields"),
        (b'{"4": []}', "wire.legacy_fields"),
        (b'{"4": "Track Name, Sample Rate, Wave"}', "wire.legacy_fields"),
        (record(Track_Name=None), "wire.legacy_fields"),
        (record(Sample_Rate=None), "wire.legacy_fields"),
        (record(Wave=None), "wire.legacy_fields"),
        (record(Track_Name=7), "wire.legacy_fields"),
        (record(Wave=[1, 2]), "wire.legacy_fields"),
        (record(Track_Name="n" * 1025), "wire.track_name"),
        (record(Sample_Rate="22050"), "wire.sample_rate"),
        (record(Sample_Rate=True), "wire.sample_rate"),
        (record(Sample_Rate=0), "wire.sample_rate"),
        (record(Sample_Rate=-22_050), "wire.sample_rate"),
        (record(Sample_Rate=22_050.5), "wire.sample_rate"),
        (record(Sample_Rate=10**300), "wire.sample_rate"),
        (record(Sample_Rate=float("nan")), "wire.json"),
        (record(Sample_Rate=float("inf")), "wire.json"),
        (record().replace(b"22050", b"1e999"), "wire.sample_rate"),
        (record().replace(b"22050", b"9" * 5000), "wire.json"),
        (record(Wave="AAA"), "wire.base64"),
        (record(Wave="AA=A"), "wire.base64"),
        (record(Wave="A A="), "wire.base64"),
        (record(Wave="AA==AAAA"), "wire.base64"),
        (record(Wave="AA-_"), "wire.base64"),
        (record(Wave="ÄÄÄÄ"), "wire.base64"),
        (record(Wave="\ud800AAA"), "wire.base64"),
        (record(Wave=""), "wire.empty_payload"),
    ],
)
def test_a_bad_record_is_rejected_under_its_code(data: bytes, code: str):
    assert code_of(data) == code


@pytest.mark.parametrize("opening", [b'{"0":', b'{"0":[', b"{" + b'"0":{' * 3])
def test_deep_nesting_is_rejected_not_followed(opening: bytes):
    depth = 200_000 // len(opening)
    assert code_of(opening * depth) == "wire.json"
    assert code_of(b'{"0":' + b"[" * 200_000 + b"]" * 200_000 + b"}") == "wire.json"


def test_a_record_too_large_to_parse_safely_is_not_parsed():
    assert code_of(b'{"0":[' + b"[]," * (1 << 20) + b"0]}") == "wire.record_too_large"


def test_a_payload_over_its_limit_is_rejected():
    result = wire.parse(record(), KEY, WireLimits(max_payload_bytes=len(PIECE) - 1))
    assert isinstance(result, Rejection)
    assert result.code == "wire.payload_too_large"


def test_true_is_no_sample_rate_even_where_one_hertz_is():
    result = wire.parse(record(Sample_Rate=True), KEY, WireLimits(min_sample_rate=1))
    assert isinstance(result, Rejection)
    assert result.code == "wire.sample_rate"


def test_messages_never_repeat_the_records_text():
    hostile = "\x1b[31mDROP TABLE"
    for data in [record(hostile), record(Wave=hostile), record(Sample_Rate=hostile), b'{"' + hostile.encode()]:
        result = wire.parse(data, KEY)
        assert isinstance(result, Rejection)
        assert "DROP" not in result.message
        assert "\x1b" not in result.message


def test_a_legacy_upload_is_named_by_key_and_first_sequence_number():
    assert legacy_upload_id("u/n", "495") == legacy_upload_id("u/n", "495") == "65dd4df8-d330-5f8b-906d-d899dbf4c4ce"
    assert len({legacy_upload_id("u/n", "495"), legacy_upload_id("u/n", "496"), legacy_upload_id("u/m", "495")}) == 3
