"""Low bits: plain payloads are read out, encrypted ones are told by a matched filter, clean recordings have neither."""

from __future__ import annotations

import numpy as np
import pytest
from mock_files import TEXT, classify, encrypted, executable, music, write
from numpy.typing import NDArray

from udfs.findings import Content
from udfs.forensics.filled_gaps import find_filled
from udfs.forensics.lowbits import BitOrder, read_plane
from udfs.forensics.replaced_bits import find_replaced
from udfs.forensics.whitening import whiten


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
    found = find_replaced(embed(sound, encrypted(60_000), depth)[:, None], 32768)
    assert found
    assert found.depth == depth
    assert found.likelihood > 20
    plain = find_replaced(sound[:, None], 32768)
    assert plain is None or plain.likelihood < 5


def test_the_part_that_was_replaced_is_found() -> None:
    sound = loud_noise(60_000, 4, 0.005)
    sound[20_000:45_000] = embed(sound[20_000:45_000], encrypted(4_000), 1)
    found = find_replaced(sound[:, None], 32768)
    assert found
    assert 20 <= found.blocks <= 28  # of 1,024 samples each


def test_bits_replaced_only_in_the_quiet_end_of_a_long_track_are_told() -> None:
    hidden = loud_noise(600_000, 5, 0.2)[:, None]
    hidden[520_000:] = np.rint(hidden[520_000:] * 0.01)
    plain = find_replaced(hidden, 32768)
    assert plain is None or plain.likelihood < 6
    hidden[520_000:] = embed(hidden[520_000:], encrypted(10_000), 1)
    found = find_replaced(hidden, 32768)
    assert found
    assert found.likelihood > 20


def test_what_one_channel_says_of_the_other_is_taken_off() -> None:
    rng = np.random.default_rng(6)
    alike, apart = rng.normal(0, 3000, (60_000, 1)), rng.normal(0, 4, (60_000, 2))
    sound = np.rint(alike + apart).astype(np.int16)
    hidden = embed(sound, encrypted(20_000), 1)
    plain, both = find_replaced(sound, 32768), find_replaced(hidden, 32768)
    assert plain is None or plain.likelihood < 6
    assert both
    assert both.likelihood > 100
    alone = find_replaced(hidden[:, :1], 32768)
    assert alone is None or alone.likelihood < 6


@pytest.mark.parametrize(("loud", "apart"), [(3000, 4), (400_000, 100), (2_000_000, 100)])
def test_what_the_filter_gives_is_as_loud_as_it_says_however_alike_two_channels_are(loud: float, apart: float) -> None:
    rng = np.random.default_rng(9)
    sound = np.repeat(rng.normal(0, loud, (1, 61_440)), 2, axis=0) + rng.normal(0, apart, (2, 61_440))
    whitened = whiten(np.rint(sound).astype(np.float32))
    inside = slice(2048, -2048)
    said = whitened.weight[:, inside].mean()
    assert np.mean(whitened.sound[:, inside] ** 2) == pytest.approx(said, rel=0.1)
    assert said * 2 * apart**2 == pytest.approx(1, rel=0.2)  # of the difference alone


def of_eight_bits(seed: int = 7, count: int = 60_000) -> NDArray[np.float64]:
    """Loud noise, rounded to 8 bits, in steps of 16 bits."""
    return np.rint(np.random.default_rng(seed).normal(0, 25, count)) * 256


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_bits_replaced_in_a_quarter_of_a_sound_that_was_of_eight_bits_are_told(depth: int) -> None:
    hidden = np.rint(of_eight_bits() * 0.9).astype(np.int16)
    assert find_filled(hidden[:, None]) == (None, {1, 2, 4})
    hidden[:15_000] = embed(hidden[:15_000], encrypted(15_000), depth)
    found, _ = find_filled(hidden[:, None])
    assert found
    assert found.depth == depth
    assert found.likelihood > 40
    assert 26 <= found.blocks <= 32  # of 512 samples each
    verdict = classify(write(hidden[:, None]))
    assert verdict.reasons[0].code == "stego.low_bits_floor"


@pytest.mark.parametrize("gain", [1.0, 0.9, 0.37])
@pytest.mark.parametrize("dither", ["rectangular", "triangular", "normal"])
def test_sound_of_eight_bits_to_which_dither_was_added_passes(gain: float, dither: str) -> None:
    rng, sound = np.random.default_rng(8), of_eight_bits() * gain
    even = rng.random((2, len(sound))) - 0.5
    added = {"rectangular": even[0], "triangular": even.sum(axis=0), "normal": rng.normal(0, 2, len(sound))}[dither]
    dithered = np.rint(sound + added).astype(np.int16)[:, None]
    found, told = find_filled(dithered)
    assert found is None
    others = find_replaced(dithered, 32768, [depth for depth in (1, 2, 4) if depth not in told])
    assert others is None or others.likelihood < 6


def test_the_same_values_once_a_period_prove_nothing() -> None:
    time = np.arange(60_000) / 22050
    tones = 6000 * (np.sin(2 * np.pi * 770 * time) + np.sin(2 * np.pi * 1336 * time))
    assert find_filled(np.rint(tones).astype(np.int16)[:, None])[0] is None


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
