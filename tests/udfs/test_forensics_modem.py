"""Bytes sent as tones are found, also through a lossy codec; tunes, sirens and telephones pass."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from mock_files import TEXT, encrypted, executable, reason_codes, write
from numpy.typing import NDArray

from udfs.forensics.band import take_band
from udfs.forensics.carrier import describe_carrier
from udfs.forensics.modem import find_modem
from udfs.forensics.signal import Signal
from udfs.forensics.symbol_clock import describe_turns
from udfs.forensics.symbols import describe_symbols

RATE = 22050
BITS = np.unpackbits(np.frombuffer(encrypted(2000), np.uint8)).astype(np.int64)
NIBBLES = BITS.reshape(-1, 4) @ [8, 4, 2, 1]
LOW, HIGH = np.array([697, 770, 852, 941]), np.array([1209, 1336, 1477, 1633])


def held(values: NDArray[np.generic], baud: float, seconds: float = 5.0) -> NDArray[np.float64]:
    times = np.arange(int(seconds * RATE)) * baud / RATE
    return np.asarray(values, np.float64)[np.minimum(times.astype(int), len(values) - 1)]


def phase(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * np.cumsum(frequency) / RATE)


def multitone(baud: int) -> NDArray[np.float64]:
    gates = np.stack([held(BITS.reshape(-1, 8)[:, i], baud) for i in range(8)])
    time = np.arange(gates.shape[1]) / RATE
    return sum(gates[i] * np.sin(2 * np.pi * (500 + 150 * i) * time) for i in range(8)) / 10


MODEMS = {
    "modem.fsk": lambda: phase(held(np.where(BITS > 0, 2225, 2025), 300)),
    "modem.psk": lambda: held(BITS * 2 - 1, 300) * phase(np.full(5 * RATE, 1800.0)),
    "modem.ook": lambda: held(BITS, 300) * phase(np.full(5 * RATE, 1500.0)),
    "modem.dtmf": lambda: phase(held(LOW[NIBBLES // 4], 10)) + 0.8 * phase(held(HIGH[NIBBLES % 4], 10)),
    "modem.mfsk": lambda: phase(held(1000 + 100 * NIBBLES, 50)),
    "modem.multitone": lambda: multitone(20),
}


@pytest.mark.parametrize("code", MODEMS)
@pytest.mark.parametrize("container", ["WAV", "OGG"])
def test_a_modem_is_named(code: str, container: str) -> None:
    sound = MODEMS[code]() * 0.6
    assert reason_codes(write(sound, "PCM_16" if container == "WAV" else "VORBIS", container, RATE))[0] == code


def test_what_is_data_by_its_windows_is_named_by_the_carrier_that_it_switches() -> None:
    bits = np.unpackbits(np.frombuffer(base64.b64encode(executable()[-846:]), np.uint8)).astype(np.float64)
    carrier = np.sin(2 * np.pi * 1000 * np.arange(len(bits) * 36) / 44100)
    codes = reason_codes(write(np.repeat(bits, 36) * carrier * 0.4, rate=44100))
    assert codes == ["samples.data", "modem.ook"]


def test_bell_202_with_noise_is_found() -> None:
    bits = np.unpackbits(np.frombuffer(TEXT[:2000], np.uint8))
    sound = phase(held(np.where(bits > 0, 1200, 2200), 1200)) + np.random.default_rng(1).normal(0, 0.02, 5 * RATE)
    assert reason_codes(write(sound, rate=RATE))[0] == "modem.fsk"


@pytest.mark.parametrize("baud", [400, 600, 1200])
def test_symbols_too_short_for_a_spectrum_are_found(baud: int) -> None:
    sound = phase(held(np.where(BITS > 0, 1200, 2200), baud, 3.0))
    band = take_band(sound.astype(np.float32), RATE)
    clock = describe_turns(band.signal, band.rate)
    assert 2 ** clock["rate"] == pytest.approx(baud, rel=0.01)
    assert clock["still"] > 0.9
    assert clock["repeats"] < 0.6  # not foretold


def test_many_tones_under_noise_are_found_by_their_grid() -> None:
    sound = multitone(50) + np.random.default_rng(2).normal(0, 0.03, 5 * RATE)
    assert reason_codes(write(sound, rate=RATE))[0] == "modem.multitone"


def carriers(count: int, spacing: float, length: float) -> NDArray[np.float64]:
    """OFDM: each carrier one of four phases, another one every `length` seconds."""
    numbers = (BITS.reshape(-1, 2) @ [2, 1])[: len(BITS) // 2 // count * count].reshape(-1, count)
    time = np.arange(int(length * RATE)) / RATE
    tones = np.exp(2j * np.pi * np.outer(500 + spacing * np.arange(count), time))
    return np.asarray((np.exp(0.5j * np.pi * numbers) @ tones).real.ravel()[: 5 * RATE] / count)


def sweeps(shifts: int, band: float, seconds: float) -> NDArray[np.float64]:
    """A chirp a symbol, begun where its number says."""
    time = np.arange(5 * RATE) / RATE
    numbers = (BITS.reshape(-1, 5) @ [16, 8, 4, 2, 1]) % shifts
    return phase(400 + band * ((numbers[(time / seconds).astype(int)] / shifts + time % seconds / seconds) % 1))


def rounded(levels: NDArray[np.int64], baud: float) -> NDArray[np.float64]:
    """Levels that pass into each other in a raised cosine's way, as shaped pulses of full excess do."""
    at = np.arange(5 * RATE) * baud / RATE
    share = 0.5 - 0.5 * np.cos(np.pi * (at % 1))
    return (1 - share) * levels[at.astype(int)] + share * levels[at.astype(int) + 1]


WIDE = {
    "16 points": lambda: (
        rounded(NIBBLES // 4 - 1.5, 600) * np.cos(2 * np.pi * 1800 * TIME[: 5 * RATE])
        + rounded(NIBBLES % 4 - 1.5, 600) * np.sin(2 * np.pi * 1800 * TIME[: 5 * RATE])
    ),
    "32 carriers": lambda: carriers(32, 60, 0.02),
    "chirps": lambda: sweeps(32, 2000, 0.02),
    "least shift": lambda: phase(1500 + 150 * (2 * held(BITS, 600) - 1)),
    "brightness as frequency": lambda: phase(1500 + 800 * held(np.frombuffer(encrypted(7200), np.uint8) / 255, 1400)),
    "three of sixteen": lambda: sum(phase(held(500 + 40 * NIBBLES[n::3] + 700 * n, 20)) for n in range(3)) / 2,
}


@pytest.mark.parametrize("kind", WIDE)
def test_data_is_found_however_it_is_modulated(kind: str) -> None:
    sound = WIDE[kind]()
    assert reason_codes(write(0.5 * sound / np.abs(sound).max(), rate=RATE))[0].startswith("modem.")


def test_a_modem_that_begins_late_is_found() -> None:
    late = np.concatenate([np.zeros(3 * RATE), WIDE["16 points"]()[: 3 * RATE] * 0.2])
    assert reason_codes(write(late, rate=RATE))[0].startswith("modem.")


@pytest.mark.parametrize("level", [1e-3, 1.0, 3e4])
def test_how_loud_a_modem_is_changes_nothing(level: float) -> None:
    numbers: dict[str, float] = {}
    find_modem(
        Signal(np.float32(level) * WIDE["16 points"]().astype(np.float32)[:, None], RATE, 0, False, b""), numbers
    )
    assert numbers["modem_log_odds"] > 2


def test_a_symbol_is_the_same_all_through_and_the_next_one_another() -> None:
    band = take_band(MODEMS["modem.mfsk"]().astype(np.float32), RATE)
    found = describe_symbols(np.ascontiguousarray(band.signal.real), band.rate, [31.0, 50.0])
    assert 2 ** found["quickness"] == pytest.approx(50.0)
    assert found["kept_10"] > 0.9
    assert found["new"] < 0.3


def test_a_chord_that_stays_is_no_symbol() -> None:
    chord = sum(phase(np.full(5 * RATE, float(tone))) for tone in (440, 550, 660))
    band = take_band(chord.astype(np.float32), RATE)
    found = describe_symbols(np.ascontiguousarray(band.signal.real), band.rate, [50.0])
    assert found["kept"] > 0.8
    assert found["kept"] - found["new"] < 0.1


def test_squaring_a_carrier_of_two_phases_leaves_a_tone() -> None:
    found = describe_carrier(take_band(MODEMS["modem.psk"]().astype(np.float32), RATE))
    assert found["squared"] > 0.5 > 0.1 > found["steady"]


def test_a_band_that_holds_the_sound_is_taken_wherever_it_lies() -> None:
    high = np.sin(2 * np.pi * 9100 * np.arange(2 * RATE) / RATE).astype(np.float32)
    band = take_band(high, RATE)
    assert band.above
    turn = np.angle(np.mean(band.signal[1:] * np.conj(band.signal[:-1])))
    begins = 9100 - turn / (2 * np.pi) * band.rate
    assert begins == pytest.approx(1500 * round(begins / 1500), abs=2)  # bands are tried a quarter of their width apart


TIME = np.arange(6 * RATE) / RATE
SCALE = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
TUNE = np.random.default_rng(4).integers(0, 8, 400)
KEYS = LOW[TUNE[(TIME * 5).astype(int)] % 4], HIGH[TUNE[(TIME * 5).astype(int)] % 3]
TUNES = {
    "siren": lambda: phase(np.where(TIME % 1 < 0.5, 660.0, 880.0)),
    "arpeggio": lambda: phase(SCALE[[0, 2, 4]][(TIME * 50).astype(int) % 3]),
    "sine tune": lambda: phase(SCALE[TUNE[(TIME * 8).astype(int)]]),
    "square tune": lambda: 0.4 * np.sign(phase(SCALE[TUNE[(TIME * 8).astype(int)]])),
    "tremolo": lambda: phase(np.full(6 * RATE, 440.0)) * (np.sin(2 * np.pi * 45 * TIME) > 0),
    "morse": lambda: phase(np.full(6 * RATE, 700.0)) * BITS[(TIME * 15).astype(int)],
    "fm": lambda: 0.5 * np.sin(2 * np.pi * 220 * TIME + 5 * np.sin(2 * np.pi * 330 * TIME)),
    "a telephone number": lambda: (
        (phase(KEYS[0] * 1.0) + phase(KEYS[1] * 1.0)) * 0.5 * (TIME % 0.2 < 0.1) * (TIME < 2.2)
    ),
    "bleeps": lambda: phase(np.random.default_rng(1).uniform(200, 3000, 400)[(TIME * 12).astype(int)]),
}


@pytest.mark.parametrize("name", TUNES)
def test_tones_that_spell_nothing_pass(name: str) -> None:
    assert reason_codes(write(TUNES[name](), rate=RATE)) == []
