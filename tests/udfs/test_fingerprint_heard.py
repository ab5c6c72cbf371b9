"""What a query tells of the recording behind noise and voices, and how few frames and easy passages are held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fingerprint_sounds import RATE, music
from numpy.typing import NDArray

from streaming.prints import read_print, take_print
from udfs import kernels
from udfs.fingerprint import Fingerprint, fingerprint, hear, plainly_heard
from udfs.landmark_index import SHORT, Generation
from udfs.match import follow_listed
from udfs.segments import LEAST_COUNTED, LEAST_EASE, Block, Segment, blocks, ease, follow
from udfs.shortlist import Chance, Shortlist, chance_of


def voices(seconds: float, seed: int, count: int = 5) -> NDArray[np.float32]:
    """Talkers: harmonics of a pitch that glides, in syllables."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    gliding, syllables = np.arange(0, seconds + 1, 0.2), np.arange(0, seconds + 1, 0.12)
    out = np.zeros(time.size)
    for _ in range(count):
        pitch = np.interp(time, gliding, random.uniform(90, 260, gliding.size))
        loud = np.interp(time, syllables, random.uniform(-1, 1, syllables.size))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        out += sum(np.sin(k * phase) / k**0.5 for k in range(1, 16)) * np.maximum(0, loud) ** 2
    return out.astype(np.float32)


def spoken_over(samples: NDArray[np.float32], below_db: float, seed: int) -> NDArray[np.float32]:
    speech = voices(len(samples) / RATE, seed)[: len(samples)]
    gain = np.sqrt(np.mean(samples**2) / np.mean(speech**2)) * 10 ** (below_db / 20)
    return np.asarray(samples + gain * speech, np.float32)


def deviations(heard: NDArray[np.uint64], known: Fingerprint, others: NDArray[np.uint64]) -> float:
    """How far from chance a query agrees with what it is part of."""
    planes = kernels.to_planes(np.stack([known.signs, known.strong])[:, : len(known.signs) // 4 * 4])
    active = np.ones(heard.shape[1], np.uint8)
    found = np.empty((1, 3))
    kernels.align(heard, active, planes, np.array([0]), 0, np.zeros(1), found)
    chance = chance_of(heard, active, others)
    return float((found[0, 0] / len(active) - chance.mean) * len(active) ** 0.5 / chance.deviation)


def test_a_query_under_voices_is_further_from_chance_by_what_is_heard_than_by_its_signs() -> None:
    gains = []
    for seed in range(4):
        known = fingerprint(music(seed, 40)[: 8 * RATE], RATE)
        rest = [fingerprint(music(other, 40), RATE) for other in range(4) if other != seed]
        others = kernels.to_planes(np.concatenate([np.stack([one.signs, one.strong])[:, :848] for one in rest], axis=1))
        query = hear(spoken_over(music(seed, 40)[: 8 * RATE], 10, seed), RATE)
        plain = deviations(plainly_heard(query.signs), known, others)
        gains.append(deviations(query.heard, known, others) / plain)
    assert np.mean(gains) > 1.15


def test_what_a_query_is_surer_of_is_more_often_so() -> None:
    samples = music(3, 40)[: 10 * RATE]
    known, query = fingerprint(samples, RATE), hear(spoken_over(samples, 0, 9), RATE)
    signs, sure, surest = query.heard
    wrong = signs ^ known.signs

    def share(words: NDArray[np.uint64]) -> float:
        return float(np.bitwise_count(wrong & words).sum() / np.bitwise_count(words).sum())

    assert share(surest) < share(sure & ~surest) < share(~sure)
    assert not (surest & ~sure).any()


@pytest.mark.parametrize("loudness", [1e-8, 1e8])
def test_loudness_does_not_matter_to_what_is_heard(loudness: float) -> None:
    samples = music(3, 40)[: 5 * RATE]
    differing = hear(samples, RATE).heard ^ hear(samples * np.float32(loudness), RATE).heard
    assert np.bitwise_count(differing).mean() < 0.2  # one bit in 300 is on the edge


def test_nothing_is_heard_of_silence() -> None:
    query = hear(np.concatenate([music(3, 40)[: 3 * RATE], np.zeros(3 * RATE, np.float32)]), RATE)
    assert not query.heard[:, query.active == 0].any()
    assert query.heard[1, query.active == 1].all()


def test_a_part_of_a_query_keeps_what_is_heard_of_it_and_codes_alone_are_heard_plainly() -> None:
    query = hear(music(3, 40)[: 5 * RATE], RATE)
    part = query.part(20, 60)
    assert (part.heard == query.heard[:, 20:60]).all()
    assert (part.signs == query.signs[20:60]).all()
    alone = Fingerprint(query.signs, query.strong, query.active)
    assert (alone.heard == plainly_heard(query.signs)).all()


def test_a_print_on_its_way_to_a_catalogue_keeps_what_is_heard() -> None:
    samples = music(3, 40)[: 5 * RATE]
    taken, query = take_print(samples, RATE), hear(samples, RATE)
    assert (read_print(taken).heard == query.heard).all()
    assert (read_print({**taken, "heard": None}).heard == plainly_heard(query.signs)).all()  # of an earlier version


def random_line(frames: int) -> NDArray[np.uint64]:
    words = np.random.default_rng(1).integers(0, 2**64, (2, frames), dtype=np.uint64)
    return kernels.to_planes(np.stack([words[0], words[0] & words[1]]))


def test_few_frames_are_held_against_the_chance_of_more() -> None:
    planes = random_line(4000)
    codes = kernels.from_planes(planes)[0, 1000:1016]
    block = Block(0, 0, Fingerprint(codes, codes, np.ones(16, np.uint8)))
    found = follow(block, planes, np.array([0, 4000], np.uint32), 1000, 0.0, Chance(0.0, 20.0))
    assert found is not None
    assert found.variance == LEAST_COUNTED * 400


def test_what_agrees_with_little_else_is_not_surer_for_that() -> None:
    planes = random_line(SHORT + 4000)
    found = Segment(0, 0, 0, 200, 5000, 5200, 100.0, 1.0, 0.0, Chance(0.0, 20.0))
    assert ease(found, planes, planes) == LEAST_EASE  # coins agree by a deviation of 8 or so, most music by 20


def test_a_block_that_is_joined_is_held_against_its_own_chance() -> None:
    planes = random_line(SHORT)
    generation = Generation(Path(), planes, np.array([0, SHORT], np.uint32), np.zeros(1, np.uint64), frozenset())
    codes = kernels.from_planes(planes)[:, 1000:1430]
    parts = list(blocks(Fingerprint(codes[0], codes[1], np.ones(430, np.uint8))))

    def found(chance: float) -> float:
        """Evidence where only the second block's place is listed."""
        elsewhere = Shortlist(np.array([9000]), np.zeros(1), np.zeros(1), Chance(0.0, chance))
        listed = Shortlist(np.array([1215]), np.zeros(1), np.zeros(1), Chance(0.0, 40.0))
        return max(one.segment.evidence for one in follow_listed(parts, [elsewhere, listed], generation, SHORT))

    assert found(10.0) > 1.5 * found(40.0)
