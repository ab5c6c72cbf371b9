"""Gains, repeating XORs and unknown offsets are undone; what has none of them is left as it is."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mock_files import classify, codes, encrypted, executable, music, write

from udfs.findings import Content, Decision
from udfs.forensics.lattice import undo_gain
from udfs.forensics.payload import recognise
from udfs.forensics.xor import find_keys, undo_xor

ELF = executable()
NOISE = np.random.default_rng(3).integers(-32768, 32768, 6000).astype(np.int16)


@given(st.floats(0.05, 1.0), st.sampled_from(["float32", "24", "32"]), st.integers(2000, 6000))
@settings(max_examples=25, deadline=None)
def test_any_gain_on_16_bit_samples_is_undone(gain: float, form: str, count: int) -> None:
    scaled = NOISE[:count] / 32768 * gain
    bits = {"24": 23, "32": 31}.get(form)
    stored = scaled.astype(np.float32) if bits is None else np.rint(scaled * (2.0**bits - 1)).astype(np.int32)
    undone = undo_gain(stored[:, None])
    assert undone is not None
    assert np.array_equal(undone[:, 0], NOISE[:count])


@pytest.mark.parametrize(
    "samples",
    [
        np.random.default_rng(1).normal(0, 0.1, 9000).astype(np.float32),
        np.rint(np.random.default_rng(2).normal(0, 1e6, 9000)).astype(np.int32),
        (np.arange(9000) % 200 / 255).astype(np.float32),  # a coarse lattice has methods of its own
        np.arange(9000, dtype=np.float32) % 5000,  # characters lie on one side of zero
        np.zeros(0, np.float32),
    ],
    ids=["float noise", "24-bit noise", "few levels", "one side", "nothing"],
)
def test_what_is_no_16_bit_sound_behind_a_gain_is_left(samples: np.ndarray) -> None:
    assert undo_gain(samples[:, None]) is None


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_24"])
def test_encrypted_bytes_behind_a_gain_are_refused_and_music_behind_one_is_not(subtype: str) -> None:
    data = np.frombuffer(encrypted(120_000), "<i2") / 32768 * 0.37
    refused = classify(write(data, subtype))
    assert refused.decision is Decision.REJECT
    assert refused.reasons[0].code == "samples.mapped_data"
    quieter = music()[:88200] / 32768 * 0.37
    assert classify(write(quieter, subtype)).content is Content.REAL


@given(st.binary(min_size=1, max_size=16))
@example(b"%PDF-1.")  # the zeros of a program show the key, and a digit may follow
@example(b"%!PS-Adob")
@example(b"Salted__")
@example(b"#!/bin/")
@settings(max_examples=25, deadline=None)
def test_a_program_under_any_repeating_key_is_recognised(key: bytes) -> None:
    hidden = undo_xor(ELF[:30_000], key)
    found = recognise(hidden)
    assert found is not None
    assert (found.kind, found.inner) == (("xor", "elf") if any(key) else ("elf", ""))


@given(st.binary(max_size=2000))
@settings(max_examples=60, deadline=None)
def test_keys_are_asked_of_any_bytes(data: bytes) -> None:
    for key in find_keys(data):
        assert any(key)
        assert undo_xor(undo_xor(data, key), key) == data


def test_short_base64_at_an_unknown_scale_is_read_out() -> None:
    text = base64.b64encode(encrypted(330))
    values = codes(text) - codes(text).mean()
    verdict = classify(write(values / np.abs(values).max(), "FLOAT", rate=8000))
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[0].code == "samples.text"
    assert verdict.payloads[0].kind == "base64"


@pytest.mark.parametrize("seed", [1])
def test_near_silence_is_no_place_for_a_layer(seed: int) -> None:
    dither = np.random.default_rng(seed).integers(-2, 3, (80_000, 2)) / 32768
    assert classify(write(dither)).decision is Decision.ACCEPT


def test_a_short_text_of_few_values_far_apart_is_read_out() -> None:
    text = (
        b"This command takes a mark off what lies in the store named ``my-store``::\n\n  put off --account-id - "
        b"--store-name my-store --mark-keys date\n\nThe service wants an account number wherever something is done; "
        b"with a dash it takes that of whoever asks.\n"
    )
    characters = np.frombuffer(text, np.uint8).astype(np.float64)
    verdict = classify(write(np.rint(characters * 43.53).astype(np.int16), container="AIFF"))
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[0].code == "samples.text"


def test_a_short_burst_of_noise_that_fades_is_sound_and_one_that_does_not_may_be_data() -> None:
    noise = np.random.default_rng(5).uniform(-1, 1, 1900)
    fading = np.rint(noise * 10 ** (-np.arange(1900) / 1900) * 127) / 128
    assert classify(write(fading, "PCM_U8", rate=8000)).decision is Decision.ACCEPT
    assert classify(write(noise, "PCM_U8", rate=8000)).decision is not Decision.ACCEPT


def test_an_electronic_tune_of_pure_tones_is_no_modem() -> None:
    bar = 440 * 2 ** (np.array([0, 3, 7, 12, 10, 7, 3, 2, 0, -2, 5, 7]) / 12)
    step = 3528  # twelve and a half notes a second
    time = np.arange(60 * step) / 44100
    tune = np.sin(2 * np.pi * np.cumsum(np.repeat(np.tile(bar, 5), step)) / 44100) * np.exp(-8 * (time % 0.08))
    assert classify(write(tune * 0.5)).decision is Decision.ACCEPT


def test_a_list_of_hashes_as_samples_is_a_text_and_quiet_sound_beside_zero_is_none() -> None:
    lines = [f"lib/part{n}.py,sha256={base64.b64encode(encrypted(32, n)).decode()},{n * 37}" for n in range(12)]
    data = "\r\n".join(lines).encode()[:802]
    verdict = classify(write(np.frombuffer(data, "<i2")))
    assert (verdict.decision, verdict.reasons[0].code) == (Decision.REJECT, "samples.payload")
    beside = np.random.default_rng(1).integers(0x4028, 0x4070, 4000).astype(np.int16)
    assert classify(write(beside)).payloads == ()
