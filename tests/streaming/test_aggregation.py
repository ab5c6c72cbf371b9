"""Records that a KPL packed into one are unpacked; whatever only looks so stays as it is."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming import aggregation
from streaming.aggregation import MAGIC, pack, unpack


def md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


RECORDS = [("a", b"first"), ("b", b""), ("a", b"third")]
# Made by hand from the format's description: keys "a" and "b", then (0, "first"), (1, ""), (0, "third").
BODY = (
    b"\x0a\x01a\x0a\x01b"
    b"\x1a\x09\x08\x00\x1a\x05first"
    b"\x1a\x04\x08\x01\x1a\x00"
    b"\x1a\x0b\x08\x00\x10\x00\x1a\x05third"  # with an explicit hash key index, which does not matter here
)
AGGREGATED = b"\xf3\x89\x9a\xc2" + BODY + md5(BODY)


def test_an_aggregated_record_is_unpacked_under_its_own_keys():
    assert unpack("ignored", AGGREGATED) == RECORDS


@given(st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=20)), min_size=1, max_size=6))
def test_what_is_packed_is_unpacked(records: list[tuple[str, bytes]]):
    assert unpack("ignored", pack(records)) == records


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain",
        MAGIC,
        MAGIC + b"short",
        AGGREGATED[:-1],
        AGGREGATED[:-1] + b"\x00",
        AGGREGATED + b"\x00",
        b"\x00" + AGGREGATED,
        MAGIC + b"\xff" + md5(b"\xff"),  # no message
        MAGIC + b"\x0a\x01a" + md5(b"\x0a\x01a"),  # with nothing in it
        MAGIC + b"\x1a\x02\x08\x07" + md5(b"\x1a\x02\x08\x07"),  # a key that is not in the table
        MAGIC + b"\x0a\x01\xff" + md5(b"\x0a\x01\xff"),  # a key that is no text
    ],
)
def test_what_is_not_whole_in_this_form_stays_as_it_is(data: bytes):
    assert unpack("key", data) == [("key", data)]


def test_a_record_that_would_unpack_to_many_times_its_size_stays_as_it_is():
    flood = pack([("k" * 1_000_000, b"")] * 70)  # a megabyte, and seventy to unpack
    assert len(flood) < 2 << 20
    assert unpack("key", flood) == [("key", flood)]


def test_rows_cost_something_though_nothing_is_in_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(aggregation, "MOST_BYTES", 64_000)
    assert len(unpack("key", pack([("k", b"")] * 600))) == 600
    many = pack([("k", b"")] * 700)
    assert unpack("key", many) == [("key", many)]


@given(st.binary(max_size=100))
def test_arbitrary_bytes_never_raise(data: bytes):
    for head in (b"", MAGIC):
        assert unpack("key", head + data)
    unpack("key", MAGIC + data + md5(data))
