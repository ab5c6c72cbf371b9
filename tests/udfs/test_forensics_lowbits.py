"""Low bits: plain payloads are read out, encrypted ones are told by a matched filter, clean recordings have neither."""

from __future__ import annotations

import numpy as np
import pytest
from mock_files import TEXT, classify, encrypted, executable, music, write
from numpy.typing import NDArray

from udfs.findings import Content
from udfs.forensics.lowbits import BitOrder, read_plane
from udfs.forensics.replaced_bits import find_replaced


def embed(sound: NDArray[np.int16], data: bytes, depth: int, order: BitOrder = "big") -> NDArray[np.int16]:
    """Replace the low `depth` bits, from the first sample on, by `data` over and over."""
    flat = sound.reshape(-1).copy()
    bits = np.resize(np.unpackbits(np.frombuffer(data, np.uint8), bitorder=order), (flat.size, depth))
    low = bits @ (1 << np.arange(depth)[::-1])
    return ((flat & ~((1 << depth) - 1)) | low).astype(np.int16).reshape(sound.shape)


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("payload", [TEXT, executable()], ids=["text", "elf"])
def test_a_plain_payload_is_read_out(depth: int, order: BitOrder, payload: bytes) -> None:
    verdict = classify(write(embed(music(), payload, depth, order)))
    assert verdict.reasons[0].code == "stego.low_bits_payload"
    assert verdict.payloads[0].kind in ("text", "elf")


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_plane_is_read_as_it_was_written(depth: int, order: BitOrder) -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, 4001).astype(np.int16)
    data = encrypted(4000 * depth // 8)
    assert read_plane(embed(samples, data, depth, order), depth, order)[: len(data)] == data


@pytest.mark.parametrize("length", [400, 700])
def test_a_short_text_at_the_beginning_is_read_out(length: int) -> None:
    sound = music()
    hidden = sound.copy()
    first = 8 * length // sound.shape[1]
    hidden[:first] = embed(sound[:first], TEXT[:length], 1)
    verdict = classify(write(hidden))
    assert verdict.reasons[0].code == "stego.low_bits_payload"
    assert verdict.payloads[0].kind == "text"


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_an_encrypted_payload_is_told(depth: int) -> None:
    hidden = embed(music(seconds=6), encrypted(200_000), depth)
    verdict = classify(write(hidden, container="FLAC"))
    assert verdict.reasons[0].code == "stego.low_bits_floor"
    assert verdict.evidence["replaced_depth"] == depth


def loud_noise(count: int, seed: int, top: float = 0.1) -> NDArray[np.int16]:
    """Noise whose spectrum's upper half is `top` of its lower one: loud, full-band, and no sample like the next."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(0, 4000, count))
    spectrum[len(spectrum) // 2 :] *= top
    return np.rint(np.fft.irfft(spectrum, count)).astype(np.int16)


@pytest.mark.parametrize("depth", [2, 4])
def test_encrypted_bits_are_told_where_the_sound_is_loud_at_every_frequency(depth: int) -> None:
    sound = loud_noise(120_000, 3, 0.0015 * (1 << depth))
    found = find_replaced(embed(sound, encrypted(60_000), depth), 32768)
    assert found
    assert found.depth == depth
    assert found.likelihood > 20
    plain = find_replaced(sound, 32768)
    assert plain is None or plain.likelihood < 5


def test_the_part_that_was_replaced_is_found() -> None:
    sound = loud_noise(60_000, 4, 0.005)
    sound[20_000:45_000] = embed(sound[20_000:45_000], encrypted(4_000), 1)
    found = find_replaced(sound, 32768)
    assert found
    assert 8 <= found.blocks <= 14  # of 2,048 new samples each


@pytest.mark.parametrize("name", ["hill-of-sorrows.ogg", "west.ogg", "exotic-birds-field-recording.ogg"])
def test_in_a_clean_recording_no_bits_were_replaced(name: str) -> None:
    verdict = classify(write(music(name)))
    assert verdict.content is Content.REAL
    assert verdict.evidence.get("replaced_log_likelihood", 0) < 6


def test_a_recording_amplified_after_it_was_rounded_passes() -> None:
    rounded = music()[:, 0].astype(np.int32)
    louder = np.rint(np.clip(rounded * 2.45, -32768, 32767)).astype(np.int16)  # its floor is that of one replaced bit
    assert classify(write(louder)).content is Content.REAL


def test_sound_that_fades_or_is_cut_off_passes() -> None:
    sound = music()[:, 0].astype(np.float64)
    faded = np.rint(sound * np.linspace(1, 0, len(sound)) ** 6).astype(np.int16)
    cut = np.clip(np.rint(sound * 8), -32768, 32767).astype(np.int16)
    for spoilt in (faded, cut):
        assert classify(write(spoilt)).content is Content.REAL
