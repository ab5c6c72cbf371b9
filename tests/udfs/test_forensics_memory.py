"""Examining a long track needs no more memory than a track of five minutes."""

from __future__ import annotations

import tracemalloc

import numpy as np
from mock_files import music
from numpy.typing import NDArray

from udfs.forensics.companding import a_law, as_codes
from udfs.forensics.examine import Evidence, examine_samples
from udfs.forensics.hold import hold_period
from udfs.forensics.signal import Signal, is_all

RATE = 8000


def sound(seconds: int) -> NDArray[np.int16]:
    """Music that is never twice the same, in two channels."""
    part = music(seconds=6.0).astype(np.float64)
    count = seconds * RATE // len(part) + 1
    gains = np.random.default_rng(1).uniform(0.2, 1.0, count)
    return np.concatenate([(part * gain).astype(np.int16) for gain in gains])[: seconds * RATE]


def peak(seconds: int) -> int:
    """Bytes that examining so much sound takes beside the sound itself."""
    signal = Signal(sound(seconds), RATE, 16, True, b"")
    evidence = Evidence()
    tracemalloc.start()
    try:
        examine_samples(signal, evidence)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_track_three_times_as_long_takes_as_much_memory() -> None:
    peak(10)  # the models are read once
    assert peak(900) < 1.15 * peak(300)


def test_held_samples_are_found_over_any_length_and_blocks() -> None:
    held = np.repeat(np.arange(60_000, dtype=np.int32) * 7919 % 251, 5)
    assert hold_period(held) == 5
    assert hold_period(np.repeat(held[::5], 3)) == 3
    held[200_001] += 1
    assert hold_period(held) == 1
    assert hold_period(np.zeros(300_000)) == 1


def test_equal_channels_are_told_over_any_length_and_blocks() -> None:
    left = np.arange(200_000)
    right = left.copy()
    assert is_all(left, right)
    right[150_000] = 0
    assert not is_all(left, right)
    assert is_all(np.full((200_000, 2), 3), np.array([3, 3]))
    assert not is_all(np.full((200_000, 2), 3), np.array([3, 4]))


def test_companded_samples_become_codes_without_a_wider_copy_of_them() -> None:
    samples = np.random.default_rng(1).choice(a_law(), (2_000_000, 2)).astype(np.int16)
    signal = Signal(samples, RATE, 16, True, b"", companded=True)
    tracemalloc.start()
    try:
        codes = as_codes(signal)
        assert tracemalloc.get_traced_memory()[1] < 3 * samples.nbytes
    finally:
        tracemalloc.stop()
    assert np.array_equal(a_law()[codes.values + 128], samples)
