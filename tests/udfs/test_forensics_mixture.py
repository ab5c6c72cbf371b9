"""A payload 20 dB under music is a layer that music does not have: white, everywhere, and over and over."""

from __future__ import annotations

import numpy as np
import pytest
from mock_files import TEXT, classify, encrypted, executable, music, write
from numpy.typing import NDArray

from udfs.findings import Content, Decision
from udfs.forensics.bare import describe_bare
from udfs.forensics.cells import LEAST, Cells, cut_channel, describe_holes
from udfs.forensics.layer import NAMES as LAYER_NAMES
from udfs.forensics.layer import cut_parts, describe_layer
from udfs.forensics.mixture import is_rounded
from udfs.forensics.sample_clock import describe_clock
from udfs.forensics.tile import NAMES as TILE_NAMES
from udfs.forensics.tile import describe_repetition

PAYLOADS = {"text": TEXT[:30_000], "elf": executable()[:60_000], "encrypted": encrypted(90_000)}


def mixed(payload: bytes, decibels: float = 20.0, name: str = "hill-of-sorrows.ogg") -> NDArray[np.int16]:
    """One channel of music over a payload that is repeated as 16-bit samples."""
    sound = music(name, seconds=8.0)[:, 0].astype(np.float64)
    layer = np.resize(np.frombuffer(payload[: len(payload) // 2 * 2], "<i2").astype(np.float64), len(sound))
    gain = np.sqrt(np.mean(sound**2) / np.mean(layer**2)) * 10 ** (-decibels / 20)
    return np.clip(np.rint(sound + layer * gain), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_payload_under_music_is_refused(payload: str, container: str) -> None:
    verdict = classify(write(mixed(PAYLOADS[payload]), container=container))
    assert verdict.decision is Decision.REJECT
    assert any(reason.code.startswith("mixture.") for reason in verdict.reasons)


@pytest.mark.parametrize("name", ["hill-of-sorrows.ogg", "west.ogg", "exotic-birds-field-recording.ogg"])
@pytest.mark.parametrize("decibels", [None, 35.0])
def test_music_alone_and_under_a_little_hiss_passes(name: str, decibels: float | None) -> None:
    sound = music(name, seconds=8.0)[:, :1].astype(np.float64)
    if decibels is not None:
        power = np.sqrt(np.mean(sound**2)) * 10 ** (-decibels / 20)
        sound = sound + np.random.default_rng(1).normal(0, power, sound.shape)
    verdict = classify(write(np.clip(np.rint(sound), -32768, 32767).astype(np.int16)))
    assert verdict.content is Content.REAL


def cut(sound: NDArray[np.generic]) -> Cells:
    found = cut_channel(sound)
    assert found is not None
    return found


def test_what_comes_again_under_music_is_white_and_a_loop_of_music_is_not() -> None:
    tile = np.random.default_rng(2).uniform(-1, 1, 20_000)
    sound = music(seconds=6.0)[:, 0].astype(np.float64)
    under = describe_repetition(cut(sound + np.resize(tile, len(sound)) * sound.std() * 0.17))
    loop = describe_repetition(cut(np.resize(sound[:60_000], len(sound))))
    alone = describe_repetition(cut(sound))
    assert set(under) == set(loop) == set(alone) == set(TILE_NAMES)
    assert under["again"] > alone["again"] + 1
    assert loop["again"] > alone["again"] + 1
    assert under["again_slope"] < 0.5 < loop["again_slope"]
    assert under["again_loud"] < 0.5 < loop["again_loud"]


def test_how_loud_a_layer_is_that_comes_again_is_measured() -> None:
    tile = np.random.default_rng(3).uniform(-1, 1, 9_000)
    sound = music(seconds=6.0)[:, 0].astype(np.float64)
    layer = np.resize(tile, len(sound)) * sound.std() / tile.std()
    loud, quiet = (describe_repetition(cut(sound + layer * 10 ** (-decibels / 20))) for decibels in (17, 23))
    for found in (loud, quiet):  # the correlation may be clearest at a multiple of the distance
        assert round(2 ** found["again_lag"]) % 9_000 == 1
        assert found["again_layer_off"] < found["again_loop_off"]
    assert loud["again_layer"] - quiet["again_layer"] == pytest.approx(6, abs=1)
    loop = describe_repetition(cut(np.resize(sound[:60_000], len(sound))))
    assert loop["again_loop_off"] < loop["again_layer_off"]


def test_the_holes_of_music_over_a_layer_are_as_deep_everywhere() -> None:
    sounds = (music(seconds=6.0)[:, 0], mixed(PAYLOADS["encrypted"]))
    clean, dirty = (describe_holes(cut(sound).power) for sound in sounds)
    assert dirty["hole_pitches_upper"] < 1 < clean["hole_pitches_upper"]
    assert dirty["hole_times"] < clean["hole_times"]
    assert dirty["hole_05"] > clean["hole_05"] + 6


@pytest.mark.parametrize(("step", "rounded"), [(1, False), (100.7, True), (256, True)])
def test_what_was_rounded_to_8_bits_can_hold_no_layer(step: float, rounded: bool) -> None:
    sound = music(seconds=2.0)[:, 0].astype(np.float64)
    values = np.rint(np.rint(sound / step) * step).astype(np.int16)
    assert is_rounded(values, 1.0) == rounded
    assert not is_rounded(values / 32768, 0.0)  # floating point has no steps


def test_a_layer_is_steady_white_and_reaches_to_the_edge_of_the_spectrum() -> None:
    sound = music(seconds=6.0)[:, 0]
    clean = describe_layer(cut_parts(sound, 32768.0))
    dirty = describe_layer(cut_parts(mixed(PAYLOADS["encrypted"]), 32768.0))
    assert clean is not None
    assert dirty is not None
    assert set(clean) == set(dirty) == set(LAYER_NAMES)
    assert dirty["sixteenth_level"] > clean["sixteenth_level"] + 10
    assert dirty["unrest_edge"] == pytest.approx(0.577, abs=0.05)
    assert dirty["steady_share"] > clean["steady_share"]
    assert abs(dirty["edge"]) < 1.0
    assert dirty["top_kurtosis"] < 2.95


def test_what_comes_again_does_so_at_any_level() -> None:
    sound = np.resize(music(seconds=6.0)[:60_000, 0].astype(np.float32), 200_000)
    loud, quiet = (describe_repetition(cut(sound * gain)) for gain in (np.float32(1e8), np.float32(1)))
    assert quiet["again"] > 5
    assert loud["again"] == pytest.approx(quiet["again"], abs=0.01)


@pytest.mark.parametrize(
    "samples", [np.zeros(50_000), np.ones(50), np.full(100_000, 7.0)], ids=["zeros", "short", "flat"]
)
def test_silence_and_crumbs_say_nothing(samples: NDArray[np.float64]) -> None:
    assert describe_layer(cut_parts(samples, 32768.0)) is None
    found = cut_channel(samples)
    assert (found is None) == (len(samples) < LEAST)
    if found is not None:
        numbers = (
            describe_repetition(found) | describe_holes(found.power) | describe_bare(found) | describe_clock(found)
        )
        assert all(np.isfinite(value) for value in numbers.values())
