"""Bytes written as samples are recognised, read out and named by family; real sound passes."""

from __future__ import annotations

import base64
import gzip
import hashlib

import numpy as np
import pytest
from mock_files import RATE, TEXT, classify, codes, encrypted, executable, music, reason_codes, write
from numpy.typing import NDArray

from udfs.findings import Content, Decision
from udfs.forensics import samples_as_bytes, windows
from udfs.reasons import info

CARRIER = np.rint(np.sin(2 * np.pi * np.arange(8) / 8) * 9000) / 32768  # five values
ELF = executable()


def as_pcm(data: bytes, width: int) -> NDArray[np.int32]:
    """Bytes as left-aligned 32-bit samples of `width` bytes, the way libsndfile takes them."""
    whole = np.frombuffer(data[: len(data) // width * width], np.uint8).reshape(-1, width)
    padded = np.zeros((len(whole), 4), np.uint8)
    padded[:, 4 - width :] = whole
    return padded.view("<i4")[:, 0]


@pytest.mark.parametrize(
    "file",
    [
        write(codes(TEXT), "FLOAT"),
        write(codes(TEXT), "DOUBLE"),
        write(codes(TEXT) / 255, "FLOAT"),
        write(codes(TEXT) / 128 - 1, "FLOAT", "AIFF"),
        write(codes(TEXT).astype(np.int16)),
        write((codes(TEXT) - 90) / 128 * 0.7),
    ],
    ids=["float", "double", "of 255", "AIFF", "int16", "scaled"],
)
def test_text_as_character_values_is_family_a(file: bytes) -> None:
    verdict = classify(file)
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[0].code == "samples.text"
    assert verdict.payloads[0].kind == "text"
    assert verdict.payloads[0].length == len(TEXT)


def test_a_legacy_mock_in_bare_samples_gives_its_text_back() -> None:
    verdict = classify(codes(TEXT).astype("<f4").tobytes(), RATE)
    assert verdict.payloads[0].sha256 == hashlib.sha256(TEXT).hexdigest()


def test_text_in_another_script_gives_its_text_back() -> None:
    text = "".join(f"{n}-я строка: съешь же ещё этих мягких французских булок, да выпей чаю. " for n in range(40))
    verdict = classify(np.array([ord(c) for c in text], "<f4").tobytes(), RATE)
    assert verdict.reasons[0].code == "samples.text"
    assert verdict.payloads[0].sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_text_that_was_clipped_at_full_scale_is_refused() -> None:
    assert reason_codes(write(codes(TEXT), "PCM_16")) == ["samples.full_scale"]


@pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC"])
@pytest.mark.parametrize("width", [2, 3])
def test_an_executable_as_pcm_is_read_out(container: str, width: int) -> None:
    file = write(as_pcm(ELF, width), f"PCM_{8 * width}", container)
    verdict = classify(file)
    assert verdict.reasons[0].code == "samples.payload"
    assert verdict.payloads[0].kind == "elf"


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_an_executable_over_the_sound_bytes_is_read_out(subtype: str) -> None:
    width = {"PCM_U8": 1, "ULAW": 1, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}[subtype]
    silent = write(np.zeros(len(ELF) // width), subtype)
    body = ELF[: len(ELF) // width * width]
    verdict = classify(silent[: len(silent) - len(body)] + body)
    assert verdict.reasons[0].code == "samples.payload"
    assert verdict.payloads[0].sha256 == hashlib.sha256(body).hexdigest()


def test_base64_of_an_xored_executable_says_what_it_hides() -> None:
    text = base64.b64encode(bytes(byte ^ 0x5A for byte in ELF[:30_000]))
    verdict = classify(write(as_pcm(text, 2), "PCM_16"))
    assert verdict.payloads[0].kind == "base64(xor(elf))"


def test_of_hours_of_a_payload_the_first_part_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_as_bytes, "MOST_SAMPLES", 70_000)
    data = base64.b64encode(encrypted(150_000))
    found = classify(write(as_pcm(data, 2))).payloads[0]
    assert (found.kind, found.length) == ("base64", 140_000)
    assert found.sha256 == hashlib.sha256(data[:140_000]).hexdigest()


@pytest.mark.parametrize(
    "samples",
    [
        (codes(ELF) - 128) / 128 * 0.37,
        (codes(ELF) - 128) / 400 + 0.21,
        ((codes(ELF[: len(ELF) // 2 * 2]) - 128) / 128 * 0.5).reshape(2, -1).T,
        (np.cumsum(codes(ELF)) % 256 - 128) / 128 * 0.6,
        np.diff(codes(ELF), prepend=0) / 256 * 0.9,
        (codes(ELF[:4000])[::-1] - 128) / 128 * 0.37,
    ],
    ids=["scaled", "offset", "a half a channel", "summed", "differenced", "from its end on"],
)
def test_mapped_bytes_are_undone(samples: NDArray[np.float64]) -> None:
    verdict = classify(write(samples))
    assert verdict.reasons[0].code == "samples.mapped_payload"
    assert verdict.payloads[0].kind == "elf"


@pytest.mark.parametrize("hold", [1, 4, 7])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_symbols_are_packed_back_into_bytes(hold: int, width: int) -> None:
    bits = np.unpackbits(np.frombuffer(TEXT[:6000], np.uint8))
    symbols = bits.reshape(-1, width) @ (1 << np.arange(width)[::-1])
    verdict = classify(write(np.repeat(symbols / (2**width - 1) * 1.6 - 0.8, hold)))
    assert verdict.reasons[0].code == "samples.symbols"
    assert verdict.payloads[0].kind == "text"


@pytest.mark.parametrize(
    "tile",
    [bytes(300) + encrypted(5_000), gzip.compress(TEXT * 3, mtime=0)[:1500]],
    ids=["zeros first", "an archive cut short"],
)
def test_a_tile_that_holds_no_whole_file_is_named_as_one(tile: bytes) -> None:
    verdict = classify(write((codes(tile * 40)[:120_001] - 128) / 128 * 0.4))
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[0].code.startswith("samples.tiled_")


def test_what_is_nearly_data_and_comes_again_to_the_sample_is_a_tile() -> None:
    table = codes(ELF[94_212:95_712])  # moves as sound does, in part
    verdict = classify(write(np.resize((table - 128) / 128 * 0.5, 150_000)))
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[0].code == "samples.tiled_data"


def test_a_square_wave_with_a_little_noise_is_no_text() -> None:
    noise = np.random.default_rng(28).normal(0, 1, 80_000)
    wave = np.rint(np.where(np.arange(80_000) * 564.3 / RATE % 1 < 0.5, 9830, -9830) + noise).astype(np.int16)
    assert classify(write(wave)).decision is Decision.ACCEPT


def test_quiet_sound_at_an_offset_is_no_text_in_another_script() -> None:
    quiet = np.random.default_rng(7).normal(11_712, 40, 40_000)  # hiss before the music begins
    sound = np.concatenate([quiet, music(seconds=3.0)[:, 0] * 0.3 + 11_712]).astype(np.int16)
    assert classify(write(sound)).decision is Decision.ACCEPT


@pytest.mark.parametrize("times", [5, 40])
def test_a_tile_is_named_and_its_one_copy_hashed(times: int) -> None:
    tile = ELF[:9000]
    verdict = classify(write(as_pcm(tile * times, 2)))
    assert verdict.reasons[0].code == "samples.tiled_payload"
    assert verdict.payloads[0].length == len(tile)


@pytest.mark.parametrize(
    ("samples", "family"),
    [
        (as_pcm(encrypted(200_000), 2).astype(np.int32), "b"),
        ((codes(encrypted(100_000)) - 128) / 128 * 0.6, "c"),
        (codes(encrypted(100_000)) % 90 / 300 - 0.17, "a"),
        (np.repeat(np.unpackbits(np.frombuffer(encrypted(4_000), np.uint8)), 6) * np.resize(CARRIER, 192_000), "e"),
    ],
    ids=["16-bit", "scaled", "as characters", "on and off"],
)
def test_encrypted_bytes_are_told_by_what_sound_never_is(samples: NDArray[np.generic], family: str) -> None:
    verdict = classify(write(samples))
    assert verdict.decision is Decision.REJECT
    assert info(verdict.reasons[0].code).family == family


def test_a_payload_behind_half_the_music_counts() -> None:
    sound = music()[:, 0]
    file = write(np.concatenate([sound, as_pcm(encrypted(120_000), 2) >> 16]).astype(np.int16))
    verdict = classify(file)
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[0].code.startswith("mixture.")


def test_half_a_second_of_bytes_before_the_music_counts() -> None:
    sound = music(seconds=12.0)
    payload = np.frombuffer(encrypted(80_000), "<i2").reshape(-1, sound.shape[1])
    verdict = classify(write(np.concatenate([payload, sound]).astype(np.int16)))
    assert verdict.decision is Decision.REJECT
    assert verdict.reasons[0].code == "mixture.data_segment"


def test_of_each_second_the_window_is_measured_whose_samples_tell_least_of_their_neighbours() -> None:
    seconds, window = 12, windows.WINDOW
    sound = np.sin(np.arange(seconds * RATE) * 0.05) * 9000
    alternating, noise = slice(40 * window, 41 * window), slice(42 * window, 43 * window)
    sound[alternating] *= np.resize([1, -1], window)  # its neighbours tell a sample as well, upside down
    sound[noise] = as_pcm(encrypted(2 * window), 2) >> 16
    starts, length = windows.choose(sound, RATE)
    assert 42 * window in starts
    assert 40 * window not in starts
    assert length == window


def test_a_payload_in_one_channel_counts() -> None:
    sound = music()[:, 0]
    other = np.resize(as_pcm(ELF, 2) >> 16, len(sound))
    assert classify(write(np.stack([sound, other], 1).astype(np.int16))).decision is Decision.REJECT


REAL = {
    "music": lambda rng: music() / 32768,
    "speech": lambda rng: music("meroitic-phrases-speech.opus", 4) / 32768,
    "birds": lambda rng: music("exotic-birds-field-recording.ogg", 4) / 32768,
    "white noise": lambda rng: rng.normal(0, 0.1, 60_000),
    "uniform noise": lambda rng: rng.uniform(-0.4, 0.4, 60_000),
    "crushed": lambda rng: np.rint(music() / 32768 * 20) / 20,
    "clipped": lambda rng: np.clip(music() / 32768 * 20, -1, 1),
    "nearly silent": lambda rng: rng.normal(0, 1, 60_000) / 32768,
    "silent": lambda rng: np.zeros(60_000),
    "0.3 s": lambda rng: music()[:13_230] / 32768,
    "a tone": lambda rng: 0.5 * np.sin(np.arange(60_000) * 0.06),
    "a sweep": lambda rng: 0.5 * np.sin(np.arange(120_000) ** 2 * 1e-5),
    "a square wave": lambda rng: 0.4 * np.sign(np.sin(np.arange(60_000) * 0.021)),
    "amplified": lambda rng: np.rint(music()[:, 0] / 3) * 2 / 32768,
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "FLOAT", "PCM_24"])
def test_real_sound_passes(name: str, subtype: str) -> None:
    verdict = classify(write(REAL[name](np.random.default_rng(5)), subtype))
    assert verdict.decision is Decision.ACCEPT, verdict.reasons
    assert verdict.content is Content.REAL


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
def test_companded_sound_passes(subtype: str) -> None:
    assert classify(write(music("meroitic-phrases-speech.opus", 4)[::6, 0], subtype, rate=8000)).content is Content.REAL


@pytest.mark.parametrize("frames", [1, 2, 63, 500, 513])
def test_the_shortest_tracks_are_judged_without_harm(frames: int) -> None:
    assert classify(write(np.sin(np.arange(frames) * 0.1) * 0.5)).decision is Decision.ACCEPT


def test_a_program_that_moves_as_sound_does_is_read_out_at_any_scale() -> None:
    table = (128 + 60 * np.sin(np.arange(8000) / 40)).astype(np.uint8)  # it moves as sound does
    values = np.concatenate([np.frombuffer(executable()[:120], np.uint8), table]).astype(np.float64)
    verdict = classify(write((values - values.mean()) / 256 * 0.7))
    assert verdict.decision is Decision.REJECT
    assert verdict.payloads[0].kind == "elf"
