"""Sound and mocks for the tests of real-or-mock: small, from seeds, from the demo's recordings."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from udfs.container import walk
from udfs.decode import decode
from udfs.errors import TrackError
from udfs.findings import Classification
from udfs.forensics import examine
from udfs.track import Encoding, Track
from udfs.verdict import decide

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "CHANGELOG.md").read_bytes()
RATE = 44100


def executable() -> bytes:
    """An ELF file that every Debian machine has."""
    return Path("/bin/sh").resolve().read_bytes()


def encrypted(length: int, seed: int = 1) -> bytes:
    """Bytes as a cipher gives them."""
    return np.random.default_rng(seed).bytes(length)


def codes(data: bytes) -> NDArray[np.float64]:
    return np.frombuffer(data, np.uint8).astype(np.float64)


def write(samples: NDArray[np.generic], subtype: str = "PCM_16", container: str = "WAV", rate: int = RATE) -> bytes:
    out = io.BytesIO()
    sf.write(out, samples, rate, format=container, subtype=subtype)
    return out.getvalue()


@cache
def music(name: str = "hill-of-sorrows.ogg", seconds: float = 6.0) -> NDArray[np.int16]:
    """The beginning of one of the demo's recordings, int16 (frames, channels)."""
    with sf.SoundFile(ROOT / "references" / "demo" / name) as file:
        file.seek(2 * file.samplerate)
        return file.read(int(seconds * file.samplerate), "int16", always_2d=True)


def classify(data: bytes, sample_rate: int | None = None) -> Classification:
    """Judge a file, or F32LE samples where a rate is given, as the job does."""
    track = Track(data, Encoding.F32LE, sample_rate, 1) if sample_rate else Track(data)
    report = walk(data if sample_rate is None else b"")
    try:
        return decide(examine(track, report, decode(track)), None)
    except TrackError as failure:
        return decide(examine(track, report, None), failure)


def reason_codes(data: bytes, sample_rate: int | None = None) -> list[str]:
    return [reason.code for reason in classify(data, sample_rate).reasons]
