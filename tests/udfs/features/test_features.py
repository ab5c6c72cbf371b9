"""Features: right on sounds whose features are known, and pinned on recordings by golden files."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from feature_sounds import clicks, recording, tone, track_of
from pyloudnorm import Meter

from udfs.features import NAMES, extract_features, frames, mel
from udfs.features.loudness import measure_loudness
from udfs.features.rows import rows_of, summarise

GOLDEN = Path(__file__).parents[2] / "golden/features"
RECORDINGS = ("a-new-world-speech.flac", "beware-the-ships-kobold.mp3")


def test_the_pitch_of_a_tone_is_its_lowest_partial_within_ten_cents_and_silence_has_none() -> None:
    silence = np.zeros(44_100)
    features = extract_features(*track_of(np.concatenate([tone(220.0), silence, tone(587.33)])), ["pitch"])
    assert features.pitch_hz is not None
    assert features.voicing is not None
    for start, hertz in ((0.5, 220.0), (4.5, 587.33)):
        part = features.pitch_hz[int(start * 50) : int((start + 2) * 50)]
        assert np.abs(1200 * np.log2(part / hertz)).max() <= 11
    assert np.isnan(features.pitch_hz[160:190]).all()
    assert features.voicing[160:190].max() < 0.2 < 0.5 < features.voicing[25:125].min()


def test_pitch_found_in_pieces_is_that_found_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, voice = recording("a-new-world-speech.flac")  # a tone is followed as well without what lies beside the piece
    track, decoded = track_of(voice.mono()[: 5 * voice.sample_rate], voice.sample_rate)
    whole = extract_features(track, decoded, ["pitch"])
    monkeypatch.setattr("udfs.features.pitch.PIECE_FRAMES", 35)
    pieces = extract_features(track, decoded, ["pitch"])
    assert whole.pitch_hz is not None
    assert pieces.pitch_hz is not None
    assert 0.2 < np.isnan(whole.pitch_hz).mean() < 0.9
    np.testing.assert_allclose(pieces.pitch_hz, whole.pitch_hz)


def test_tempo_beats_and_onsets_of_a_metronome_are_its_own() -> None:
    features = extract_features(*track_of(clicks(100)), ["tempo", "onsets"])
    assert features.tempo_bpm == pytest.approx(100, rel=0.03)
    wanted = np.arange(500, 11_900, 600)
    assert features.onsets_ms is not None
    assert len(features.onsets_ms) == len(wanted)
    assert np.abs(np.array(features.onsets_ms) - wanted).max() <= 40
    beats = np.array(features.beats_ms)
    assert len(beats) >= len(wanted) - 2
    assert np.abs(beats[:, None] - wanted).min(axis=1).max() <= 60


def test_chroma_names_the_pitch_class_whatever_the_octave() -> None:
    features = extract_features(*track_of(np.concatenate([tone(110.0), tone(261.63), tone(440.0)])), ["chroma"])
    assert features.chroma is not None
    assert [int(np.argmax(second)) for second in features.chroma] == [9] * 3 + [0] * 3 + [9] * 3
    assert all(max(second) == 1.0 for second in features.chroma)


def test_the_mel_spectrogram_has_fifty_frames_a_second_and_the_tone_in_its_band() -> None:
    features = extract_features(*track_of(tone(1000.0, 2.5)), ["mel"])
    assert features.mel is not None
    assert features.mel.shape == (125, 128)
    rows = list(rows_of(features))
    assert [len(row["mel"]) for row in rows] == [6400, 6400, 3200]
    levels = mel.restore(rows[1]["mel"])
    assert levels.shape == (50, 128)
    assert np.ptp(levels.max(axis=1)) < 1
    assert int(levels.mean(axis=0).argmax()) == 38  # 1 kHz is mel 15 of 49.9 in Slaney's scale, 129 steps in all


def test_a_long_track_in_blocks_has_the_same_spectrogram_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    track, decoded = track_of(clicks(90, 5.0) + tone(300, 5.0))
    names = ["mel", "chroma", "onsets", "tempo"]
    whole = extract_features(track, decoded, names)
    monkeypatch.setattr(frames, "BLOCK_FRAMES", 37)
    blocks = extract_features(track, decoded, names)
    assert whole.mel is not None
    assert np.array_equal(whole.mel, blocks.mel)
    assert (whole.onsets_ms, whole.beats_ms, whole.tempo_bpm) == (blocks.onsets_ms, blocks.beats_ms, blocks.tempo_bpm)
    assert np.allclose(whole.chroma, blocks.chroma, atol=2e-4)


@pytest.mark.parametrize("name", RECORDINGS)
def test_integrated_loudness_is_pyloudnorms(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, decoded = recording(name)
    exact = Meter(decoded.sample_rate).integrated_loudness(decoded.samples.astype(np.float64))
    monkeypatch.setattr("udfs.features.loudness.PIECE_SECONDS", 7)
    measured = measure_loudness(decoded)
    assert measured.integrated_lufs == pytest.approx(exact, abs=0.05)
    assert len(measured.by_second) == math.ceil(len(decoded.samples) / decoded.sample_rate)


def test_a_full_scale_tone_has_the_loudness_that_the_standard_gives_it() -> None:
    axis = np.arange(5 * 48_000) / 48_000
    _, decoded = track_of(np.sin(2 * np.pi * 997 * axis), 48_000)
    assert measure_loudness(decoded).integrated_lufs == pytest.approx(-3.01, abs=0.05)  # BS.1770-4, one channel


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.zeros(44_100), 44_100),
        (np.full(3, 0.5), 44_100),
        (np.random.default_rng(2).standard_normal((3000, 6)) / 9, 48_000),
        (np.random.default_rng(2).standard_normal(30) / 9, 7),
        (np.ones(100), 192_000),
    ],
    ids=["silence", "three samples", "5.1", "seven a second", "half a millisecond"],
)
def test_every_feature_of_odd_sounds_is_there_or_said_not_to_be(samples: np.ndarray, rate: int) -> None:
    features = extract_features(*track_of(samples, rate), NAMES)
    rows = list(rows_of(features))
    assert [row["second"] for row in rows] == list(range(max(1, features.seconds)))
    assert json.loads(summarise(features)["parameters"]).keys() == set(NAMES)
    json.dumps(summarise(features), allow_nan=False)


def test_only_what_was_asked_for_is_extracted_and_a_wrong_name_is_refused() -> None:
    features = extract_features(*track_of(tone(300)), ["loudness"])
    (row, *_) = rows_of(features)
    given = {name for name, value in row.items() if value is not None}
    assert given == {"second", "loudness_lufs", "track"}
    with pytest.raises(ValueError, match="no feature 'moods'"):
        extract_features(*track_of(tone(300)), ["moods"])


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_numbers_of_a_recording_are_those_of_its_golden_file(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    found = describe(name)
    assert found["parameters"] == golden["parameters"], "other parameters are other features: make the file anew"
    for key in ("seconds", "tempo_bpm", "loudness_lufs", "loudness_range_lu", "pitch_median_hz", "voiced_share"):
        assert found[key] == pytest.approx(golden[key], rel=2e-3), key
    for key in ("beats_ms", "onsets_ms"):
        assert len(set(found[key]) ^ set(golden[key])) <= 0.02 * len(golden[key]), key
    assert np.abs(np.array(found["mel_by_band"]) - golden["mel_by_band"]).max() <= 0.5
    assert np.abs(np.array(found["chroma"]) - golden["chroma"]).max() <= 0.01
    assert found["metadata"] == golden["metadata"]


def describe(name: str) -> dict[str, object]:
    """What a golden file pins; ``python tests/udfs/features/make_golden_features.py`` writes it."""
    features = extract_features(*recording(name), NAMES)
    whole = summarise(features)
    assert features.mel is not None
    return {
        **{key: value for key, value in whole.items() if key not in ("metadata", "parameters")},
        "metadata": json.loads(whole["metadata"]),
        "parameters": json.loads(whole["parameters"]),
        "beats_ms": features.beats_ms,
        "onsets_ms": features.onsets_ms,
        "mel_by_band": np.round((features.mel / 2 - 120).mean(axis=0), 2).tolist(),
        "chroma": np.round(np.mean(features.chroma, axis=0), 4).tolist(),
    }
