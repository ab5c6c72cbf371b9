"""Text is told from sound that lies on printable codes."""

from __future__ import annotations

import base64
import tracemalloc

import numpy as np
import pytest
from mock_files import TEXT, encrypted

from udfs.forensics.text import TextRun, find_text


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


def test_base64_of_a_program_that_is_mostly_zeros_is_base64() -> None:
    assert kind_of(base64.b64encode(b"\x7fELF\2\1\1" + bytes(2000))) == "base64"


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


def test_loud_sound_whose_bytes_cross_the_printable_ones_is_not_text() -> None:
    upper_stands = np.arange(8500, 8000, -2, dtype="<i2")  # the upper byte is a space, the lower one falls
    assert kind_of(upper_stands.tobytes()) is None
    stereo = np.repeat(upper_stands, 2).tobytes()
    assert kind_of(stereo) is None


def test_a_table_of_numbers_in_order_is_text() -> None:
    assert kind_of("".join(f"{1000 + 3 * i:7}" for i in range(60)).encode()) == "text"


def test_eight_bit_sound_that_crosses_the_characters_of_base64_is_none() -> None:
    steps = b"bXVYX_dpueTA89GNLFQbkfnmeQA41-1-75763GNTjyz"
    both_channels = bytes(byte for byte in steps for _ in range(2))
    assert kind_of(bytes(range(128, 255)) + both_channels) is None


def test_a_short_base64_counts_among_bytes_that_are_seldom_its_characters() -> None:
    written = base64.b64encode(encrypted(54))
    noise = np.random.default_rng(3).integers(0, 256, 20_000, np.uint8).tobytes()
    assert kind_of(noise[:9000] + written + noise[9000:]) == "base64"
    crowded = np.random.default_rng(4).normal(85, 16, 20_000).clip(45, 122).astype(np.uint8).tobytes()
    assert kind_of(crowded) != "base64"
    assert kind_of(crowded[:9000] + b"!" + written + b"!" + crowded[9000:]) != "base64"


def test_two_quiet_channels_beside_two_characters_are_not_text() -> None:
    rng = np.random.default_rng(6)
    left, right = (centre + rng.normal(0, 2, 4000) for centre in (ord("o"), ord("e")))
    assert kind_of(np.rint(np.stack([left, right], axis=1)).astype(np.uint8).tobytes()) is None


def test_a_channel_that_is_the_other_one_upside_down_is_not_text() -> None:
    wave = 11 * np.sin(np.arange(3000) / 7)
    sound = np.rint(np.stack([105 + wave, 105 - wave], axis=1)).astype(np.uint8)
    assert kind_of(sound.tobytes()) is None


def test_letters_made_of_two_samples_near_silence_are_not_text() -> None:
    steps = np.random.default_rng(7).integers(3, 8, (2000, 2), np.uint8)
    assert kind_of((steps[:, 0] << 4 | steps[:, 1]).tobytes()) is None


def test_a_long_text_takes_little_more_memory_than_itself() -> None:
    codes = np.resize(np.frombuffer(base64.b64encode(np.random.default_rng(9).bytes(3_000_000)), np.uint8), 24 << 20)
    tracemalloc.start()
    found = find_text(codes)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == TextRun("base64", 0, len(codes))
    assert most < 6 * len(codes)
