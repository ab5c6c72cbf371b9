"""Makers of modem audio (family f of docs/forensics.md): keyed carriers, keypad tones, many tones.

Rates, tones and shifts of the training set are drawn from between and around those measured, and are none of them.
"""

from __future__ import annotations

import random

import numpy as np
from forensics_mocks import Case, Maker, Sound, lossless, make_payload, write
from forensics_wide_modems import SECONDS, WIDE_MAKERS, count_of, held, numbers_of, pick

KEYPAD = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
PAYLOADS = ("text", "encrypted", "elf", "chunk", "script", "zip")
BAUDS = (50, 100, 120, 250, 300, 400, 800, 1200, 2400)
HOW = (
    *("fsk", "fsk", "afsk", "high fsk", "wide fsk", "dtmf", "dtmf", "multitone", "multitone", "mfsk", "psk"),
    *WIDE_MAKERS,
)
SHIFTS = (100, 200, 450, 1000)


def modem(maker: Maker) -> Case:
    """f: one of the modems, with silence, fading and noise as they come."""
    dice = maker.dice
    rate = dice.choice([8000, 11025, 16000, 22050, 44100, 44100, 48000])
    kind, how = dice.choice(PAYLOADS), dice.choice(HOW)
    length = dice.choice([750, 1500, 3000] if how in WIDE_MAKERS else [120, 300, 1000, 3000])
    data = make_payload(maker, kind, length)
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).astype(np.int64)
    sound, detail = MAKERS[how](dice, bits, rate, maker.split == "train")
    sound, said = spoil(maker, sound, rate)
    detail = f"{how} {detail}{said} {kind} {len(data)} {rate}"
    if dice.random() < 0.2:
        return Case("f", f"{detail} ogg", write(sound, rate, "VORBIS", "OGG"), ".ogg")
    return Case("f", detail, write(sound, rate, *lossless(dice)))


def on_off(maker: Maker) -> Case:
    """e: a carrier switched on and off, for training; `forensics_mocks.symbols` makes those that are measured."""
    dice, training = maker.dice, maker.split == "train"
    rate = dice.choice([8000, 11025, 16000, 22050, 44100, 44100, 48000])
    data = make_payload(maker, dice.choice(PAYLOADS), dice.choice([300, 1000, 3000]))
    bits = framed(dice, np.unpackbits(np.frombuffer(data, np.uint8)).astype(np.int64), training)
    baud = pick(dice, training, BAUDS)
    levels = held(np.where(bits > 0, 1.0, dice.choice([0, 0, 0.2, 0.4])), baud, rate)
    tone = pick(dice, training, (700, 1500, 2500))
    sound, said = spoil(maker, levels * np.sin(2 * np.pi * tone * np.arange(len(levels)) / rate), rate)
    return Case("e", f"ook {baud:.0f} baud {tone:.0f} Hz{said} {rate}", write(sound, rate, *lossless(dice)))


def spoil(maker: Maker, sound: Sound, rate: int) -> tuple[Sound, str]:
    """A gain, and now and then noise, a slow fade, silence around it."""
    dice = maker.dice
    sound, said = sound * dice.uniform(0.1, 0.9), ""
    if dice.random() < 0.4:
        ratio = pick(dice, maker.split == "train", (30, 20, 15))
        noise = maker.generator.normal(0, np.sqrt(np.mean(sound**2)) * 10 ** (-ratio / 20), len(sound))
        sound, said = sound + noise, f" {ratio:.0f} dB over noise"
    if dice.random() < 0.15:
        sound = sound * (0.6 + 0.4 * np.sin(2 * np.pi * dice.uniform(0.1, 1) * np.arange(len(sound)) / rate))
        said += " fading"
    if dice.random() < 0.2:
        before, after = (np.zeros(int(rate * dice.uniform(0.1, most))) for most in (1.5, 0.4))
        sound = np.concatenate([before, sound, after])
    return sound, said


def continuous_phase(tones: np.ndarray, baud: float, rate: int) -> Sound:
    return np.sin(2 * np.pi * np.cumsum(held(tones, baud, rate)) / rate)


def framed(dice: random.Random, bits: np.ndarray, training: bool) -> np.ndarray:
    """Now and then each byte with a bit before and some behind, as a serial line has it."""
    if dice.random() > 0.35:
        return bits
    stops = 1 if training else dice.choice([1, 2])
    body = bits[: len(bits) // 8 * 8].reshape(-1, 8)[:, ::-1]
    return np.hstack([np.zeros((len(body), 1), np.int64), body, np.ones((len(body), stops), np.int64)]).ravel()


def two_tones(bits: np.ndarray, low: float, shift: float, baud: float, rate: int) -> tuple[Sound, str]:
    return continuous_phase(np.where(bits > 0, low + shift, low), baud, rate), f"{baud:.0f} baud {low:.0f}+{shift:.0f}"


def fsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    baud = pick(dice, training, BAUDS)
    low = pick(dice, training, (700, 1070, 1270, 2025))
    shift = max(pick(dice, training, SHIFTS), 0.5 * baud)
    return two_tones(framed(dice, bits, training), low, shift, baud, rate)


def afsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    low, shift, baud = (pick(dice, training, (value,)) for value in (1200, 1000, 1200))
    return two_tones(framed(dice, bits, training), low, shift, baud, rate)


def high_fsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    baud = pick(dice, training, BAUDS)
    low = dice.uniform(6200, min(17000, rate * 0.4)) if rate > 16000 else 2400
    return two_tones(bits, low, max(baud * dice.choice([0.7, 1, 2]), 170), baud, rate)


def wide_fsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    low = pick(dice, training, (500, 1000, 1300))
    high = min(low * dice.choice([2, 3]), rate * 0.4)
    return two_tones(bits, low, high - low, pick(dice, training, BAUDS), rate)


def psk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Two or four phases, absolute or differential."""
    baud = pick(dice, training, (31.25, 100, 300, 600, 1200))
    four = dice.random() < 0.4
    phases = np.exp(1j * np.pi / 2 * numbers_of(bits, 2)) if four else (bits * 2 - 1).astype(complex)
    if dice.random() < 0.4:
        phases = np.cumprod(phases)
    symbols = held(phases, baud, rate)
    carrier = pick(dice, training, (1500, 1800, 2000))
    sound = (symbols * np.exp(2j * np.pi * carrier * np.arange(len(symbols)) / rate)).real
    return sound, f"{4 if four else 2} phases {baud:.0f} baud"


def mfsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """One of 4 to 64 tones at a time."""
    baud = pick(dice, training, (15.625, 31.25, 50, 100))
    width = dice.choice([3, 4, 4, 5] if training else [2, 4, 4, 6])
    spacing = max(baud, pick(dice, training, (15.625, 50, 100, 150)))
    spacing = min(spacing, 0.4 * min(rate, 14000) / (1 << width))
    lowest = pick(dice, training, (500, 1000)) if width < 6 else 300
    tones = lowest + spacing * numbers_of(bits, width)
    return continuous_phase(tones, baud, rate), f"{1 << width} tones {baud:.1f} baud by {spacing:.1f}"


def dtmf(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    on = pick(dice, training, (0.04, 0.05, 0.08, 0.1, 0.15))
    off = pick(dice, training, (0.02, 0.04, 0.05, 0.1)) if dice.random() < 0.8 else 0.0
    time, gap = np.arange(int(on * rate)) / rate, np.zeros(int(off * rate))
    keys = numbers_of(bits, 4)[: int(SECONDS / (on + off))]
    tones = [
        np.sin(2 * np.pi * KEYPAD[n // 4] * time) + np.sin(2 * np.pi * KEYPAD[4 + n % 4] * time) for n in range(16)
    ]
    return np.concatenate([part for key in keys for part in (tones[key] / 2, gap)]), f"{on:.3f}/{off:.3f}"


def multitone(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Each of several tones on or off."""
    count = count_of(dice, training, (4, 5, 8, 10, 16))
    baud = pick(dice, training, (10, 20, 30, 50, 100))
    lowest = pick(dice, training, (400, 500, 1000))
    spacing = pick(dice, training, (100, 150, 180, 250))
    gates = held(bits[: len(bits) // count * count].reshape(-1, count), baud, rate)
    time = np.arange(len(gates)) / rate
    sound = sum(gates[:, n] * np.sin(2 * np.pi * (lowest + spacing * n) * time) for n in range(count)) / count
    return np.asarray(sound), f"{count} by {spacing:.0f} {baud:.0f} baud"


MAKERS = {
    "fsk": fsk,
    "afsk": afsk,
    "high fsk": high_fsk,
    "wide fsk": wide_fsk,
    "psk": psk,
    "mfsk": mfsk,
    "dtmf": dtmf,
    "multitone": multitone,
    **WIDE_MAKERS,
}
