"""Identify: known sound is found through what happens to it, unknown sound is said to be unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fingerprint_sounds import RATE, music, noisy

from references.build import build_index
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import MIN_SCORE, NEXT, Match, candidates, identify

KNOWN = 6


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LandmarkIndex:
    folder = tmp_path_factory.mktemp("known")
    for seed in range(KNOWN):
        soundfile.write(folder / f"song-{seed}.wav", music(seed, 40), RATE, subtype="PCM_16")
    build_index([folder], folder / "index")
    return open_index(folder / "index")


def excerpt(seed: int, start: float, seconds: float) -> np.ndarray:
    return music(seed, 40)[int(start * RATE) : int((start + seconds) * RATE)]


def best(samples: np.ndarray, index: LandmarkIndex, rate: int = RATE) -> Match:
    return identify(samples, rate, index, min_score=0)[0]


def test_an_excerpt_is_found_with_its_offset(index: LandmarkIndex) -> None:
    match = identify(excerpt(2, 12.3, 10), RATE, index)[0]
    assert match.reference_id == "song-2"
    assert match.score > MIN_SCORE
    assert match.reference_offset_ms - match.query_offset_ms == pytest.approx(12300, abs=60)
    assert match.coverage > 0.95
    assert match.speed == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("seconds", [3, 5, 20])
def test_excerpts_of_other_lengths_are_found(index: LandmarkIndex, seconds: int) -> None:
    match = identify(excerpt(1, 8, seconds), RATE, index)[0]
    assert (match.reference_id, match.matched_ms > 800 * seconds) == ("song-1", True)


def test_sound_of_no_known_recording_is_unknown(index: LandmarkIndex) -> None:
    assert [identify(music(seed, 12), RATE, index) for seed in range(100, 108)] == [[]] * 8


def test_unknown_sound_has_a_best_guess_when_asked_for(index: LandmarkIndex) -> None:
    guesses = identify(music(100, 10), RATE, index, min_score=0)
    assert guesses
    assert guesses[0].score < MIN_SCORE
    assert [one.score for one in guesses] == sorted((one.score for one in guesses), reverse=True)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
def test_any_sample_rate_is_understood(index: LandmarkIndex, rate: int) -> None:
    import soxr

    assert best(soxr.resample(excerpt(3, 5, 8), RATE, rate), index, rate).reference_id == "song-3"


def test_loudness_does_not_matter(index: LandmarkIndex) -> None:
    quiet, loud = (best(excerpt(4, 5, 8) * gain, index) for gain in (1e-3, 100))
    assert quiet.reference_id == loud.reference_id == "song-4"
    assert quiet.score == pytest.approx(loud.score)


@pytest.mark.parametrize("snr_db", [5, 0, -3])
def test_noise_does_not_hide_a_recording(index: LandmarkIndex, snr_db: int) -> None:
    assert identify(noisy(excerpt(0, 9, 10), snr_db, 7), RATE, index)[0].reference_id == "song-0"


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_speed_is_found_and_measured(index: LandmarkIndex, factor: float) -> None:
    import soxr

    match = identify(soxr.resample(excerpt(5, 10, 12), RATE * factor, RATE), RATE, index)[0]
    assert match.reference_id == "song-5"
    assert match.speed == pytest.approx(factor, abs=0.01)
    assert match.pitch == pytest.approx(factor, abs=0.005)


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_stretched_tempo_is_found_and_measured(index: LandmarkIndex, factor: float) -> None:
    import librosa

    match = identify(librosa.effects.time_stretch(excerpt(5, 8, 20), rate=factor), RATE, index)[0]
    assert match.reference_id == "song-5"
    assert match.speed == pytest.approx(factor, abs=0.01)
    assert match.pitch == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("semitones", [-0.5, 0.5])
def test_another_pitch_is_found_and_measured(index: LandmarkIndex, semitones: float) -> None:
    import librosa

    match = identify(librosa.effects.pitch_shift(excerpt(4, 8, 10), sr=RATE, n_steps=semitones), RATE, index)[0]
    assert match.reference_id == "song-4"
    assert match.pitch == pytest.approx(2 ** (semitones / 12), abs=0.005)
    assert match.speed == pytest.approx(1, abs=0.005)


def test_parts_of_two_recordings_are_both_reported(index: LandmarkIndex) -> None:
    query = np.concatenate([excerpt(1, 5, 12), music(100, 10), excerpt(2, 20, 12)])
    first, second = sorted(identify(query, RATE, index)[:2], key=lambda match: match.query_offset_ms)
    assert (first.reference_id, second.reference_id) == ("song-1", "song-2")
    assert first.query_offset_ms == pytest.approx(0, abs=1500)
    assert second.reference_offset_ms - second.query_offset_ms == pytest.approx(20000 - 22000, abs=100)
    assert [one.matched_ms for one in (first, second)] == [pytest.approx(12000, abs=3500)] * 2
    assert [one.coverage for one in (first, second)] == [pytest.approx(12 / 34, abs=0.1)] * 2


def test_a_part_with_silence_around_is_found(index: LandmarkIndex) -> None:
    still = np.zeros(4 * RATE, np.float32)
    match = identify(np.concatenate([still, excerpt(3, 15, 6), still]), RATE, index)[0]
    assert match.reference_id == "song-3"
    assert match.reference_offset_ms - match.query_offset_ms == pytest.approx(11000, abs=100)


@pytest.mark.parametrize(
    "samples",
    [np.zeros(0), np.zeros(1), np.zeros(10 * RATE), np.full(5 * RATE, 0.5), np.full(RATE, np.nan), np.ones(100)],
    ids=["empty", "one sample", "silence", "constant", "not a number", "too short"],
)
def test_sound_without_content_is_unknown(index: LandmarkIndex, samples: np.ndarray) -> None:
    assert identify(samples.astype(np.float32), RATE, index) == []


def test_stereo_samples_are_refused(index: LandmarkIndex) -> None:
    with pytest.raises(ValueError, match="mono"):
        identify(np.zeros((100, 2), np.float32), RATE, index)


def test_an_empty_index_knows_nothing(tmp_path: Path) -> None:
    from references.build import remove_recordings

    soundfile.write(tmp_path / "a.wav", music(0, 12), RATE)
    build_index([tmp_path / "a.wav"], tmp_path / "index")
    remove_recordings(["a"], tmp_path / "index")
    assert identify(music(0, 10), RATE, open_index(tmp_path / "index"), min_score=0) == []


def test_a_long_upload_is_matched_as_a_whole_with_linear_cost(index: LandmarkIndex) -> None:
    import time

    def seconds_for(repeats: int) -> float:
        query = np.concatenate([*[music(200 + number, 30) for number in range(4)] * repeats, excerpt(4, 3, 30)])
        began = time.process_time()
        assert identify(query, RATE, index)[0].reference_id == "song-4"
        return time.process_time() - began

    seconds_for(1)
    assert seconds_for(8) < 8 * 2.5 * seconds_for(1)


def half_known() -> np.ndarray:
    return np.concatenate([excerpt(2, 12.3, 10), music(100, 10)])


def test_the_next_candidates_follow_the_matches_and_are_marked(index: LandmarkIndex) -> None:
    first, *others = candidates(half_known(), RATE, index)
    assert (first.reference_id, first.accepted) == ("song-2", True)
    assert 1 <= len(others) <= NEXT
    assert not any(one.accepted or one.score >= MIN_SCORE for one in others)


def test_unknown_sound_has_candidates_but_no_match(index: LandmarkIndex) -> None:
    unsure = candidates(music(100, 10), RATE, index)
    assert unsure == sorted(unsure, key=lambda one: -one.score)
    assert 1 <= len(unsure) <= NEXT
    assert not any(one.accepted for one in unsure)
    assert identify(music(100, 10), RATE, index) == []


def test_the_row_of_an_upload_has_its_match_and_marks_the_next_candidates(index: LandmarkIndex, tmp_path: Path) -> None:
    from udfs.classify import Classifier
    from udfs.decode import decode
    from udfs.judgement import describe
    from udfs.track import Track

    def row(samples: np.ndarray) -> dict[str, Any]:
        soundfile.write(tmp_path / "a.wav", samples, RATE)
        track = Track.from_file(tmp_path / "a.wav")
        return describe(track, Classifier(decode, index).classify(track))

    known, unknown = row(half_known()), row(music(100, 10))
    assert (known["identity"], known["reference_id"]) == ("match", "song-2")
    assert (unknown["identity"], unknown["reference_id"], unknown["score"]) == ("no_match", None, None)
    for one in (known, unknown):
        assert one["candidates"]
        assert not any(candidate["accepted"] for candidate in one["candidates"])


MEMORY = """
import resource, sys, numpy as np
from udfs.landmark_index import open_index
from udfs.match import identify
index, minutes = open_index(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(0)
identify(random.standard_normal(10 * 11025).astype(np.float32), 11025, index)
upload = random.standard_normal(minutes * 60 * 11025, dtype=np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
identify(upload, 11025, index)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize("minutes", [10, pytest.param(60, marks=pytest.mark.slow)])
def test_a_long_upload_takes_little_more_memory_than_its_samples(index: LandmarkIndex, minutes: int) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-c", MEMORY, str(index.folder), str(minutes)]
    megabytes = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert megabytes < 60 + 2 * minutes
