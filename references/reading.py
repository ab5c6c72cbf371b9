"""Read a recording as mono samples at the fingerprint's rate: fast for what is indexed by the thousand.

Taking a fingerprint costs less than reading the file, so this reads into one buffer that stays in the cache, and
16-bit files as the 16-bit numbers that they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from references.errors import RecordingsError, UnreadableError
from udfs.decode import decode
from udfs.errors import TrackError
from udfs.spectrum import QUALITY, RATE
from udfs.track import Track

READ_AT_ONCE = 1 << 16  # sample frames


def read_mono(path: Path) -> tuple[NDArray[np.float32], int]:
    """Read a file as mono samples at `RATE`, holding no more than those; and tell its length in milliseconds.

    Raises
    ------
    UnreadableError
        When it holds no sound that can be read.
    RecordingsError
        When there is no such file.
    """
    try:
        with soundfile.SoundFile(path) as file:
            samples, count = _read(file)
            if not count:
                raise UnreadableError(f"{path} holds no samples")
            return samples, round(count * 1000 / file.samplerate)
    except (soundfile.LibsndfileError, OSError) as error:
        if not path.is_file():
            raise RecordingsError(f"{path} cannot be read: there is no such file") from error
    try:
        decoded = decode(Track.from_file(path))
    except TrackError as error:
        raise UnreadableError(f"{path} cannot be read: {error.detail}") from error
    rate = decoded.facts.sample_rate
    return soxr.resample(decoded.mono(), rate, RATE, quality=QUALITY), decoded.facts.duration_ms


def _read(file: soundfile.SoundFile) -> tuple[NDArray[np.float32], int]:
    """Mix to mono and resample all of an opened file; and how many sample frames it really had."""
    stream = soxr.ResampleStream(file.samplerate, RATE, 1, dtype="float32", quality=QUALITY)
    whole = file.subtype == "PCM_16"
    buffer = np.empty((READ_AT_ONCE, file.channels), np.int16 if whole else np.float32)
    scale = np.float32(1 / file.channels / (1 << 15 if whole else 1))
    parts, count = [], 0
    for block in file.blocks(out=buffer):
        mono = block[:, 0].astype(np.float32)
        for channel in range(1, file.channels):
            mono += block[:, channel]
        mono *= scale
        count += len(mono)
        parts.append(stream.resample_chunk(mono))
    parts.append(stream.resample_chunk(np.empty(0, np.float32), last=True))
    return np.concatenate(parts), count
