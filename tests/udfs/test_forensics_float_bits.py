"""Floating-point samples that carry data where nothing sounds are found; sound as programs leave it passes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from mock_files import RATE, TEXT, classify, encrypted, executable, music, write
from numpy.typing import NDArray

from udfs.findings import Content, Decision

Words = NDArray[np.uint32]

DATA = np.frombuffer(executable()[:200_000], "<u2").astype(np.uint32)
SECRET = np.frombuffer(encrypted(2 * len(DATA)), "<u2").astype(np.uint32)


def sound(length: int = len(DATA)) -> Words:
    return np.resize(music()[:, 0] / np.float32(32768), length).astype("<f4").view("<u4")


def every(step: int, data: Words) -> Words:
    words = sound().copy()
    words[::step] = data[::step]
    return words


HIDDEN: dict[str, Callable[[], Words]] = {
    "in NaNs": lambda: 0x7FC00000 | DATA,
    "in NaNs, encrypted": lambda: 0x7FC00000 | SECRET,
    "in signalling NaNs": lambda: 0x7F800001 | (SECRET << 1),
    "in negative NaNs": lambda: 0xFFC00000 | SECRET,
    "in every tenth sample": lambda: every(10, 0x7FC00000 | SECRET),
    "in denormal numbers": lambda: DATA,
    "in the low byte of sound": lambda: (
        (sound() & ~np.uint32(0xFF)) | np.frombuffer(executable()[: len(DATA)], np.uint8)
    ),
    "in the low half of sound": lambda: (sound() & ~np.uint32(0xFFFF)) | DATA,
    "as text in the low byte": lambda: (
        (sound() & ~np.uint32(0xFF)) | np.resize(np.frombuffer(TEXT, np.uint8), len(DATA)).astype(np.uint32)
    ),
}


@pytest.mark.parametrize("where", HIDDEN)
def test_data_that_does_not_sound_is_refused(where: str) -> None:
    judged = classify(HIDDEN[where]().astype("<u4").tobytes(), RATE)
    assert judged.decision is Decision.REJECT
    assert judged.reasons[0].code in ("samples.float_bits", "stego.low_bits_payload")


@pytest.mark.parametrize(("width", "container"), [("FLOAT", "WAV"), ("FLOAT", "AIFF"), ("DOUBLE", "WAV")])
def test_files_of_floating_point_samples_are_looked_at_whatever_their_byte_order(width: str, container: str) -> None:
    samples = sound().view("<f4").astype(np.float64)
    words = samples.view("<u8") & ~np.uint64(0xFFFFFFFF) | DATA.astype(np.uint64)
    if width == "FLOAT":
        samples = ((sound() & ~np.uint32(0xFFFF)) | DATA).view("<f4")
    judged = classify(write(samples if width == "FLOAT" else words.view("<f8"), width, container))
    assert judged.decision is Decision.REJECT
    assert judged.payloads[0].kind == "elf"


def test_denormal_noise_and_a_stretch_without_numbers_are_for_a_person_to_look_at() -> None:
    for words in (
        SECRET,
        np.full(len(DATA), 0x7FC00000, np.uint32),
        every(2, np.full(len(DATA), 0xFF800000, np.uint32)),
    ):
        judged = classify(words.astype("<u4").tobytes(), RATE)
        assert (judged.decision, judged.content) == (Decision.REVIEW, Content.UNDECIDED)


def test_what_programs_leave_in_sound_passes() -> None:
    blown_up = sound().copy()
    blown_up[1000:1040] = [0x7F800000, 0xFFC00000] * 20
    fading = (sound(4 * len(DATA)).view("<f4") * np.exp2(-np.arange(4 * len(DATA)) / 1000)).astype("<f4")
    louder = sound().view("<f4") * np.float32(0.7071)
    for samples in (blown_up.view("<f4"), fading[: 3 * 44_100], louder):
        assert classify(samples.tobytes(), RATE).decision is Decision.ACCEPT
