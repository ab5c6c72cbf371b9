"""Reading recordings to index: whatever their form, the same mono sound at the fingerprint's rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from references.reading import READ_AT_ONCE, read_mono
from udfs.spectrum import RATE


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_recording_is_read_as_the_mean_of_its_channels(tmp_path: Path, subtype: str, channels: int) -> None:
    count = 2 * READ_AT_ONCE + 1234  # the last block is a shorter one
    low = np.cumsum(np.random.default_rng(channels).standard_normal((count, channels)), axis=0)
    sound = 0.4 * low / np.abs(low).max()
    soundfile.write(tmp_path / "a.wav", sound, 44100, subtype=subtype)
    samples, milliseconds = read_mono(tmp_path / "a.wav")
    expected = soxr.resample(sound.mean(axis=1), 44100, RATE)
    assert milliseconds == round(count * 1000 / 44100)
    assert len(samples) == pytest.approx(len(expected), abs=1)
    middle = slice(100, len(expected) - 100)
    assert np.abs(samples[middle] - expected[middle]).max() < (0.01 if subtype == "PCM_U8" else 0.001)
