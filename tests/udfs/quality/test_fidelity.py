"""A copy against its recording: aligned, then measured; where something cannot be told, it says why."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr

from udfs.decode import decode
from udfs.quality.alignment import NotAlignedError, align
from udfs.quality.fidelity import compare, measure_pesq, measure_si_sdr
from udfs.track import Track

DEMO = Path(__file__).parents[3] / "references/demo"
RATE = 44_100


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Ten seconds of a voice, mono."""
    return decode(Track.from_file(DEMO / "a-new-world-speech.flac")).mono()[: 10 * RATE]


def noisy(sound: np.ndarray, decibels: float) -> np.ndarray:
    noise = np.random.default_rng(5).standard_normal(len(sound))
    return (sound + noise * np.sqrt(np.mean(sound**2)) * 10 ** (-decibels / 20)).astype(np.float32)


def test_a_copy_is_found_where_it_was_cut_out_or_begins_earlier(speech: np.ndarray) -> None:
    cut = align(speech, RATE, noisy(speech[3 * RATE : 7 * RATE], 0), RATE)
    assert abs(cut.reference_offset_ms - 3000) <= 1
    assert cut.degraded_offset_ms == 0
    assert len(cut.reference) == len(cut.degraded) == pytest.approx(4 * 16_000, abs=20)
    early = align(speech[2 * RATE :], RATE, soxr.resample(speech, RATE, 22_050), 22_050)
    assert (early.reference_offset_ms, round(early.degraded_offset_ms / 10)) == (0, 200)


def test_a_copy_at_another_speed_is_compared_at_the_recordings(speech: np.ndarray) -> None:
    faster = soxr.resample(speech, RATE * 1.05, RATE)
    assert compare(speech, RATE, faster, RATE, speed=1.05).si_sdr_db > 25
    assert (
        compare(speech, RATE, np.asarray(-0.2 * speech), RATE).si_sdr_db > 60
    )  # loudness and polarity count for nothing


def test_another_recording_silence_and_moments_cannot_be_compared(speech: np.ndarray) -> None:
    other = decode(Track.from_file(DEMO / "west.ogg")).mono()
    for sound in (other, np.zeros(RATE * 2, np.float32), speech[: RATE // 4]):
        with pytest.raises(NotAlignedError):
            align(speech, RATE, sound, RATE)


def test_si_sdr_is_the_noise_that_was_added(speech: np.ndarray) -> None:
    for decibels in (-5, 10, 30):
        assert measure_si_sdr(speech, noisy(speech, decibels)) == pytest.approx(decibels, abs=0.2)
    assert measure_si_sdr(speech, 3 * speech) == math.inf
    assert measure_si_sdr(np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])) == -math.inf
    with pytest.raises(ValueError, match="silent"):
        measure_si_sdr(np.zeros(10), np.ones(10))


def test_pesq_falls_as_noise_rises(speech: np.ndarray) -> None:
    pytest.importorskip("pesq", reason="built where there is a C compiler")
    voice = soxr.resample(speech, RATE, 16_000)
    scores = [measure_pesq(voice, noisy(voice, decibels), 16_000).score or 0.0 for decibels in (60, 30, 15, 0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 4.3 > 2.0 > scores[-1] > 1.0
    assert measure_pesq(voice, voice, 16_000).score == pytest.approx(4.644, abs=0.001)  # the scale's end (P.862.2)
    assert measure_pesq(speech, speech, 8_000).mode == "nb"


def test_where_pesq_gives_nothing_the_field_says_why(speech: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        "too short" in measure_pesq(speech[:4000], speech[:4000], 16_000).why
        or "not installed" in measure_pesq(speech, speech, RATE).why
    )
    monkeypatch.setitem(sys.modules, "pesq", None)  # as where it could not be built
    found = compare(speech, RATE, noisy(speech, 20), RATE)
    assert found.pesq.score is None
    assert "not installed" in found.pesq.why
    assert found.si_sdr_db == pytest.approx(20, abs=6)  # over 16 kHz of it
