"""What spoils recordings, each in several strengths: for measuring how the reference-free grade follows PESQ."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from udfs.decode import decode
from udfs.track import Track

Sound = NDArray[np.float32]  # mono, (frames,), -1..1
Degrade = Callable[[Sound, int, np.random.Generator], Sound]


def add_noise(sound: Sound, rate: int, random: np.random.Generator, snr_db: float, pink: bool = False) -> Sound:
    """Add steady noise, so much quieter than the sound's mean power."""
    noise = random.standard_normal(len(sound))
    if pink:
        frequency = np.fft.rfftfreq(len(noise), 1 / rate)
        noise = np.fft.irfft(np.fft.rfft(noise) * np.where(frequency > 60, 1 / np.sqrt(frequency + 1), 0), len(noise))
    gain = np.sqrt(np.mean(sound**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    return (sound + gain * noise).astype(np.float32)


def clip(sound: Sound, rate: int, random: np.random.Generator, share: float) -> Sound:
    """Cut off the highest samples, that share of all, and turn the rest up to full scale."""
    limit = float(np.quantile(np.abs(sound), 1 - share))
    return (np.clip(sound, -limit, limit) / limit * 0.99).astype(np.float32)


def narrow(sound: Sound, rate: int, random: np.random.Generator, to_rate: int) -> Sound:
    """Go through a lower sample rate and back."""
    there = soxr.resample(sound, rate, to_rate)
    back = soxr.resample(there, to_rate, rate)
    return np.resize(np.pad(back, (0, max(0, len(sound) - len(back)))), len(sound)).astype(np.float32)


def drop(sound: Sound, rate: int, random: np.random.Generator, share: float, milliseconds: int = 20) -> Sound:
    """Lose packets."""
    out = sound.copy()
    length = rate * milliseconds // 1000
    for at in range(0, len(out) - length, length):
        if random.random() < share:
            out[at : at + length] = 0
    return out


def quantise(sound: Sound, rate: int, random: np.random.Generator, bits: int) -> Sound:
    """Round to so few bits."""
    steps = float(1 << (bits - 1))
    return (np.round(sound * steps) / steps).astype(np.float32)


def shift(sound: Sound, rate: int, random: np.random.Generator, offset: float) -> Sound:
    """Add a constant."""
    return (sound * (1 - offset) + offset).astype(np.float32)


def encode(sound: Sound, rate: int, random: np.random.Generator, codec: str, kilobits: int, container: str) -> Sound:
    """Go through a lossy codec and back; what the codec puts in front is taken away."""
    file = io.BytesIO()
    codec_rate = 48_000 if codec == "libopus" else rate
    samples = soxr.resample(sound, rate, codec_rate) if codec_rate != rate else sound
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=codec_rate)
        stream.layout, stream.bit_rate = "mono", kilobits * 1000
        formats = {"libmp3lame": "fltp", "libopus": "flt", "aac": "fltp"}
        for start in range(0, len(samples), 960):
            block = np.ascontiguousarray(samples[None, start : start + 960], np.float32)
            frame = av.AudioFrame.from_ndarray(block, format=formats[codec], layout="mono")
            frame.sample_rate, frame.pts = codec_rate, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    decoded = decode(Track(file.getvalue()))
    back = decoded.mono()
    if decoded.sample_rate != rate:
        back = soxr.resample(back, decoded.sample_rate, rate)
    return align(sound, back)


def align(sound: Sound, late: Sound, most: int = 8192) -> Sound:
    """Shift `late` so that it lies on `sound`, and give it the same length."""
    length = min(len(sound), len(late), 1 << 17)
    spectrum = np.fft.rfft(late[:length], 2 * length) * np.conj(np.fft.rfft(sound[:length], 2 * length))
    correlation = np.fft.irfft(spectrum)
    lags = np.r_[np.arange(most), np.arange(-most, 0)]
    lag = int(lags[np.argmax(correlation[lags])])
    moved = late[lag:] if lag >= 0 else np.pad(late, (-lag, 0))
    return np.pad(moved, (0, max(0, len(sound) - len(moved))))[: len(sound)].astype(np.float32)


def chain(sound: Sound, rate: int, random: np.random.Generator, steps: tuple[Degrade, ...]) -> Sound:
    """One after the other."""
    for step in steps:
        sound = step(sound, rate, random)
    return sound


def _codecs() -> dict[str, Degrade]:
    mp3 = {f"mp3 {k}": partial(encode, codec="libmp3lame", kilobits=k, container="mp3") for k in (24, 48, 128)}
    opus = {f"opus {k}": partial(encode, codec="libopus", kilobits=k, container="ogg") for k in (6, 12, 32)}
    aac = {f"aac {k}": partial(encode, codec="aac", kilobits=k, container="adts") for k in (24, 96)}
    return {**mp3, **opus, **aac}


DEGRADATIONS: dict[str, Degrade] = {
    "none": lambda sound, rate, random: sound,
    **{f"white noise {db} dB": partial(add_noise, snr_db=db) for db in (45, 35, 25, 15, 5)},
    **{f"pink noise {db} dB": partial(add_noise, snr_db=db, pink=True) for db in (40, 30, 20, 10)},
    **{f"clipped {share:.1%}": partial(clip, share=share) for share in (0.001, 0.01, 0.05, 0.2)},
    **{f"through {hz} Hz": partial(narrow, to_rate=hz) for hz in (16_000, 11_025, 8_000, 5_000)},
    **{f"lost {share:.1%}": partial(drop, share=share) for share in (0.003, 0.01, 0.03, 0.1)},
    **{f"{bits} bits": partial(quantise, bits=bits) for bits in (10, 8, 6)},
    **_codecs(),
    "offset 0.1": partial(shift, offset=0.1),
    "clipped 2%, mp3 128": partial(
        chain, steps=(partial(clip, share=0.02), partial(encode, codec="libmp3lame", kilobits=128, container="mp3"))
    ),
    "noise 25 dB, clipped 2%": partial(chain, steps=(partial(add_noise, snr_db=25), partial(clip, share=0.02))),
    "8 kHz, noise 30 dB": partial(
        chain, steps=(partial(narrow, to_rate=8000), partial(add_noise, snr_db=30, pink=True))
    ),
    "lost 1%, noise 30 dB": partial(chain, steps=(partial(drop, share=0.01), partial(add_noise, snr_db=30))),
}
