"""How far a stream has been read: order across reshards, equal text for equal offsets, refusal to go back."""

from __future__ import annotations

import json

import pytest

from streaming.kinesis_offsets import (
    OffsetError,
    Position,
    Shard,
    Slice,
    StreamOffset,
    advance,
    plan_slices,
    readable_shards,
)

OPEN, CLOSED = Position("10"), Position("10", closed=True)
# a and b merged into c; c split into d and e.
FAMILY = [Shard("a"), Shard("b"), Shard("c", ("a", "b")), Shard("d", ("c",)), Shard("e", ("c",))]


def offset(**positions: Position) -> StreamOffset:
    return StreamOffset("s", positions=positions)


def ids(shards: list[Shard]) -> list[str]:
    return [shard.shard_id for shard in shards]


@pytest.mark.parametrize(
    ("read", "readable"),
    [
        ({}, ["a", "b"]),
        ({"a": OPEN, "b": CLOSED}, ["a"]),
        ({"a": CLOSED}, ["b"]),
        ({"a": CLOSED, "b": CLOSED}, ["c"]),
        ({"a": CLOSED, "b": CLOSED, "c": OPEN}, ["c"]),
        ({"a": CLOSED, "b": CLOSED, "c": CLOSED}, ["d", "e"]),
    ],
)
def test_children_are_read_when_all_their_parents_were_read_to_the_end(read: dict[str, Position], readable: list[str]):
    assert ids(readable_shards(FAMILY, offset(**read))) == readable


def test_a_shard_is_forgotten_only_when_it_was_closed_before_and_is_listed_no_more():
    before = offset(a=CLOSED, b=OPEN, c=CLOSED)
    after = advance(before, {"b": CLOSED}, [Shard("c")])
    assert after.positions == {"b": CLOSED, "c": CLOSED}
    assert advance(after, {}, [Shard("c")]).positions == {"c": CLOSED}
    assert advance(before, {}, [Shard("c")]).positions == {"b": OPEN, "c": CLOSED}


def test_equal_offsets_give_equal_text_and_survive_it():
    one, other = offset(a=OPEN, b=CLOSED), offset(b=CLOSED, a=OPEN)
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())
    assert StreamOffset.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_a_batch_is_a_slice_for_each_shard_that_has_something_new():
    start = offset(a=Position("5", records=3), b=Position("7"), c=Position("9"))
    end = offset(
        a=Position("6", records=4),
        b=Position("7", closed=True),
        c=Position("9"),
        d=Position("11", records=5),
        e=Position(),
    )
    assert plan_slices(start, end) == [
        Slice("s", "a", "TRIM_HORIZON", "5", "6", 1),
        Slice("s", "d", "TRIM_HORIZON", "", "11", 5),
    ]


def test_sequence_numbers_are_compared_as_numbers():
    assert plan_slices(offset(a=Position("9")), offset(a=Position("10")))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (offset(a=Position("6")), offset(a=Position("5"))),
        (offset(a=Position("6", closed=True)), offset(a=Position("6"))),
        (offset(a=Position("6")), offset()),
        (offset(), StreamOffset("other")),
    ],
)
def test_an_end_behind_its_start_or_of_another_stream_is_refused(start: StreamOffset, end: StreamOffset):
    with pytest.raises(OffsetError):
        plan_slices(start, end)


def test_a_closed_shard_may_be_forgotten():
    assert plan_slices(offset(a=CLOSED), offset()) == []
