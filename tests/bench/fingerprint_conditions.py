"""What can happen to a recording on its way to us: the conditions of the fingerprint benchmark, each with its seed.

A condition is a function (samples, other, speech, random) -> samples at `RATE`: `other` is another recording's excerpt
and `speech` a long row of voices. Tempo, pitch and speed take a longer excerpt than they give, so that the query is as
long as the others.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import librosa
import numpy as np
import scipy.signal
import soundfile
import soxr
from numpy.typing import NDArray

RATE = 22050
Sound = NDArray[np.float32]
Condition = Callable[[Sound, Sound, Sound, np.random.Generator], Sound]


def level(samples: Sound) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) + 1e-9


def mixed(samples: Sound, noise: Sound, snr_db: float) -> Sound:
    return np.asarray(samples + noise * (level(samples) / level(noise) * 10 ** (-snr_db / 20)), np.float32)


def pink(count: int, random: np.random.Generator) -> Sound:
    spectrum = np.fft.rfft(random.standard_normal(count))
    frequency = np.fft.rfftfreq(count)
    frequency[0] = frequency[1]
    return np.asarray(np.fft.irfft(spectrum / np.sqrt(frequency), count), np.float32)


def babble(count: int, speech: Sound, random: np.random.Generator, voices: int = 5) -> Sound:
    starts = random.integers(0, len(speech) - count, voices)
    return np.asarray(sum(speech[start : start + count] for start in starts), np.float32)


def reverberated(samples: Sound, random: np.random.Generator, seconds: float = 1.2, wet: float = 0.7) -> Sound:
    count = int(seconds * RATE)
    response = random.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    response *= wet / np.sqrt((response**2).sum())
    response[0] += 1 - wet
    return np.asarray(scipy.signal.fftconvolve(samples, response)[: len(samples)], np.float32)


def through_codec(samples: Sound, container: str, codec: str, bits_per_second: int, rate: int = RATE) -> Sound:
    """Encode and decode again, with FFmpeg's libraries."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = bits_per_second
        data = np.clip(samples if rate == RATE else soxr.resample(samples, RATE, rate), -1, 1)
        frame = av.AudioFrame.from_ndarray(data[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        context = stream.codec_context
        pieces = av.AudioResampler(context.format, "mono", rate, frame_size=context.frame_size or 1024)
        for piece in [*pieces.resample(frame), *pieces.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    buffer.seek(0)
    decoded: list[Sound] = []
    back = av.AudioResampler("fltp", "mono", RATE)
    with av.open(buffer) as coded:
        for frame in coded.decode(audio=0):
            decoded += [piece.to_ndarray()[0] for piece in back.resample(frame)]
    decoded += [piece.to_ndarray()[0] for piece in back.resample(None)]
    return np.concatenate(decoded)


def through_vorbis(samples: Sound) -> Sound:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1, 1), RATE, format="OGG", subtype="VORBIS", compression_level=1.0)
    buffer.seek(0)
    return np.asarray(soundfile.read(buffer, dtype="float32")[0])


def mp3(samples: Sound, kilobits: int) -> Sound:
    return through_codec(samples, "mp3", "libmp3lame", kilobits * 1000)


def faster(samples: Sound, factor: float) -> Sound:
    """Faster and higher."""
    return np.asarray(soxr.resample(samples, RATE * factor, RATE), np.float32)


def stretched(samples: Sound, factor: float) -> Sound:
    """Faster at the same pitch."""
    return np.asarray(librosa.effects.time_stretch(samples, rate=factor), np.float32)


def unsteady(samples: Sound, random: np.random.Generator, depth: float = 0.03, period: float = 6.0) -> Sound:
    """A speed that swings to and fro."""
    at = np.arange(len(samples)) / RATE
    swing = 1 + depth * np.sin(2 * np.pi * at / period + random.random() * 2 * np.pi)
    position = np.cumsum(swing)
    return np.asarray(np.interp(position[position < len(samples) - 1], np.arange(len(samples)), samples), np.float32)


def half_and(samples: Sound, other: Sound) -> Sound:
    half = len(samples) // 2
    return np.concatenate([samples[:half], other[half : len(samples)]])


def telephone(samples: Sound) -> Sound:
    sections = scipy.signal.butter(4, [300, 3400], "band", fs=RATE, output="sos")
    return np.asarray(scipy.signal.sosfilt(sections, samples), np.float32)


CONDITIONS: dict[str, dict[str, Condition]] = {
    "clean": {"clean": lambda x, other, speech, random: x},
    "pink noise": {
        f"pink {db:+d} dB": lambda x, other, speech, random, db=db: mixed(x, pink(len(x), random), db)
        for db in (15, 10, 5, 0, -5)
    },
    "babble": {
        f"babble {db:+d} dB": lambda x, other, speech, random, db=db: mixed(x, babble(len(x), speech, random), db)
        for db in (10, 5, 0, -5)
    },
    "codecs": {
        "mp3 64k": lambda x, other, speech, random: mp3(x, 64),
        "mp3 32k": lambda x, other, speech, random: mp3(x, 32),
        "vorbis q0": lambda x, other, speech, random: through_vorbis(x),
        "opus 24k": lambda x, other, speech, random: through_codec(x, "ogg", "libopus", 24000, 48000),
    },
    "reverb, room": {
        "reverb": lambda x, other, speech, random: reverberated(x, random),
        "room": lambda x, other, speech, random: mp3(mixed(reverberated(x, random), pink(len(x), random), 10), 64),
    },
    "half": {
        "half music": lambda x, other, speech, random: half_and(x, other),
        "half silence": lambda x, other, speech, random: half_and(x, np.zeros_like(x)),
    },
    "tempo": {f"tempo {s:+d} %": lambda x, other, speech, random, s=s: stretched(x, 1 + s / 100) for s in (-5, 5)},
    "pitch": {
        f"pitch {s:+d} %": lambda x, other, speech, random, s=s: stretched(faster(x, 1 + s / 100), 1 / (1 + s / 100))
        for s in (-3, 3)
    },
    "speed": {f"speed {s:+d} %": lambda x, other, speech, random, s=s: faster(x, 1 + s / 100) for s in (-2, 2)},
    "unsteady speed": {"unsteady": lambda x, other, speech, random: unsteady(x, random)},
    "chorus of two": {"chorus": lambda x, other, speech, random: mixed(x, other[: len(x)], 0)},
    "8 kHz, clipped, telephone": {
        "8 kHz": lambda x, other, speech, random: soxr.resample(soxr.resample(x, RATE, 8000), 8000, RATE),
        "clipped": lambda x, other, speech, random: np.clip(x / np.percentile(np.abs(x) + 1e-6, 90), -1, 1),
        "telephone": lambda x, other, speech, random: telephone(x),
    },
}
LONGER = ("tempo", "pitch", "speed", "unsteady speed")  # groups that need more than the query's length
WITH_ANOTHER = ("half music", "chorus")  # never asked of unknown recordings: what is mixed in may be known
