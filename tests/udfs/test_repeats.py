"""Loops come back to the sample, between frames: the repeat that was heard is told from the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fingerprint_sounds import RATE, music, noisy
from numpy.typing import NDArray

from references.build import build_index
from udfs.fingerprint import fingerprint
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import identify, search_generation
from udfs.repeats import all_between_frames, between_frames, distant_places, likelihoods
from udfs.spectrum import FRAMES_PER_SECOND, resample

REPEATS = 12
PERIOD = 4.01  # seconds: 86.3 frames


def looped() -> NDArray[np.float32]:
    """A loop with a different quiet voice above each repeat."""
    count = int(PERIOD * RATE)
    loop = np.tile(music(0, 5)[:count], REPEATS)
    return np.asarray(loop + 0.05 * music(1, PERIOD * REPEATS + 1)[: len(loop)], np.float32)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LandmarkIndex:
    folder = tmp_path_factory.mktemp("loops")
    soundfile.write(folder / "loop.wav", looped(), RATE)
    for seed in range(2, 8):
        soundfile.write(folder / f"other-{seed}.wav", music(seed, 30), RATE)
    build_index(folder.glob("*.wav"), folder / "index")
    return open_index(folder / "index")


@pytest.mark.parametrize("snr_db", [None, 20])
def test_the_repeat_that_was_heard_is_told_from_the_others(index: LandmarkIndex, snr_db: int | None) -> None:
    right = 0
    for number in range(8):
        start = 1.3 + number * 4.7
        query = looped()[int(start * RATE) :][: 6 * RATE]
        match = identify(query if snr_db is None else noisy(query, snr_db, number), RATE, index, min_score=0)[0]
        assert match.reference_id == "loop"
        right += abs(match.reference_offset_ms - match.query_offset_ms - start * 1000) < 500
    assert right >= 7


def test_places_that_the_shortlist_did_not_bring_are_looked_for_in_all_of_the_recording(index: LandmarkIndex) -> None:
    (generation,) = index.generations
    query = fingerprint(looped()[int(1.3 * RATE) :][: 6 * RATE], RATE)
    found = search_generation(query, generation, index.frames)
    best = max((one.segment for one in found), key=lambda segment: segment.evidence)
    away = distant_places(best, query, generation.planes, generation.edges)
    frames = PERIOD * FRAMES_PER_SECOND
    assert away
    assert all(abs(distance - round(distance / frames) * frames) < 4 for distance in away)
    moved = replace(
        best, reference_first=best.reference_first + away[0], reference_end=best.reference_end + away[0]
    )  # as if the shortlist had brought but another repeat
    back = distant_places(moved, query, generation.planes, generation.edges)
    assert any(abs(distance + away[0]) < 4 for distance in back)


def test_signs_between_frames_are_the_same_taken_of_all_or_of_a_part() -> None:
    mono = resample(music(3, 8), RATE)
    whole = all_between_frames(mono, len(fingerprint(mono, 11025).signs))
    for first, end in ((0, 30), (40, 90), (len(whole[0]) - 20, len(whole[0]))):
        assert np.array_equal(np.stack(between_frames(mono)(first, end)), whole[:, first:end])


def test_a_place_is_no_likelier_for_its_strong_bits_when_it_explains_less_of_what_was_heard() -> None:
    counts = np.array([[[110, 990], [50, 50], [760, 40]], [[55, 1045], [270, 30], [594, 6]]])
    fit = (counts[..., 0] - counts[..., 1]) @ [-1, 1, 3]
    assert fit.tolist() == [3040, 2994]
    assert np.argmax(likelihoods(counts[None, :, None])) == 1


@pytest.mark.parametrize("heard", [3, 8, 16])
def test_a_recording_of_one_short_loop_is_all_that_a_tiny_index_needs(heard: int, tmp_path: Path) -> None:
    loop = music(30, 2)[: int(1.7 * RATE)]
    soundfile.write(tmp_path / "loop.wav", np.tile(loop, 4), RATE)  # 6.8 seconds
    build_index([tmp_path / "loop.wav"], tmp_path / "index")
    tiny = open_index(tmp_path / "index")
    query = noisy(np.tile(loop, heard)[int(0.4 * RATE) :], 10, 1)  # also for longer than it was recorded
    found = identify(query, RATE, tiny)
    assert {one.reference_id for one in found} == {"loop"}
    away = (found[0].reference_offset_ms - found[0].query_offset_ms - 400) / 1700
    assert away == pytest.approx(round(away), abs=0.06)  # any of its repeats: they are one sound
    assert identify(music(31, 8), RATE, tiny) == []
