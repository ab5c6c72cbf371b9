"""Text is told from sound that lies on printable codes."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from mock_files import TEXT, encrypted

from udfs.forensics.text import find_text


def kind_of(data: bytes) -> str | None:
    run = find_text(np.frombuffer(data, np.uint8))
    return run.kind if run else None


@pytest.mark.parametrize("length", [64, 300, 3000])
def test_text_is_text(length: int) -> None:
    assert kind_of(TEXT[:length]) == "text"


def test_other_alphabets_are_text_too() -> None:
    assert kind_of("Съешь же ещё этих мягких французских булок, да выпей чаю. ".encode() * 3) == "text"


def test_base64_and_hex_are_known_for_what_they_are() -> None:
    assert kind_of(base64.b64encode(encrypted(300))) == "base64"
    assert kind_of(encrypted(300).hex().encode()) == "hex"


def test_quiet_sound_on_printable_codes_is_not_text() -> None:
    rng = np.random.default_rng(2)
    for centre, spread in ((80, 4), (100, 8), (75, 15)):
        slow = np.convolve(rng.normal(0, 1, 4096), np.ones(20) / 20, "same")
        sound = np.clip(np.rint(centre + slow / slow.std() * spread), 33, 126)
        assert kind_of(sound.astype(np.uint8).tobytes()) is None


@pytest.mark.parametrize("data", [b"", b"a" * 500, b"ab" * 300, bytes(500), encrypted(2000)])
def test_what_says_nothing_is_not_text(data: bytes) -> None:
    assert kind_of(data) is None


def test_samples_whose_upper_bytes_stand_still_are_not_text() -> None:
    low = np.random.default_rng(5).integers(0x20, 0x7F, 2000, np.uint8)
    quiet = np.stack([low, np.full(2000, 0xCB, np.uint8), np.full(2000, 0x93, np.uint8)], axis=1).reshape(-1)
    assert find_text(quiet) is None
