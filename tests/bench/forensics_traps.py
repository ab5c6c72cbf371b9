"""Makers of real sound that looks suspicious: it must pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from forensics_mocks import Case, Maker, lossless, write
from forensics_sources import load, music, recordings
from forensics_synths import SYNTHS
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


REAL_MAKERS: tuple[Callable[[Maker], Case], ...] = (recording, rewritten, processed, noises, synthetic)
