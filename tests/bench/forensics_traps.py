"""Makers of real sound that looks suspicious: it must pass."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from forensics_mocks import Case, Maker, lossless, write
from forensics_sources import Sound, load, music, recordings
from scipy import signal


def recording(maker: Maker) -> Case:
    """A file of the packages as it is."""
    path = maker.dice.choice(recordings(maker.split))
    return Case("real", f"file {path.parts[-1]}", path.read_bytes(), path.suffix)


def rewritten(maker: Maker) -> Case:
    """A recording decoded and written in another format."""
    dice = maker.dice
    sound, rate = load(dice.choice(recordings(maker.split)), dice)
    subtype, container = dice.choice(
        [("PCM_16", "WAV")] * 4
        + [("PCM_16", "FLAC")] * 2
        + [("PCM_24", "WAV"), ("FLOAT", "WAV"), ("PCM_16", "AIFF"), ("PCM_U8", "WAV")]
    )
    return Case("real", f"rewritten {subtype} {container}", write(sound, rate, subtype, container))


def processed(maker: Maker) -> Case:
    """A recording crushed, clipped, thinned, cut, amplified, noisy."""
    dice, generator = maker.dice, maker.generator
    sound, rate = music(maker.split, dice, 8, 1)
    how = dice.choice(
        [
            "crushed",
            "clipped",
            "u8",
            "ulaw",
            "alaw",
            "8 kHz",
            "short",
            "gain",
            "noisy",
            "offset",
            "quiet",
            "dithered",
            "padded24",
            "integers in float",
            "reversed",
            "gated",
            "u8 loud",
            "half rate hold",
        ]
    )
    subtype, container = lossless(dice)
    if how == "crushed":
        steps = 2.0 ** dice.randint(1, 6)
        sound = np.rint(sound / max(1e-6, np.abs(sound).max()) * steps) / steps * dice.uniform(0.3, 1)
    elif how == "clipped":
        sound = np.clip(sound / (np.abs(sound).max() + 1e-9) * dice.uniform(2, 40), -1, 1) * dice.choice([1, 0.9, 0.5])
    elif how == "u8":
        subtype, container = "PCM_U8", "WAV"
    elif how == "u8 loud":
        sound, subtype, container = (
            np.clip(sound / (np.abs(sound).max() + 1e-9) * dice.uniform(1, 4), -1, 1),
            "PCM_U8",
            "WAV",
        )
    elif how in ("ulaw", "alaw"):
        subtype, container = how.upper(), "WAV"
    elif how == "8 kHz":
        sound, rate = signal.resample_poly(sound, 8000, rate), 8000
    elif how == "short":
        begin = dice.randrange(max(1, len(sound) - int(0.3 * rate)))
        sound = sound[begin : begin + int(0.3 * rate)]
    elif how == "gain":
        sound = np.rint(sound * 32767) * dice.choice([0.5, 0.7, 1.4, 2, 3.3]) / 32768
    elif how == "noisy":
        sound = sound + generator.normal(0, np.sqrt(np.mean(sound**2)) * dice.choice([0.03, 0.1, 0.3, 1]), sound.shape)
    elif how == "offset":
        sound = sound * 0.5 + dice.uniform(-0.4, 0.4)
    elif how == "quiet":
        sound = sound * dice.choice([0.001, 0.003, 0.01])
    elif how == "dithered":
        sound = sound + (generator.random(sound.shape) - generator.random(sound.shape)) / 32768
    elif how == "padded24":
        sound, subtype, container = np.rint(sound * 32767) / 32768, "PCM_24", "WAV"
    elif how == "integers in float":
        sound, subtype, container = np.rint(sound * 32767), "FLOAT", "WAV"
    elif how == "reversed":
        sound = sound[::-1]
    elif how == "gated":
        sound = np.where(np.abs(sound) < 0.02, 0, sound)
    elif how == "half rate hold":
        sound = np.repeat(sound[::4], 4, axis=0)
    return Case("real", f"processed {how} {subtype}", write(sound, rate, subtype, container))


def noises(maker: Maker) -> Case:
    """White, pink and brown noise, rain, applause, surf, silence with a little noise."""
    dice, generator = maker.dice, maker.generator
    rate = dice.choice([8000, 22050, 44100, 44100, 48000])
    count = int(dice.uniform(0.3, 8) * rate)
    white = generator.normal(0, 1, count)
    how = dice.choice(
        ["white", "uniform", "pink", "brown", "rain", "applause", "surf", "silence", "dither", "vinyl", "loud white"]
    )
    level = dice.choice([0.01, 0.05, 0.1, 0.2, 0.3])
    if how == "white":
        sound = white * level
    elif how == "loud white":
        sound = np.clip(white * 0.5, -1, 1)
    elif how == "uniform":
        sound = generator.uniform(-1, 1, count) * dice.uniform(0.05, 0.8)
    elif how in ("pink", "brown", "surf"):
        spectrum = np.fft.rfft(white)
        spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** (1.0 if how == "brown" else 0.5)
        sound = np.fft.irfft(spectrum, count)
        sound *= level / np.std(sound)
        if how == "surf":
            sound *= 0.5 + 0.5 * np.sin(2 * np.pi * 0.15 * np.arange(count) / rate) ** 2
    elif how in ("rain", "applause", "vinyl"):
        density = {"rain": 0.02, "applause": 0.003, "vinyl": 0.0003}[how]
        hits = (generator.random(count) < density) * generator.exponential(1, count) * generator.choice([-1, 1], count)
        decay = np.exp(-np.arange(int(0.01 * rate)) / (0.002 * rate)) * generator.normal(0, 1, int(0.01 * rate))
        sound = signal.fftconvolve(hits, decay)[:count] + 0.1 * white
        sound *= level / np.std(sound)
    elif how == "silence":
        sound = white * dice.choice([0.3, 0.5, 1, 2]) / 32768
    else:
        sound = (generator.random(count) - generator.random(count)) / 32768
    widths = ("PCM_16", "PCM_16", "PCM_24", "FLOAT") if dice.random() < 0.85 else ("PCM_U8",)
    return Case("real", f"noise {how} {rate} {widths[-1]}", write(sound, rate, *lossless(dice, widths)))


def synthetic(maker: Maker) -> Case:
    """Tones, sweeps, chords, chiptunes, drum machines, telephone tones, sirens, bleeps."""
    dice, generator = maker.dice, maker.generator
    rate = dice.choice([8000, 11025, 22050, 44100, 44100, 48000])
    seconds = dice.uniform(0.3, 8)
    how, make = dice.choice(list(SYNTHS.items()))
    sound = make(dice, generator, np.arange(int(seconds * rate)) / rate, rate)
    sound = sound / max(1e-9, np.abs(sound).max()) * dice.choice([0.1, 0.3, 0.5, 0.8, 1.0])
    if dice.random() < 0.15:
        return Case("real", f"synthetic {how} ogg", write(sound, rate, "VORBIS", "OGG"), ".ogg")
    subtype, container = (
        lossless(dice, ("PCM_16", "PCM_16", "PCM_24", "FLOAT")) if dice.random() < 0.85 else ("PCM_U8", "WAV")
    )
    return Case("real", f"synthetic {how} {subtype} {rate}", write(sound, rate, subtype, container))


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
REAL_MAKERS: tuple[Callable[[Maker], Case], ...] = (recording, rewritten, processed, noises, synthetic)
