"""What plays in a broadcast: each recording's start and end, once, from windows that are unsure at their edges."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.listen.order import MOST_WAITING, Order
from streaming.listen.plays import BRIDGE_MS, ChangeKind, Heard, Play, Sighting, Tracker, sightings_of
from udfs.findings import Match

WINDOW, HOP = 12_000, 6_000
MINUTE = 60_000


@dataclass(frozen=True)
class Aired:
    """What was on the air: a recording from `start_ms` on, from its own place `place_ms`."""

    name: str
    start_ms: int
    end_ms: int
    place_ms: int = 0
    score: float = 0.99


def windows(aired: list[Aired], until_ms: int, deaf: set[int] = frozenset()) -> list[tuple[int, list[Sighting]]]:  # type: ignore[assignment]
    """Give the windows as the index would answer: what is heard for three seconds or more, known to 50 ms."""
    heard = []
    for number, start in enumerate(range(0, until_ms, HOP)):
        sightings = []
        for one in aired:
            first, last = max(start, one.start_ms), min(start + WINDOW, one.end_ms)
            if last - first >= 3_000 and number not in deaf:
                shake = 50 * (number % 3 - 1)
                sightings.append(
                    Sighting(one.name, first, last, one.place_ms + first - one.start_ms + shake, one.score)
                )
        heard.append((start, sightings))
    return heard


def listen(given: list[tuple[int, list[Sighting]]], cuts: set[int] = frozenset()) -> Heard:  # type: ignore[assignment]
    """Follow windows, writing down and reading again what is remembered before each window in `cuts`."""
    tracker, heard = Tracker("channel"), Heard()
    for number, (start, sightings) in enumerate(given):
        if number in cuts:
            tracker = Tracker("channel", tracker.to_text())
        one = tracker.hear(start, sightings)
        heard.plays += one.plays
        heard.changes += one.changes
    last = tracker.finish()
    return Heard(heard.plays + last.plays, heard.changes + last.changes)


def spans(plays: list[Play]) -> list[tuple[str, int, int]]:
    return [(play.reference_id, play.start_ms, play.end_ms) for play in plays]


def test_one_recording_after_the_other_is_told_with_start_and_end() -> None:
    heard = listen(windows([Aired("a", 10_000, MINUTE), Aired("b", MINUTE, 2 * MINUTE, 5_000)], 3 * MINUTE))
    assert spans(heard.plays) == [("a", 10_000, MINUTE), ("b", MINUTE, 2 * MINUTE)]
    assert heard.plays[1].reference_start_ms == pytest.approx(5_000, abs=60)
    assert heard.plays[1].reference_end_ms == pytest.approx(65_000, abs=60)
    told = [(change.kind, change.at_ms, change.now) for change in heard.changes]
    assert told == [
        (ChangeKind.STARTED, 10_000, ("a",)),
        (ChangeKind.STARTED, MINUTE, ("b", "a")),
        (ChangeKind.ENDED, MINUTE, ("b",)),
        (ChangeKind.ENDED, 2 * MINUTE, ()),
    ]


def test_a_single_window_is_no_play() -> None:
    assert listen([(0, [Sighting("a", 0, 9_000, 0, 0.99)]), (6_000, [])]) == Heard()
    elsewhere = [(0, [Sighting("a", 0, 9_000, 0, 0.99)]), (6_000, [Sighting("a", 6_000, 18_000, 90_000, 0.99)])]
    assert listen(elsewhere) == Heard()


def test_a_voice_over_a_recording_does_not_end_it_and_a_longer_silence_does() -> None:
    aired = [Aired("a", 0, 3 * MINUTE)]
    assert spans(listen(windows(aired, 4 * MINUTE, deaf={10, 11, 12})).plays) == [("a", 0, 3 * MINUTE)]
    twice = listen(windows(aired, 4 * MINUTE, deaf=set(range(10, 18)))).plays
    assert spans(twice) == [("a", 0, 66_000), ("a", 108_000, 3 * MINUTE)]


def test_the_same_recording_again_is_a_play_of_its_own() -> None:
    at_once = listen(windows([Aired("a", 0, MINUTE), Aired("a", MINUTE, 2 * MINUTE)], 3 * MINUTE)).plays
    assert [play.reference_id for play in at_once] == ["a", "a"]
    assert at_once[0].end_ms == MINUTE == at_once[1].start_ms
    later = listen(windows([Aired("a", 0, MINUTE), Aired("b", MINUTE, 90_000), Aired("a", 90_000, 150_000)], 200_000))
    assert spans(later.plays) == [("a", 0, MINUTE), ("b", MINUTE, 90_000), ("a", 90_000, 150_000)]
    assert len({play.play_id for play in later.plays}) == 3


def test_a_refrain_taken_for_an_earlier_one_does_not_break_a_play() -> None:
    given = windows([Aired("a", 0, 3 * MINUTE)], 4 * MINUTE)
    for number in (8, 9, 10, 20, 21):
        start, (sighting,) = given[number]
        given[number] = (start, [Sighting("a", start, sighting.end_ms, sighting.place_ms - 30_000, 0.99)])
    assert spans(listen(given).plays) == [("a", 0, 3 * MINUTE)]


def test_a_cross_fade_lets_both_be_heard() -> None:
    plays = listen(windows([Aired("a", 0, 65_000), Aired("b", 60_000, 2 * MINUTE)], 3 * MINUTE)).plays
    assert spans(plays) == [("a", 0, 65_000), ("b", 60_000, 2 * MINUTE)]


def test_of_two_copies_of_one_recording_the_one_that_plays_goes_on() -> None:
    given = windows([Aired("a", 0, MINUTE), Aired("copy", 0, MINUTE, score=0.5)], 2 * MINUTE)
    given = [
        (start, [Sighting(**{**vars(one), "score": 1.49 - one.score}) if number > 3 else one for one in sightings])
        for number, (start, sightings) in enumerate(given)
    ]
    assert spans(listen(given).plays) == [("a", 0, MINUTE)]


def test_a_faster_play_is_followed() -> None:
    speed = 1.04
    given = [
        (start, [Sighting("a", start, start + WINDOW, round(start * speed), 0.9, speed)])
        for start in range(0, 2 * MINUTE, HOP)
    ]
    (play,) = listen(given).plays
    assert play.reference_end_ms == pytest.approx(play.end_ms * speed, abs=200)


def test_only_accepted_matches_are_sightings() -> None:
    matches = [Match("a", 0.9, 1_000, 50_000, 8_000, title="A"), Match("b", 0.2, 0, 0, 9_000, accepted=False)]
    assert sightings_of(matches, 6_000) == [Sighting("a", 7_000, 15_000, 50_000, 0.9, title="A")]


@st.composite
def programmes(draw: st.DrawFn) -> list[Aired]:
    """Draw what a station airs: recordings with gaps, cross-fades, returns and jingles between."""
    at, aired = 0, []
    for _ in range(draw(st.integers(1, 8))):
        at += draw(st.sampled_from([-4_000, 0, 0, 5_000, 40_000]))
        length = draw(st.integers(4_000, 100_000))
        start = max(at, 0)
        aired.append(Aired(draw(st.sampled_from("abc")), start, start + length, draw(st.sampled_from([0, 0, 30_000]))))
        at = start + length
    return aired


@settings(max_examples=150, deadline=None)
@given(programmes(), st.sets(st.integers(0, 200)), st.sets(st.integers(0, 150), max_size=12))
def test_any_split_into_batches_gives_the_same_plays_each_once(
    aired: list[Aired], cuts: set[int], deaf: set[int]
) -> None:
    given = windows(aired, max(one.end_ms for one in aired) + MINUTE, deaf)
    heard = listen(given)
    assert listen(given, cuts) == heard
    assert listen(given, set(range(len(given)))) == heard
    ids = [play.play_id for play in heard.plays]
    assert len(set(ids)) == len(ids)
    assert len({change.id for change in heard.changes}) == len(heard.changes) == 2 * len(ids)
    for play in heard.plays:
        assert play.start_ms < play.end_ms
        on_air = [one for one in aired if one.name == play.reference_id]
        assert any(one.start_ms - 1 <= play.start_ms <= one.end_ms for one in on_air)
        assert any(one.start_ms <= play.end_ms <= one.end_ms + 1 for one in on_air)
    by_name: dict[str, list[Play]] = {}
    for play in sorted(heard.plays, key=lambda one: one.start_ms):
        by_name.setdefault(play.reference_id, []).append(play)
    for plays in by_name.values():
        assert all(one.end_ms <= other.end_ms for one, other in pairwise(plays))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(30_000, 90_000), st.integers(0, 3)), min_size=1, max_size=6))
def test_every_recording_of_half_a_minute_and_more_is_told_to_the_window(programme: list[tuple[int, int]]) -> None:
    at, aired = 0, []
    for number, (length, pause) in enumerate(programme):
        at += pause * 1_000
        aired.append(Aired(f"r{number}", at, at + length))
        at += length
    plays = listen(windows(aired, at + MINUTE)).plays
    assert [play.reference_id for play in plays] == [one.name for one in aired]
    for play, one in zip(plays, aired, strict=True):
        assert abs(play.start_ms - one.start_ms) < HOP
        assert abs(play.end_ms - one.end_ms) < HOP


def test_an_end_is_told_within_the_bridge_and_not_before() -> None:
    tracker, ended = Tracker("channel"), []
    for start, sightings in windows([Aired("a", 0, MINUTE)], 2 * MINUTE):
        ended += [start for change in tracker.hear(start, sightings).changes if change.kind is ChangeKind.ENDED]
    assert ended == [MINUTE + BRIDGE_MS + 4_000]
    assert json.loads(tracker.to_text()) == []


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=5))
def test_chunks_come_out_in_their_order_each_once(order: list[int], again: list[int]) -> None:
    given: Order[int] = Order()
    out = [item for index in [*order, *again] for _, item in given.put(index, index, 1)]
    assert (out, given.late, given.waiting) == (list(range(12)), len(again), {})


def test_what_is_missing_is_waited_for_and_then_counted() -> None:
    given: Order[int] = Order()
    assert list(given.put(0, 0, 1)) == [(0, 0)]
    out = [one for index in range(3, MOST_WAITING + 4) for one in given.put(index, index, 1)]
    assert out[:2] == [(2, 3), (0, 4)]
    assert len(out) == MOST_WAITING + 1
    assert list(given.put(MOST_WAITING + 9, 1, 1)) == []
    assert list(given.give_up()) == [(5, 1)]
