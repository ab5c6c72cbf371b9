"""Hashes of the bands that stand out most: one number for each set of three, and a query asks for those it may be."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from fingerprint_sounds import RATE, music, noisy

from udfs.fingerprint import BANDS, Fingerprint, fingerprint
from udfs.triads import HASHES, NONE, REPEAT, asked_hashes, hashes_of


def codes_of(bands: list[tuple[int, ...]]) -> np.ndarray:
    """Codes of frames in which exactly these bands are strong."""
    words = [sum(1 << band for band in frame) for frame in bands]
    return np.array([words, words], np.uint64)


def asked_in(query: Fingerprint, frame: int) -> set[int]:
    hashes, frames = asked_hashes(query)
    return set(hashes[frames == frame].tolist())


def query_of(codes: np.ndarray) -> Fingerprint:
    return Fingerprint(codes[0], codes[1], np.ones(codes.shape[1], np.uint8))


def test_every_set_of_three_parted_bands_has_its_own_number() -> None:
    triads = list(combinations(range(0, BANDS, 3), 3))
    hashes = np.array([hashes_of(codes_of([three]))[0] for three in triads])
    assert len(set(hashes.tolist())) == len(triads)
    assert int(hashes.max()) < HASHES


def test_a_held_chord_is_hashed_once_in_a_while() -> None:
    hashes = hashes_of(codes_of([(3, 20, 41)] * 3 * REPEAT))
    assert np.count_nonzero(hashes != NONE) == 1


def test_a_frame_without_three_salient_bands_has_no_hash() -> None:
    assert hashes_of(codes_of([(3, 20)] * 4)).tolist() == [NONE] * 4


def test_a_query_asks_for_the_hashes_of_what_it_is_part_of() -> None:
    whole = fingerprint(music(3, 20), RATE)
    hashes = hashes_of(np.stack([whole.signs, whole.strong]))
    part = Fingerprint(whole.signs[100:200], whole.strong[100:200], whole.active[100:200])
    expected = [(frame, int(hashes[100 + frame])) for frame in range(1, 99) if hashes[100 + frame] != NONE]
    assert len(expected) > 40
    asked = set(zip(*(one.tolist() for one in asked_hashes(part)[::-1]), strict=True))
    assert set(expected) <= asked


@pytest.mark.parametrize("turn", [-1, 1])
def test_a_query_a_band_higher_or_lower_asks_for_them_too(turn: int) -> None:
    recording = codes_of([(5, 22, 40, 60)] * 3)
    heard = query_of(codes_of([tuple(band + turn for band in (5, 22, 40, 60))] * 3))
    assert int(hashes_of(recording)[0]) in asked_in(heard, 0)


def test_noise_leaves_many_of_the_hashes_asked_for() -> None:
    clean = fingerprint(music(4, 20), RATE)
    noisy_query = fingerprint(noisy(music(4, 20), 0, seed=1), RATE)
    hashes = hashes_of(np.stack([clean.signs, clean.strong]))
    frames = [frame for frame in range(len(hashes)) if hashes[frame] != NONE]
    asked = set(zip(*(one.tolist() for one in asked_hashes(noisy_query)[::-1]), strict=True))
    kept = np.mean([(frame, int(hashes[frame])) in asked for frame in frames])
    by_chance = len(asked_hashes(noisy_query)[0]) / len(hashes) / HASHES
    assert kept > 30 * by_chance


def test_silent_frames_ask_for_nothing() -> None:
    codes = codes_of([(5, 22, 40)] * 6)
    assert asked_hashes(Fingerprint(codes[0], codes[1], np.zeros(6, np.uint8)))[0].size == 0
