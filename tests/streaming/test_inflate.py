"""Inflating payloads: whole, in any slicing, and never past the bound."""

from __future__ import annotations

import base64
import gzip
import itertools
import random
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.inflate import InflateError, LegacyInflater, inflate_legacy, inflate_member, may_end_legacy, text_bytes
from streaming.producer import gzip_member, legacy_records
from streaming.rejections import Code
from streaming.wire import parse
from udfs.track import Track

MIB = 1 << 20
SAMPLES = np.random.default_rng(7).standard_normal(1_001).astype("<f4").tobytes()
STREAM = gzip_member(base64.b64encode(SAMPLES))


def code_of(payload: bytes, max_bytes: int = MIB) -> Code:
    with pytest.raises(InflateError) as caught:
        inflate_member(payload, max_bytes)
    return caught.value.code


def legacy_code_of(pieces: list[bytes], max_bytes: int = MIB) -> Code:
    with pytest.raises(InflateError) as caught:
        inflate_legacy(pieces, max_bytes)
    return caught.value.code


@given(st.binary(max_size=2_000))
def test_a_member_inflates_to_what_went_in(data: bytes):
    assert inflate_member(gzip_member(data), 2_000) == data
    assert inflate_member(gzip.compress(data), 2_000) == data


def test_the_bound_is_exact():
    member = gzip_member(b"x" * 1_000)
    assert len(inflate_member(member, 1_000)) == 1_000
    assert code_of(member, 999) is Code.INFLATED_TOO_LARGE


def test_a_bomb_is_stopped_while_it_inflates():
    bomb = gzip_member(bytes(512 * MIB))
    tracemalloc.start()
    try:
        assert code_of(bomb, MIB) is Code.INFLATED_TOO_LARGE
        with pytest.raises(InflateError) as caught:
            LegacyInflater(MIB).feed(bomb)
        assert caught.value.code is Code.INFLATED_TOO_LARGE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MIB


@pytest.mark.parametrize("extra", [b"\x00", b"PK\x03\x04", gzip_member(b"second"), gzip_member(b"")])
def test_a_second_member_or_any_trailing_byte_is_refused(extra: bytes):
    assert code_of(gzip_member(b"first") + extra) is Code.GZIP_TRAILING
    assert legacy_code_of([STREAM + extra]) is Code.GZIP_TRAILING
    assert legacy_code_of([STREAM, extra]) is Code.GZIP_TRAILING


def test_truncated_and_corrupt_members_are_told_apart():
    member = gzip_member(SAMPLES)
    for end in (0, 5, 10, 100, len(member) - 8, len(member) - 1):
        assert code_of(member[:end]) is Code.GZIP_TRUNCATED
    wrong_crc = member[:-8] + bytes([member[-8] ^ 1]) + member[-7:]
    for corrupt in (b"junk, no gzip", wrong_crc, zlib.compress(SAMPLES), b"\x1f\x8b\x09" + member[3:]):
        assert code_of(corrupt) is Code.GZIP_CORRUPT


@given(st.binary(max_size=200))
def test_arbitrary_payloads_inflate_or_raise_inflate_error(data: bytes):
    for head in (b"", b"\x1f\x8b\x08", gzip_member(b"x")[:10]):
        try:
            inflated = inflate_member(head + data, 100)
        except InflateError:
            continue
        assert len(inflated) <= 100


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=8))
def test_a_legacy_stream_inflates_in_any_slicing(cuts: list[int]):
    edges = [0, *sorted(set(cuts)), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in itertools.pairwise(edges)]
    inflater = LegacyInflater(len(SAMPLES))
    for piece in pieces[:-1]:
        inflater.feed(piece)
        assert not inflater.complete
    inflater.feed(pieces[-1])
    assert inflater.complete
    assert inflater.track() == SAMPLES
    assert inflate_legacy(pieces, len(SAMPLES)) == SAMPLES
    assert inflate_legacy(pieces[:-1], len(SAMPLES)) is None


def test_a_legacy_track_before_its_end_is_truncated():
    inflater = LegacyInflater(MIB)
    inflater.feed(STREAM[:-1])
    with pytest.raises(InflateError) as caught:
        inflater.track()
    assert caught.value.code is Code.GZIP_TRUNCATED


def test_a_legacy_stream_larger_than_one_step_inflates_within_its_bound():
    track = bytes(3 * MIB)  # 4 MiB of text from a few KiB
    stream = gzip_member(base64.b64encode(track))
    assert inflate_legacy([stream], 3 * MIB) == track
    assert legacy_code_of([stream], 3 * MIB - 3) is Code.INFLATED_TOO_LARGE


@pytest.mark.parametrize(
    "text",
    [b"", b"not base64!", b"AAA", base64.b64encode(b"12345"), base64.b64encode(b"12"), b"AAAA\nAAAA", b"AAAAAA==AAAA"],
)
def test_legacy_content_that_is_no_base64_of_samples_is_refused(text: bytes):
    assert legacy_code_of([gzip_member(text)]) is Code.LEGACY_TEXT


def test_a_corrupt_legacy_stream_is_refused():
    assert legacy_code_of([b"junk, no gzip"]) is Code.GZIP_CORRUPT
    assert legacy_code_of([STREAM[:50], STREAM[60:]]) is Code.GZIP_CORRUPT


@given(st.binary(min_size=1, max_size=500))
def test_a_stream_that_ends_always_may_end(data: bytes):
    track = data * 4
    assert may_end_legacy(gzip_member(base64.b64encode(track)), len(track))


def test_a_slice_that_does_not_end_the_stream_rarely_may_end():
    rng = random.Random(3)
    tries = 20_000
    believed = sum(may_end_legacy(rng.randbytes(8), 256 * MIB) for _ in range(tries))
    assert believed / tries < 0.03
    assert not may_end_legacy(b"", MIB)
    assert not may_end_legacy(b"\x00\x00\x00", MIB)


def test_text_bytes_is_the_length_of_base64():
    for length in range(20):
        assert text_bytes(length) == len(base64.b64encode(bytes(length)))


def test_what_the_producer_writes_as_legacy_is_what_inflates():
    track = Track.from_samples(np.random.default_rng(8).standard_normal(300_000), 8_000, "name")
    chunks = [parse(record.data, record.partition_key) for record in legacy_records(track, "u/name")]
    assert len(chunks) > 3
    assert inflate_legacy([chunk.payload for chunk in chunks], len(track.data)) == track.data
