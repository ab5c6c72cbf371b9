"""Makers of payloads beside and under music (family l of docs/forensics.md), and of the music that they start from."""

from __future__ import annotations

import numpy as np
from forensics_mocks import KINDS, RATES, Case, Maker, any_payload, carrier16, codes_of, make_payload, write
from forensics_sources import Sound
from forensics_synths import SYNTHS

SYNTHESISED = 0.12  # share of the carriers of layers
TUNES = [make for how, make in SYNTHS.items() if "tune" in how or how in ("arpeggio", "chord", "drum loop", "bleeps")]


def layer_carrier(maker: Maker, seconds: float) -> tuple[np.ndarray, int]:
    """What a payload is laid under: music, now and then a synthesised tune, which no microphone's noise covers."""
    dice = maker.dice
    if dice.random() < SYNTHESISED:
        rate = dice.choice(RATES)
        time = np.arange(int(seconds * rate)) / rate
        sound = dice.choice(TUNES)(dice, maker.generator, time, rate)
        sound = sound / max(1e-9, np.abs(sound).max()) * dice.choice([0.1, 0.3, 0.5, 0.8, 1.0])
        return np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)[:, None], rate
    return carrier16(maker, seconds)


def under_music(maker: Maker) -> Case:
    """l: a payload under music, about 20 dB down, in the samples of one or two channels."""
    dice = maker.dice
    sound, rate = layer_carrier(maker, dice.choice([5.0, 8.0, 12.0, 20.0]))
    music_ = (sound[:, :1] if dice.random() < 0.5 else sound).astype(np.float64)
    layer, detail = make_layer(maker, len(music_))
    down = dice.choice([20, 20, 20, 20, 17, 23])
    if dice.random() < 0.25:  # a tenth of full scale, however loud the music is
        gain = 10 ** (-down / 20) * 32767 / (np.abs(layer).max() + 1e-9) * dice.choice([1, 0.9, 0.7])
        detail += " of full scale"
    else:
        gain = np.sqrt(np.mean(music_**2)) / (np.sqrt(np.mean(layer**2)) + 1e-9) * 10 ** (-down / 20)
    mixed = np.clip(np.rint(music_ + layer[:, None] * gain), -32768, 32767).astype(np.int16)
    return Case("l", f"{detail} {down} dB under music", write(mixed, rate, "PCM_16", dice.choice(["WAV", "FLAC"])))


def make_layer(maker: Maker, length: int) -> tuple[Sound, str]:
    """A payload as samples, as long as the music: a long one, or a short one over and over, or only for a part."""
    dice = maker.dice
    kind = dice.choice(KINDS)
    how = dice.choice(["bytes", "characters", "16 bits", "16 bits", "16 bits", "16 bits, high byte first"])
    whole = dice.random() < 0.4
    if whole:
        data = b""
        while len(data) < 2 * length:
            data += make_payload(maker, kind, min(2 * length, 200_000))
    else:
        data = make_payload(maker, kind, int(np.exp(dice.uniform(np.log(4000), np.log(250_000)))))
    if how in ("bytes", "characters"):
        layer = codes_of(data) - (128 if how == "bytes" else 0)
    else:
        pairs = np.frombuffer(data[: len(data) // 2 * 2], "<i2" if how == "16 bits" else ">i2")
        layer = pairs.astype(np.float64)
    detail = f"{kind} as {how}, {'whole' if whole else len(data)}"
    if whole or len(layer) < 0.3 * length or dice.random() < 0.8:
        layer = np.resize(layer, length)
    else:
        layer = np.concatenate([layer[:length], np.zeros(max(0, length - len(layer)))])
    return (layer - layer.mean() if how != "characters" and dice.random() < 0.5 else layer), detail


def plain_music(maker: Maker) -> Case:
    """Real: what `under_music` starts from, as it is or with a hiss of any level, in the same formats."""
    dice = maker.dice
    sound, rate = layer_carrier(maker, 8.0)
    mono = sound[:, 0].astype(np.float64)
    how = dice.choice(["clean", "clean", "hiss", "steady", "louder"])
    if how == "hiss":
        mono += maker.generator.normal(0, np.sqrt(np.mean(mono**2)) * 10 ** (-dice.uniform(8, 40) / 20), len(mono))
    elif how == "steady":
        mono += maker.generator.normal(0, dice.choice([1, 3, 10, 30, 100]), len(mono))
    elif how == "louder":
        mono *= 32000 / (np.abs(mono).max() + 1) * dice.choice([1.0, 1.5])
    mixed = np.clip(np.rint(mono), -32768, 32767).astype(np.int16)
    return Case("real", f"{how} music", write(mixed, rate, "PCM_16", dice.choice(["WAV", "FLAC"])))


def half_payload(maker: Maker) -> Case:
    """l: music with a payload before, after or amid it, or in one channel."""
    dice = maker.dice
    sound, rate = carrier16(maker)
    how = dice.choice(["after", "before", "middle", "channel"])
    data, kind = any_payload(maker, 40_000)
    data = (data * (80_000 // len(data) + 1))[: max(len(data), 80_000)]
    layer = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
    if dice.random() < 0.5:
        layer = ((codes_of(data) - 128) * 256 * dice.uniform(0.3, 1)).astype(np.int16)
        kind += " 8"
    if how == "channel":
        mono = sound[:, 0]
        other = np.resize(layer, len(mono))
        return Case("l", f"{kind} {how}", write(np.stack([mono, other], 1), rate))
    channels = sound.shape[1]
    if dice.random() < 0.5:
        layer = np.repeat(layer[:, None], channels, 1)
    else:
        layer = layer[: len(layer) // channels * channels].reshape(-1, channels)
    cut = len(sound) // 2
    parts = {"after": [sound, layer], "before": [layer, sound], "middle": [sound[:cut], layer, sound[cut:]]}[how]
    return Case("l", f"{kind} {how} music", write(np.concatenate(parts), rate))


def music_and_payload(maker: Maker) -> Case:
    """l: half music, or a payload under it."""
    return half_payload(maker) if maker.dice.random() < 0.5 else under_music(maker)
