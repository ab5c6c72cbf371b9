"""Which streams are in use, and which of them a key goes to: stable, even, and never forgotten."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.stream_set import (
    Epoch,
    Mode,
    StreamSet,
    StreamSettings,
    Tracking,
    baseline_names,
    choose,
    with_extras,
)

NAMES = ("s-a-0", "s-a-1", "s-b-0", "s-b-1")
SET = StreamSet("s", StreamSettings(), (Epoch("2026-01-01T00:00:00+00:00", NAMES),))
KEYS = [f"user{number}/track" for number in range(4_000)]


def test_keys_are_spread_evenly():
    shares = Counter(choose(key, NAMES) for key in KEYS)
    assert set(shares) == set(NAMES)
    assert all(900 < share < 1_100 for share in shares.values())


def test_a_new_stream_takes_keys_and_moves_no_others():
    more = (*NAMES, "s-extra-0")
    moved = [key for key in KEYS if choose(key, more) != choose(key, NAMES)]
    assert {choose(key, more) for key in moved} == {"s-extra-0"}
    assert 700 < len(moved) < 900  # a fifth


def test_the_choice_is_the_same_for_ever_and_in_any_order():
    assert [choose(key, NAMES) for key in ("alice/song", "bob/ü \U0001f3b5", "c")] == ["s-a-1", "s-b-1", "s-a-1"]
    assert choose("alice/song", NAMES[::-1]) == choose("alice/song", NAMES)


@given(st.text(max_size=256))
def test_every_key_has_a_stream(key: str):
    assert SET.stream_of(key) in NAMES


def test_baseline_streams_are_named_by_zone_and_number():
    assert baseline_names("s", ["a", "b"], 2) == NAMES


def test_extra_streams_come_and_go_and_their_names_are_never_used_again():
    up = SET.change(with_extras(SET, 2), "t1")
    assert up.extras == ("s-extra-0", "s-extra-1")
    down = up.change(with_extras(up, 1), "t2")
    assert down.active == (*NAMES, "s-extra-0")
    assert down.draining == {"s-extra-1": "t2"}
    assert down.existing == (*NAMES, "s-extra-0", "s-extra-1")
    assert down.change(NAMES, "t3").draining == {"s-extra-1": "t2", "s-extra-0": "t3"}
    forgotten = down.forget(["s-extra-1"])
    assert forgotten.existing == (*NAMES, "s-extra-0")
    assert with_extras(forgotten, 3)[-2:] == ("s-extra-2", "s-extra-3")


def test_where_a_key_went_is_told_for_all_times():
    up = SET.change(with_extras(SET, 1), "t1").change(NAMES, "t2")
    moved = next(key for key in KEYS if choose(key, up.epochs[1].streams) == "s-extra-0")
    stayed = next(key for key in KEYS if choose(key, up.epochs[1].streams) != "s-extra-0")
    home = choose(moved, NAMES)
    assert up.history_of(moved) == [(SET.epochs[0].since, home), ("t1", "s-extra-0"), ("t2", home)]
    assert up.history_of(stayed) == [(SET.epochs[0].since, choose(stayed, NAMES))]


def test_a_set_survives_being_written_down():
    settings = StreamSettings(Mode.PROVISIONED, 4, 2048, 48, "", {"team": "ingest"}, Tracking(0.5, 4, 8))
    streams = StreamSet("s", settings, (Epoch("t0", NAMES),)).change(NAMES[:2], "t1")
    assert StreamSet.from_dict(json.loads(json.dumps(streams.to_dict()))) == streams


@pytest.mark.parametrize(
    "broken", [{"format": 2}, {"epochs": []}, {"epochs": [{"since": "t", "streams": []}]}, {"settings": {"mode": "X"}}]
)
def test_what_is_no_set_is_refused(broken: dict[str, object]):
    with pytest.raises(ValueError, match=r"format|epoch|Mode"):
        StreamSet.from_dict({**SET.to_dict(), **broken})


@pytest.mark.parametrize("policy", [(0, 1, 2), (1.1, 1, 2), (0.5, 3, 2), (0.5, 0, 2), (float("nan"), 1, 2)])
def test_a_policy_that_cannot_be_followed_is_refused(policy: tuple[float, int, int]):
    with pytest.raises(ValueError, match="target"):
        Tracking(*policy)
