"""An MP3 of changing bit rate is decoded whole, whether its first frame counts the others or not."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile as sf

from udfs.container.mpeg_audio import FRAMES
from udfs.decode import decode
from udfs.mp3_count import is_cut_short
from udfs.track import Track

RATE = 44_100
SECONDS = 20


def mp3(mode: str) -> bytes:
    """Half of it a quiet tone, half loud noise, so that a changing bit rate changes."""
    times = np.arange(SECONDS * RATE // 2) / RATE
    noise = np.random.default_rng(1).uniform(-0.8, 0.8, len(times))
    samples = np.concatenate([0.001 * np.sin(2 * np.pi * 440 * times), noise])
    file = io.BytesIO()
    sf.write(file, samples, RATE, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=mode, compression_level=0.2)
    return file.getvalue()


def without_count(data: bytes) -> bytes:
    """Take the first frame off, which holds no sound."""
    assert b"Xing" in data[:60] or b"Info" in data[:60]
    return data[FRAMES.length(data, 0) :]


def seconds(data: bytes) -> float:
    """Decode it; how long it is."""
    return len(decode(Track(data)).samples) / RATE


@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)], ids=["bare", "tagged"])
def test_a_changing_bit_rate_without_a_count_is_decoded_whole(tag: bytes) -> None:
    bare = tag + without_count(mp3("VARIABLE"))
    assert is_cut_short(io.BytesIO(bare))
    assert len(sf.read(io.BytesIO(bare))[0]) / RATE < 0.8 * SECONDS or tag, "libsndfile reads it whole now: delete this"
    assert seconds(bare) == pytest.approx(SECONDS, abs=0.2)


@pytest.mark.parametrize("data", [mp3("VARIABLE"), mp3("CONSTANT"), without_count(mp3("CONSTANT"))], ids=len)
def test_a_count_or_one_bit_rate_is_left_to_libsndfile(data: bytes) -> None:
    assert not is_cut_short(io.BytesIO(data))
    assert seconds(data) == pytest.approx(SECONDS, abs=0.2)


@pytest.mark.parametrize("data", [b"", b"\xff", b"ID3", b"\xff\xfb\x90\x00" * 3, bytes(50_000)], ids=len)
def test_whatever_is_no_mp3_is_none_of_its_business(data: bytes) -> None:
    source = io.BytesIO(data)
    assert not is_cut_short(source)
    assert source.tell() == 0
