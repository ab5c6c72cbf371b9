"""The grade without a reference: each way of spoiling a recording is found out, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soxr

from udfs.classify import Classifier
from udfs.decode import decode
from udfs.findings import Grade, Quality
from udfs.judgement import describe
from udfs.quality import examine_quality
from udfs.track import Track

DEMO = Path(__file__).parents[3] / "references/demo"
RATE = 44_100
CLEAN = ("a-new-world-speech.flac", "meroitic-phrases-speech.opus", "west.ogg", "beware-the-ships-kobold.mp3")


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Ten seconds of a voice, peak 0.7, mono."""
    sound = decode(Track.from_file(DEMO / "a-new-world-speech.flac")).mono()[: 10 * RATE]
    return sound / np.abs(sound).max() * np.float32(0.7)


def examined(sound: np.ndarray, rate: int = RATE) -> Quality:
    quality = examine_quality(np.asarray(sound, np.float32).reshape(len(sound), -1), rate)
    assert quality is not None
    return quality


def noise(count: int, level: float) -> np.ndarray:
    return (level * np.random.default_rng(3).standard_normal(count)).astype(np.float32)


@pytest.mark.parametrize("name", CLEAN)
def test_a_good_recording_is_excellent_and_nothing_is_said_against_it(name: str) -> None:
    decoded = decode(Track.from_file(DEMO / name))
    quality = examined(decoded.samples, decoded.sample_rate)
    assert (quality.grade, quality.because) == (Grade.EXCELLENT, ())


def test_clipping_is_found_and_measured_even_where_it_was_turned_down_later(speech: np.ndarray) -> None:
    limit = float(np.quantile(np.abs(speech), 0.98))
    for gain in (1 / limit, 0.2 / limit):
        quality = examined(np.clip(speech, -limit, limit) * np.float32(gain))
        assert quality.because[0] == "clipping"
        assert 0.008 < quality.measures["clipped_share"] < 0.025  # 2 %, less the lone samples


def test_a_low_tone_at_full_scale_is_not_clipped() -> None:
    axis = np.arange(4 * RATE) / RATE
    for hz in (40, 100, 441, 1000):
        assert examined(np.sin(2 * np.pi * hz * axis)).measures["clipped_share"] == 0


def test_noise_is_measured_within_six_decibels_under_speech_and_is_not_seen_in_music(speech: np.ndarray) -> None:
    loud = float(np.sqrt(np.mean(speech**2)))
    for decibels in (15, 25, 35):
        quality = examined(speech + noise(len(speech), loud * 10 ** (-decibels / 20)))
        assert quality.because[0] == "noise"
        assert abs(quality.measures["signal_to_noise_db"] - decibels - 5) < 6  # of the loud parts, not of the mean
    for name in ("west.ogg", "terminal.opus"):
        music = decode(Track.from_file(DEMO / name))
        assert examined(music.samples, music.sample_rate).measures["signal_to_noise_db"] is None


def test_noise_that_may_be_the_recording_is_fair_and_a_voice_under_as_much_of_it_is_poor(speech: np.ndarray) -> None:
    low_pass = scipy.signal.butter(1, 3_000, fs=RATE, output="sos")
    rain = scipy.signal.sosfilt(low_pass, noise(len(speech), 0.2)) * (1 + 0.3 * np.sin(np.arange(len(speech)) / RATE))
    quality = examined(rain)
    assert (quality.grade, quality.because) == (Grade.FAIR, ("noise",))
    assert quality.measures["uneven_share"] < 0.08
    voice = examined(speech + rain * float(np.std(speech) / np.std(rain)) / 2)
    assert (voice.grade, voice.because[0]) == (Grade.POOR, "noise")
    assert voice.measures["uneven_share"] > 0.3


def test_a_spectrum_that_fades_was_cut_by_nobody(speech: np.ndarray) -> None:
    for order, hertz in ((1, 2_000), (2, 6_000)):
        quality = examined(scipy.signal.sosfilt(scipy.signal.butter(order, hertz, fs=RATE, output="sos"), speech))
        assert (quality.measures["cliff_db"], quality.because) == (0.0, ())


def test_a_file_that_was_blown_up_from_a_lower_rate_is_found_out(speech: np.ndarray) -> None:
    for low in (8_000, 16_000):
        blown_up = soxr.resample(soxr.resample(speech, RATE, low), low, RATE)
        quality = examined(blown_up)
        assert "bandwidth" in quality.because
        assert 0.85 * low / 2 < quality.measures["bandwidth_hz"] < 1.05 * low / 2
        assert quality.measures["cliff_db"] > 25


def test_a_low_rate_counts_as_its_bandwidth_whatever_the_file_calls_itself(speech: np.ndarray) -> None:
    low = soxr.resample(speech, RATE, 8_000)
    assert examined(low, 8_000).because == ("bandwidth",)
    assert abs(examined(low, 8_000).score - examined(soxr.resample(low, 8_000, RATE)).score) < 0.3


def test_lost_packets_are_counted_and_pauses_are_not(speech: np.ndarray) -> None:
    broken, length = speech.copy(), RATE // 50
    loud = [at for at in range(RATE, 9 * RATE, RATE // 4) if np.abs(speech[at - 200 : at]).max() > 0.2][:8]
    for at in loud:
        broken[at : at + length] = 0
    quality = examined(broken)
    counted = quality.measures["dropouts_a_minute"] * len(speech) / RATE / 60
    assert len(loud) - 3 <= round(counted) <= len(loud)
    assert examined(speech).measures["dropouts_a_minute"] == 0
    paused = np.concatenate([speech, np.zeros(RATE // 8, np.float32), speech])
    assert examined(paused).measures["lost_share"] == 0


def test_an_offset_and_coarse_steps_are_found(speech: np.ndarray) -> None:
    assert abs(examined(speech * 0.5 + 0.3).measures["dc_offset"] - 0.3) < 0.01
    assert examined(speech * 0.5 + 0.3).because == ("offset",)
    coarse = examined(np.round(speech * 128) / 128)
    assert coarse.because[0] == "noise"
    assert 25 < coarse.measures["signal_to_noise_db"] < 45  # 8 bits
    for name in ("west.ogg", "boom-boom-boom.mp3"):
        music = decode(Track.from_file(DEMO / name))
        assert examined(np.round(music.samples * 128) / 128, music.sample_rate).because == ("noise",)


def test_more_of_the_same_never_scores_higher(speech: np.ndarray) -> None:
    loud = float(np.sqrt(np.mean(speech**2)))
    noisy = [examined(speech + noise(len(speech), loud * 10 ** (-db / 20))).score for db in (45, 30, 20, 10)]
    limits = [float(np.quantile(np.abs(speech), 1 - share)) for share in (0.003, 0.02, 0.1, 0.3)]
    clipped = [examined(np.clip(speech, -limit, limit) / limit).score for limit in limits]
    assert noisy == sorted(noisy, reverse=True)
    assert clipped == sorted(clipped, reverse=True)
    assert examined(speech + noise(len(speech), loud / 3)).grade is Grade.POOR


def test_the_loudness_range_is_near_that_of_ebu_tech_3342() -> None:
    from pyloudnorm import Meter

    for name in ("west.ogg", "boom-boom-boom.mp3"):
        decoded = decode(Track.from_file(DEMO / name))
        exact = Meter(decoded.sample_rate).loudness_range(decoded.samples.astype(np.float64))
        assert abs(examined(decoded.samples, decoded.sample_rate).measures["loudness_range_lu"] - exact) < 1.5


@pytest.mark.parametrize(
    "sound",
    [np.zeros((RATE, 2)), np.zeros((100, 1)), np.zeros((0, 1)), np.ones((2047, 1))],
    ids=["silent", "short", "empty", "one short of a window"],
)
def test_of_silence_and_of_a_moment_nothing_is_said(sound: np.ndarray) -> None:
    assert examine_quality(sound.astype(np.float32), RATE) is None


@pytest.mark.parametrize("rate", [1, 50, 2_000, 8_000, 192_000, 768_000])
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_any_rate_and_number_of_channels_is_measured(rate: int, channels: int) -> None:
    sound = noise(5000 * channels, 0.1).reshape(-1, channels)
    for samples in (sound, np.ones_like(sound), sound * np.float32(1e30)):
        quality = examine_quality(samples, rate)
        assert quality is None or all(value is None or np.isfinite(value) for value in quality.measures.values())


def test_channels_that_cancel_each_other_are_still_measured(speech: np.ndarray) -> None:
    both = np.stack([speech, -speech], axis=1)
    assert examined(both).grade is Grade.EXCELLENT
    assert examined(np.stack([speech, np.zeros_like(speech)], axis=1)).grade is Grade.EXCELLENT


def test_the_verdict_has_the_grade_and_its_evidence_the_numbers(speech: np.ndarray) -> None:
    track = Track.from_samples(np.clip(speech, -0.1, 0.1), RATE)
    row = describe(track, Classifier(decode, None).classify(track))
    evidence = json.loads(row["evidence"])
    assert row["quality"] in {grade.value for grade in Grade}
    assert evidence["quality"]["because"][0] == "clipping"
    assert evidence["numbers"]["quality.clipped_share"] > 0.01
    data = Track.from_samples(np.frombuffer(Path("/bin/ls").read_bytes()[: 1 << 17], np.uint8) / 127.5 - 1, RATE)
    assert describe(data, Classifier(decode, None).classify(data))["quality"] is None
