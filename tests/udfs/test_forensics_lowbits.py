"""Low bits: plain payloads are read out, encrypted ones leave an exact noise floor, clean recordings have neither."""

from __future__ import annotations

import numpy as np
import pytest
from mock_files import TEXT, classify, encrypted, executable, music, write
from numpy.typing import NDArray

from udfs.findings import Content
from udfs.forensics.lowbits import floor_power, measure_floor
from udfs.forensics.steady_floor import count_stretches, is_amplified


def embed(sound: NDArray[np.int16], data: bytes, depth: int, order: str = "big") -> NDArray[np.int16]:
    """Replace the low `depth` bits, from the first sample on, by `data` over and over."""
    flat = sound.reshape(-1).copy()
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder=order)  # type: ignore[arg-type]
    bits = np.resize(bits, flat.size * depth).reshape(-1, depth)
    low = bits @ (1 << np.arange(depth)[::-1])
    return ((flat & ~((1 << depth) - 1)) | low).astype(np.int16).reshape(sound.shape)


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("payload", [TEXT, executable()], ids=["text", "elf"])
def test_a_plain_payload_is_read_out(depth: int, order: str, payload: bytes) -> None:
    verdict = classify(write(embed(music(), payload, depth, order)))
    assert verdict.reasons[0].code == "stego.low_bits_payload"
    assert verdict.payloads[0].kind in ("text", "elf")


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_an_encrypted_payload_leaves_its_floor(depth: int) -> None:
    hidden = embed(music(seconds=6), encrypted(200_000), depth)
    verdict = classify(write(hidden, container="FLAC"))
    assert verdict.reasons[0].code == "stego.low_bits_floor"
    assert verdict.evidence["floor_depth"] == depth


def test_the_floor_s_power_is_what_replacing_bits_adds() -> None:
    rng = np.random.default_rng(1)
    tone = 9000 * np.sin(np.arange(200_000) * 0.02)
    clean = np.rint(tone).astype(np.int16)
    for depth in (1, 2, 4):
        hidden = embed(clean, rng.bytes(100_000), depth)
        assert np.var(hidden - tone) == pytest.approx(floor_power(depth), rel=0.03)
        assert measure_floor(hidden).depth == depth


@pytest.mark.parametrize("name", ["hill-of-sorrows.ogg", "west.ogg", "exotic-birds-field-recording.ogg"])
def test_a_clean_recording_has_no_such_floor(name: str) -> None:
    verdict = classify(write(music(name)))
    assert verdict.content is Content.REAL
    assert verdict.evidence["floor_windows"] < 3


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_steady_frequencies_tell_the_floor_where_they_are_few(depth: int) -> None:
    rng = np.random.default_rng(3)
    count = 4 << 16
    spectrum = np.fft.rfft(rng.normal(0, 1, count))
    spectrum[int(0.94 * len(spectrum)) :] = 0  # a codec's cut-off at 20.7 kHz
    sound = np.rint(np.fft.irfft(spectrum, count) * 3000).astype(np.int16)
    hidden = embed(sound, rng.bytes(count // 2), depth)
    depths = (1, 2, 4)
    powers = [floor_power(other) for other in depths]
    found = dict(zip(depths, count_stretches(hidden, powers), strict=True))
    assert found.pop(depth) >= 2
    assert not any(found.values())
    assert not any(count_stretches(sound, powers))


def test_a_recording_amplified_after_it_was_rounded_is_not_measured() -> None:
    rounded = music()[:, 0].astype(np.int32)
    louder = np.rint(np.clip(rounded * 2.45, -32768, 32767)).astype(np.int16)  # its floor is that of one replaced bit
    assert is_amplified(louder)
    assert not is_amplified(rounded)
    assert classify(write(louder)).content is Content.REAL
