"""Makers of modem audio (family f of docs/forensics.md): keyed carriers, keypad tones, many tones.

Rates, tones and shifts of the training set lie between those of the sets that are measured.
"""

from __future__ import annotations

import random

import numpy as np
from forensics_mocks import Case, Maker, Sound, lossless, make_payload, write

KEYPAD = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
PAYLOADS = ("text", "encrypted", "elf", "chunk", "script", "zip")
SECONDS = 15
BAUDS = {
    True: (45.45, 75, 110, 150, 200, 500, 600, 1000, 2000),
    False: (50, 100, 120, 250, 300, 400, 800, 1200, 2400),
}
SHIFTS = {True: (85, 170, 400, 850), False: (100, 200, 450, 1000)}


def modem(maker: Maker) -> Case:
    """f: one of the modems, with silence, fading and noise as they come."""
    dice = maker.dice
    rate = dice.choice([8000, 11025, 16000, 22050, 44100, 44100, 48000])
    kind = dice.choice(PAYLOADS)
    data = make_payload(maker, kind, dice.choice([120, 300, 1000, 3000]))
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).astype(np.int64)
    how = dice.choice(
        ["fsk", "fsk", "afsk", "high fsk", "wide fsk", "dtmf", "dtmf", "multitone", "multitone", "mfsk", "psk"]
    )
    sound, detail = MAKERS[how](dice, bits, rate, maker.split == "train")
    sound, said = spoil(maker, sound, rate)
    detail = f"{how} {detail}{said} {kind} {len(data)} {rate}"
    if dice.random() < 0.2:
        return Case("f", f"{detail} ogg", write(sound, rate, "VORBIS", "OGG"), ".ogg")
    return Case("f", detail, write(sound, rate, *lossless(dice)))


def spoil(maker: Maker, sound: Sound, rate: int) -> tuple[Sound, str]:
    """A gain, and now and then noise, a slow fade, silence around it."""
    dice = maker.dice
    sound, said = sound * dice.uniform(0.1, 0.9), ""
    if dice.random() < 0.4:
        ratio = dice.choice([30, 20, 15])
        noise = maker.generator.normal(0, np.sqrt(np.mean(sound**2)) * 10 ** (-ratio / 20), len(sound))
        sound, said = sound + noise, f" {ratio} dB over noise"
    if dice.random() < 0.15:
        sound = sound * (0.6 + 0.4 * np.sin(2 * np.pi * dice.uniform(0.1, 1) * np.arange(len(sound)) / rate))
        said += " fading"
    if dice.random() < 0.2:
        before, after = (np.zeros(int(rate * dice.uniform(0.1, most))) for most in (1.5, 0.4))
        sound = np.concatenate([before, sound, after])
    return sound, said


def held(values: np.ndarray, baud: float, rate: int) -> np.ndarray:
    """Each value for one symbol's time, `SECONDS` at most."""
    count = min(SECONDS * rate, int(len(values) * rate / baud))
    return values[np.minimum((np.arange(count) * baud / rate).astype(np.int64), len(values) - 1)]


def continuous_phase(tones: np.ndarray, baud: float, rate: int) -> Sound:
    return np.sin(2 * np.pi * np.cumsum(held(tones, baud, rate)) / rate)


def _pairs(bits: np.ndarray, count: int) -> np.ndarray:
    return bits[: len(bits) // count * count].reshape(-1, count)


def two_tones(bits: np.ndarray, low: float, shift: float, baud: float, rate: int) -> tuple[Sound, str]:
    return continuous_phase(np.where(bits > 0, low + shift, low), baud, rate), f"{baud} baud {low:.0f}+{shift:.0f}"


def fsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    baud = dice.choice(BAUDS[training])
    low = dice.choice([600, 1000, 1500] if training else [700, 1070, 1270, 2025])
    shift = max(dice.choice(SHIFTS[training]), 0.5 * baud)
    return two_tones(bits, low, shift, baud, rate)


def afsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    return two_tones(bits, *((1300, 800) if training else (1200, 1000)), 1200, rate)


def high_fsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    baud = dice.choice(BAUDS[training])
    low = dice.uniform(6200, min(17000, rate * 0.4)) if rate > 16000 else 2400
    return two_tones(bits, low, max(baud * dice.choice([0.7, 1, 2]), 170), baud, rate)


def wide_fsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    low = dice.choice([600, 1100, 1500] if training else [500, 1000, 1300])
    high = min(low * dice.choice([2, 3]), rate * 0.4)
    return two_tones(bits, low, high - low, dice.choice(BAUDS[training]), rate)


def psk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Two or four phases, absolute or differential."""
    baud = dice.choice([62.5, 125, 250, 500, 1000] if training else [31.25, 100, 300, 600, 1200])
    four = dice.random() < 0.4
    phases = np.exp(1j * np.pi / 2 * (_pairs(bits, 2) @ [2, 1])) if four else (bits * 2 - 1).astype(complex)
    if dice.random() < 0.4:
        phases = np.cumprod(phases)
    symbols = held(phases, baud, rate)
    carrier = dice.choice([1000, 1700] if training else [1500, 1800, 2000])
    sound = (symbols * np.exp(2j * np.pi * carrier * np.arange(len(symbols)) / rate)).real
    return sound, f"{4 if four else 2} phases {baud} baud"


def mfsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """One of 16 tones at a time."""
    baud = dice.choice([10, 20, 40, 80] if training else [15.625, 31.25, 50, 100])
    spacing = max(baud, dice.choice([20, 40, 75] if training else [15.625, 50, 100, 150]))
    lowest = dice.choice([600, 1400] if training else [500, 1000])
    return continuous_phase(
        lowest + spacing * (_pairs(bits, 4) @ [8, 4, 2, 1]), baud, rate
    ), f"{baud} baud by {spacing}"


def dtmf(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    on = dice.choice([0.03, 0.045, 0.07, 0.12] if training else [0.04, 0.05, 0.08, 0.1, 0.15])
    off = dice.choice([0, 0.015, 0.03, 0.08] if training else [0, 0.02, 0.04, 0.05, 0.1])
    time, gap = np.arange(int(on * rate)) / rate, np.zeros(int(off * rate))
    keys = (_pairs(bits, 4) @ [8, 4, 2, 1])[: int(SECONDS / (on + off))]
    tones = [
        np.sin(2 * np.pi * KEYPAD[n // 4] * time) + np.sin(2 * np.pi * KEYPAD[4 + n % 4] * time) for n in range(16)
    ]
    return np.concatenate([part for key in keys for part in (tones[key] / 2, gap)]), f"{on}/{off}"


def multitone(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Each of several tones on or off."""
    count = dice.choice([4, 6, 8, 12] if training else [4, 5, 8, 10, 16])
    baud = dice.choice([15, 25, 40, 80] if training else [10, 20, 30, 50, 100])
    lowest = dice.choice([300, 600, 900] if training else [400, 500, 1000])
    spacing = dice.choice([75, 125, 200] if training else [100, 150, 180, 250])
    words = _pairs(bits, count)[: SECONDS * baud]
    time = np.arange(len(words) * (rate // baud)) / rate
    gates = np.repeat(words, rate // baud, axis=0)
    sound = sum(gates[:, n] * np.sin(2 * np.pi * (lowest + spacing * n) * time) for n in range(count)) / count
    return np.asarray(sound), f"{count} by {spacing} {baud} baud"


MAKERS = {
    "fsk": fsk,
    "afsk": afsk,
    "high fsk": high_fsk,
    "wide fsk": wide_fsk,
    "psk": psk,
    "mfsk": mfsk,
    "dtmf": dtmf,
    "multitone": multitone,
}
