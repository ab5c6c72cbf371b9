"""Makers of modem audio beyond a keyed tone: many levels, carriers, chirps, groups of tones, pictures, tapes.

As in `forensics_modems`, no rate, tone or shift that is measured is ever trained on.
"""

from __future__ import annotations

import random

import numpy as np
from forensics_mocks import Sound

SECONDS = 15
REACH = 5  # symbols on either side that a shaped pulse lasts


def pick(dice: random.Random, training: bool, measured: tuple[float, ...]) -> float:
    """One of the values that are measured; in training one between and around them, 4 % and more from each."""
    if not training:
        return dice.choice(measured)
    least, most = np.log(0.8 * min(measured)), np.log(1.25 * max(measured))
    while True:
        value = float(np.exp(dice.uniform(least, most)))
        if all(abs(value / other - 1) > 0.04 for other in measured):
            return value


def count_of(dice: random.Random, training: bool, measured: tuple[int, ...]) -> int:
    """One of the numbers that are measured; in training another between and around them."""
    others = [number for number in range(max(2, min(measured) - 2), max(measured) + 3) if number not in measured]
    return dice.choice(others if training else measured)


def numbers_of(bits: np.ndarray, width: int) -> np.ndarray:
    """The numbers that `width` bits each make."""
    return bits[: len(bits) // width * width].reshape(-1, width) @ (1 << np.arange(width)[::-1])


def held(values: np.ndarray, baud: float, rate: int) -> np.ndarray:
    """Each value for one symbol's time, `SECONDS` at most."""
    count = min(SECONDS * rate, int(len(values) * rate / baud))
    return values[np.minimum((np.arange(count) * baud / rate).astype(np.int64), len(values) - 1)]


def turning(frequency: np.ndarray, rate: int) -> Sound:
    """A tone of that frequency at each sample, its phase unbroken."""
    return np.sin(2 * np.pi * np.cumsum(frequency) / rate)


def shaped(symbols: np.ndarray, baud: float, rate: int, excess: float) -> np.ndarray:
    """Symbols as raised-cosine pulses, `excess` of the bandwidth beyond half the symbol rate."""
    count = min(SECONDS * rate, int(len(symbols) * rate / baud))
    at = np.arange(count) * baud / rate
    nearest = np.rint(at).astype(np.int64)
    found = np.zeros(count, complex)
    for shift in range(-REACH, REACH + 1):
        which = nearest + shift
        off = at - which
        below = 1 - (2 * excess * off) ** 2
        pulse = np.sinc(off) * np.cos(np.pi * excess * off) / np.where(np.abs(below) < 1e-6, 1e-6, below)
        inside = (which >= 0) & (which < len(symbols)) & (np.abs(below) > 1e-6)
        found += np.where(inside, pulse, 0) * symbols[np.clip(which, 0, len(symbols) - 1)]
    return found


def modulated(symbols: np.ndarray, carrier: float, rate: int) -> Sound:
    """Complex samples on a carrier, at most 1 in size."""
    sound = (symbols * np.exp(2j * np.pi * carrier * np.arange(len(symbols)) / rate)).real
    return np.asarray(sound / max(1e-9, np.abs(sound).max()))


def qam(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Levels of two carriers at right angles, or eight phases of one, with shaped pulses."""
    baud = min(pick(dice, training, (600, 1200, 1600, 2400)), rate * 0.25)
    width = dice.choice([2, 3, 4, 5] if training else [2, 3, 4, 6])
    excess = pick(dice, training, (0.25, 0.5, 1.0))
    codes = numbers_of(bits, width)
    if width <= 3:
        points = np.exp(2j * np.pi * np.arange(1 << width) / (1 << width))
    else:
        columns = 1 << (width // 2)
        points = (np.arange(1 << width) % columns - (columns - 1) / 2) + 1j * (np.arange(1 << width) // columns)
        points = points - points.mean()
    carrier = pick(dice, training, (1650, 1800, 2000))
    sound = modulated(shaped(points[codes], baud, rate, excess), carrier, rate)
    return sound, f"{1 << width} points {baud:.0f} baud {excess:.2f} excess"


def ofdm(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Many carriers, each shifted in phase, with a guard time."""
    count = count_of(dice, training, (10, 16, 32, 64))
    spacing = pick(dice, training, (31.25, 50, 93.75))
    guard = pick(dice, training, (0.125, 0.25)) if dice.random() < 0.7 else 0.0
    lowest = pick(dice, training, (300, 600, 1200))
    count = min(count, int((rate * 0.47 - lowest) / spacing), int(5000 / spacing))
    width = dice.choice([1, 2])
    codes = numbers_of(bits, width)
    codes = codes[: len(codes) // count * count].reshape(-1, count)
    if dice.random() < 0.5:
        codes = np.cumsum(codes, axis=0)
    phases = np.exp(2j * np.pi * codes / (1 << width) + 2j * np.pi * np.arange(count) ** 2 / (2 * count))
    length = int((1 + guard) / spacing * rate)
    tones = np.exp(2j * np.pi * np.outer(lowest + spacing * np.arange(count), np.arange(length)) / rate)
    sound = (phases[: int(SECONDS * rate / length)] @ tones).real.ravel()
    return sound / np.abs(sound).max(), f"{count} by {spacing:.1f} guard {guard:.2f} {1 << width} phases"


def gmsk(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """The least shift, its edges rounded or not."""
    baud = min(pick(dice, training, (300, 600, 1200, 2400)), rate * 0.25)
    middle = pick(dice, training, (1300, 1700, 2500))
    levels = held(bits * 2.0 - 1, baud, rate)
    blur = pick(dice, training, (0.3, 0.6))  # of a symbol
    if dice.random() < 0.7:
        reach = np.arange(-int(rate / baud), int(rate / baud) + 1) * baud / rate
        bell = np.exp(-((reach / blur) ** 2) * 4)
        levels = np.convolve(levels, bell / bell.sum(), "same")
    return turning(middle + baud / 4 * levels, rate), f"{baud:.0f} baud blur {blur:.1f}"


def chirp(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Sweeps over a band, each begun where its number says."""
    width = dice.choice([4, 6, 7] if training else [5, 8])
    band = min(pick(dice, training, (1000, 3000, 5000)), rate * 0.4)
    lowest = pick(dice, training, (300, 500))
    count = max(20, int(max(0.004, dice.choice([0.3, 1.0]) * (1 << width) / band) * rate))  # samples a symbol
    codes = numbers_of(bits, width)[: int(SECONDS * rate / count)]
    sweep = (codes[:, None] / (1 << width) + np.arange(count) / count) % 1
    return turning(
        (lowest + band * sweep).ravel(), rate
    ), f"{1 << width} shifts of {band:.0f} Hz, {rate / count:.0f} a second"


def groups(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Several tones at a time, each one of 16 of its own."""
    count = count_of(dice, training, (2, 6))
    spacing = pick(dice, training, (23.4, 46.875))
    baud = pick(dice, training, (7.8, 15.6, 23.4))
    lowest = pick(dice, training, (400, 1875))
    count = min(count, int((rate * 0.47 - lowest) / (16 * spacing)))
    codes = numbers_of(bits, 4)
    codes = codes[: len(codes) // count * count].reshape(-1, count)
    sound = sum(turning(held(lowest + spacing * (16.0 * n + codes[:, n]), baud, rate), rate) for n in range(count))
    return np.asarray(sound) / count, f"{count} of 16 by {spacing:.1f} {baud:.1f} baud"


def picture(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """Brightness as frequency, a lower tone before each line."""
    dot = pick(dice, training, (0.0003, 0.0005, 0.001))
    columns = count_of(dice, training, (128, 320))
    sync = pick(dice, training, (0.005, 0.009, 0.02))
    values = numbers_of(bits, 8) / 255
    values = values[: max(1, len(values) // columns) * columns]
    lines = [values[at : at + columns] for at in range(0, len(values), columns)]
    parts = [part for line in lines for part in (np.full(int(sync / dot) + 1, 1200.0), 1500 + 800 * line)]
    return turning(held(np.concatenate(parts), 1 / dot, rate), rate), f"{columns} dots of {dot * 1e3:.1f} ms"


def tape(dice: random.Random, bits: np.ndarray, rate: int, training: bool) -> tuple[Sound, str]:
    """A home computer's cassette: a whole wave a bit, short or twice as long, after a tone to start by."""
    half = pick(dice, training, (0.000244, 0.00035))
    pilot = np.full(int(dice.choice([0.2, 0.5, 1.0]) / half / 2), 2)
    halves = np.concatenate([pilot, np.repeat(1 + bits, 2)])
    ends = np.cumsum(halves) * half
    count = min(SECONDS * rate, int(ends[-1] * rate))
    place = np.searchsorted(ends, np.arange(count) / rate, side="right")
    within = (np.arange(count) / rate - (ends[place] - halves[place] * half)) / (halves[place] * half)
    wave = np.where(place % 2, -1.0, 1.0) * (np.sin(np.pi * within) if dice.random() < 0.5 else 1.0)
    return wave, f"{half * 1e6:.0f} us"


WIDE_MAKERS = {
    "qam": qam,
    "ofdm": ofdm,
    "gmsk": gmsk,
    "chirp": chirp,
    "groups": groups,
    "picture": picture,
    "tape": tape,
}
