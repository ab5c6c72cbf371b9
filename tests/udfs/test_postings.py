"""Posting lists: the votes of a query are those that counting one by one gives, however the time line is cut."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from udfs.fingerprint import Fingerprint
from udfs.postings import LEAST, NEAR, SLAB, STEP, Postings, best_of, build_postings, build_slab, vote
from udfs.triads import HASHES, NONE, asked_hashes

FRAMES = 2 * SLAB + 5000


def some_query(seed: int, frames: int = 100) -> Fingerprint:
    random = np.random.default_rng(seed)
    signs = random.integers(0, 2**64, frames, dtype=np.uint64)
    return Fingerprint(signs, signs & random.integers(0, 2**64, frames, dtype=np.uint64), np.ones(frames, np.uint8))


@pytest.fixture(scope="module")
def line() -> np.ndarray:
    """Random hashes, in which a query of its own is heard at three places."""
    random = np.random.default_rng(5)
    hashes = random.integers(0, HASHES, FRAMES).astype(np.uint16)
    hashes[random.random(FRAMES) < 0.3] = NONE
    asked, frames = asked_hashes(some_query(1))
    for start in (700, SLAB - 50, 2 * SLAB + 100):
        for frame in range(100):
            hashes[start + frame] = asked[frames == frame][0]
    return hashes


def votes_by_hand(query: Fingerprint, hashes: np.ndarray) -> dict[tuple[int, int], int]:
    """Votes by slab and neighbourhood: the most of two neighbouring steps of distance."""
    asked, frames = asked_hashes(query)
    counts: Counter[tuple[int, int]] = Counter()
    where: dict[int, list[int]] = {}
    for place, number in enumerate(hashes.tolist()):
        where.setdefault(number, []).append(place)
    for number, frame in zip(asked.tolist(), frames.tolist(), strict=True):
        for place in where.get(number, ()):
            counts[place // SLAB, place % SLAB // STEP - frame // STEP] += 1
    best: dict[tuple[int, int], int] = {}
    for slab, distance in {(slab, at + back) for slab, at in counts for back in (0, -1)}:
        total = counts[slab, distance] + counts[slab, distance + 1]
        near = (slab, distance // (NEAR // STEP))
        if total >= LEAST:
            best[near] = max(best.get(near, 0), total)
    return best


def test_votes_are_those_that_counting_by_hand_gives(line: np.ndarray) -> None:
    query = some_query(1)
    expected = votes_by_hand(query, line)
    found = vote(query, build_postings(line), most=100_000)
    assert sorted(found.votes.tolist()) == sorted(expected.values())
    assert found.votes.tolist() == sorted(found.votes.tolist(), reverse=True)


def test_what_is_heard_is_the_best_candidate(line: np.ndarray) -> None:
    starts = vote(some_query(1), build_postings(line), most=20).starts
    assert all(min(abs(starts - start)) <= STEP for start in (700, SLAB - 50, 2 * SLAB + 100))
    assert all(min(abs(start - np.array([700, SLAB - 50, 2 * SLAB + 100]))) <= NEAR for start in starts[:3])


@pytest.mark.parametrize("most", [3, 40, 5000])
def test_slabs_asked_one_by_one_give_the_same_candidates(line: np.ndarray, most: int) -> None:
    query = some_query(1)
    together = vote(query, build_postings(line), most=most)
    slabs = [build_slab(line[first : first + SLAB]) for first in range(0, FRAMES, SLAB)]
    parts = [vote(query, slab, number, most) for number, slab in enumerate(slabs)]
    one_by_one = best_of(parts, most)
    assert together.starts.tolist() == one_by_one.starts.tolist()
    assert together.votes.tolist() == one_by_one.votes.tolist()


def test_the_best_of_many_are_kept_and_of_equal_ones_the_earlier(line: np.ndarray) -> None:
    query = some_query(2)
    all_of_them = vote(query, build_postings(line), most=100_000)
    for most in (1, 7, 50):
        some = vote(query, build_postings(line), most=most)
        assert some.starts.tolist() == all_of_them.starts[:most].tolist()


def test_a_query_that_begins_before_the_line_is_found_there() -> None:
    asked, frames = asked_hashes(some_query(1))
    hashes = np.array([asked[frames == frame][0] for frame in range(60, 100)], np.uint16)
    assert abs(int(vote(some_query(1), build_postings(hashes)).starts[0]) + 60) <= STEP


def test_a_silent_query_has_no_candidates(line: np.ndarray) -> None:
    silent = Fingerprint(np.zeros(50, np.uint64), np.zeros(50, np.uint64), np.zeros(50, np.uint8))
    assert vote(silent, build_postings(line)).starts.size == 0


def test_a_sound_that_stays_among_few_hashes_does_not_break_the_lists() -> None:
    hashes = (np.arange(SLAB) % 7).astype(np.uint16)
    built: Postings = build_slab(hashes)
    assert len(built.places) == 0xFFFF
    first = built.places[: built.offsets[0, 1]].astype(int) * STEP
    assert np.all(hashes[np.minimum(first + np.array(hashes[first] != 0), SLAB - 1)] == 0)
