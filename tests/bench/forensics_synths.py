"""Synthesised sound: tones, tunes of square waves, chiptunes, drum machines, telephones, sirens, bleeps."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from forensics_sources import Sound
from scipy import signal


def note(dice: random.Random, scale: tuple[int, ...] = (0, 2, 4, 5, 7, 9, 11)) -> float:
    """Frequency of a random note of a scale, in Hz."""
    return 110.0 * 2 ** ((dice.choice(scale) + 12 * dice.randint(0, 3)) / 12)


def pulse(phase: Sound, width: float = 0.5) -> Sound:
    return np.where(phase % 1 < width, 1.0, -1.0)


def melody(dice: random.Random, time: Sound, step: float, arpeggio: bool = False) -> Sound:
    """Frequency at each time of a tune, or of an arpeggio that repeats."""
    count = int(time[-1] / step) + 2
    notes = [note(dice) for _ in range(3 if arpeggio else count)]
    if not arpeggio and dice.random() < 0.6:
        bar = dice.choice([4, 8, 16])
        notes = (notes[:bar] * (count // bar + 1))[:count]
    return np.array(notes)[(time / step).astype(int) % len(notes)]


def tune(shape: str) -> Callable[..., Sound]:
    def make(dice: random.Random, generator: np.random.Generator, time: Sound, rate: int) -> Sound:
        step = (
            dice.choice([0.06, 0.1, 0.125, 0.2, 0.25]) if shape != "arpeggio" else dice.choice([1 / 60, 1 / 50, 1 / 25])
        )
        phase = np.cumsum(melody(dice, time, step, shape == "arpeggio")) / rate
        envelope = np.exp(-(time % step) / dice.uniform(0.05, 1)) if dice.random() < 0.5 else 1.0
        wave = {"sine": np.sin(2 * np.pi * phase), "triangle": 2 * np.abs(2 * (phase % 1) - 1) - 1}
        return wave.get(shape, pulse(phase, dice.choice([0.125, 0.25, 0.5]))) * envelope

    return make


def chiptune(dice: random.Random, generator: np.random.Generator, time: Sound, rate: int) -> Sound:
    """Two pulses, a 4-bit triangle and shift-register noise, as the consoles of the 1980s had them."""
    step = dice.choice([0.1, 0.125, 0.15])
    lead = pulse(np.cumsum(melody(dice, time, step)) / rate, 0.25)
    second = pulse(np.cumsum(melody(dice, time, 1 / 60, True)) / rate, 0.5)
    bass = np.rint(7.5 * (2 * np.abs(2 * (np.cumsum(melody(dice, time, step * 2) / 2) / rate % 1) - 1) - 1)) / 7.5
    register = generator.choice([-1.0, 1.0], int(time[-1] * 8000) + 2)[(time * 8000).astype(int)]
    beat = np.floor(np.maximum(0, 1 - (time % (4 * step)) / 0.1) * 15) / 15
    volume = np.floor(np.maximum(0, 1 - (time % step) / (step * 1.5)) * 15) / 15
    return lead * volume * 0.5 + second * 0.25 + bass * 0.5 + register * beat * 0.5


def drum_loop(dice: random.Random, generator: np.random.Generator, time: Sound, rate: int) -> Sound:
    """A kick, a snare and a hat, the same samples each bar."""
    bar = int(dice.choice([0.3, 0.5, 1.0]) * rate)
    t = np.arange(bar) / rate
    kick = np.sin(2 * np.pi * 60 * t * (1 + 2 * np.exp(-30 * t))) * np.exp(-12 * t)
    hat = generator.normal(0, 0.3, bar) * np.exp(-60 * (t % (bar / rate / 4)))
    snare = np.roll(generator.normal(0, 0.5, bar) * np.exp(-20 * t), bar // 2)
    return np.resize(kick + hat + snare, len(time))


def telephone(dice: random.Random, generator: np.random.Generator, time: Sound, rate: int) -> Sound:
    """Dial tone, busy tone, or a number of at most eleven digits."""
    how = dice.choice(["dial", "busy", "number"])
    pair = np.sin(2 * np.pi * 350 * time) + np.sin(2 * np.pi * 440 * time)
    if how == "dial":
        return pair
    if how == "busy":
        return pair * (time % 1 < 0.5)
    digits = [(dice.choice([697, 770, 852, 941]), dice.choice([1209, 1336, 1477])) for _ in range(dice.randint(3, 11))]
    low, high = np.array(digits * 40).T[:, np.minimum((time / 0.2).astype(int), len(digits) - 1)]
    return (
        (np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time))
        * (time % 0.2 < 0.1)
        * (time < len(digits) * 0.2)
    )


def bleeps(dice: random.Random, generator: np.random.Generator, time: Sound, rate: int) -> Sound:
    """Sample-and-hold: a computer of the films, random pitches at an even clock."""
    clock = dice.choice([6, 8, 10, 12, 15])
    pitches = np.exp(generator.uniform(np.log(200), np.log(3000), int(time[-1] * clock) + 2))
    return np.sin(2 * np.pi * np.cumsum(pitches[(time * clock).astype(int)]) / rate)


SYNTHS: dict[str, Callable[..., Sound]] = {
    "sine": lambda dice, g, t, r: np.sin(2 * np.pi * dice.uniform(50, 3000) * t),
    "two tones": lambda dice, g, t, r: np.sin(2 * np.pi * note(dice) * t) + np.sin(2 * np.pi * note(dice) * t),
    "chord": lambda dice, g, t, r: sum(np.sin(2 * np.pi * note(dice) * t) * np.exp(-t) for _ in range(4)),
    "square": lambda dice, g, t, r: pulse(dice.uniform(50, 2000) * t),
    "saw": lambda dice, g, t, r: (dice.uniform(50, 2000) * t) % 1 - 0.5,
    "sweep": lambda dice, g, t, r: signal.chirp(
        t, dice.uniform(20, 200), t[-1], dice.uniform(1000, r / 2), dice.choice(["linear", "log"])
    ),
    "clicks": lambda dice, g, t, r: (t % dice.choice([0.25, 0.5]) < 0.002).astype(float),
    "siren": lambda dice, g, t, r: np.sin(
        2 * np.pi * np.cumsum(700 + 300 * np.sign(np.sin(2 * np.pi * dice.uniform(0.5, 3) * t))) / r
    ),
    "warble": lambda dice, g, t, r: np.sin(
        2 * np.pi * np.cumsum(900 + 300 * np.sin(2 * np.pi * dice.uniform(3, 40) * t)) / r
    ),
    "fm": lambda dice, g, t, r: np.sin(2 * np.pi * 220 * t + dice.uniform(1, 20) * np.sin(2 * np.pi * note(dice) * t)),
    "tremolo": lambda dice, g, t, r: np.sin(2 * np.pi * 440 * t) * (np.sin(2 * np.pi * dice.uniform(4, 30) * t) > 0),
    "noise burst": lambda dice, g, t, r: g.normal(0, 1, len(t)) * np.exp(-t * dice.uniform(1, 30)),
    "decaying tone": lambda dice, g, t, r: np.sin(2 * np.pi * note(dice) * t) * np.exp(-t * dice.uniform(1, 30)),
    "morse": lambda dice, g, t, r: (
        np.sin(2 * np.pi * 700 * t) * g.choice([0.0, 1.0], int(t[-1] * 12) + 2)[(t * 12).astype(int)]
    ),
    "sine tune": tune("sine"),
    "triangle tune": tune("triangle"),
    "pulse tune": tune("pulse"),
    "arpeggio": tune("arpeggio"),
    "chiptune": chiptune,
    "drum loop": drum_loop,
    "telephone": telephone,
    "bleeps": bleeps,
}
