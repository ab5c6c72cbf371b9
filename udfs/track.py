"""The one thing that everything judges: a track, as it was uploaded.

The job makes tracks from rebuilt uploads, ``soundgate scan`` from files, tests from samples; from here on nobody
knows which it was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Encoding(StrEnum):
    """How a track's bytes are to be read."""

    FILE = "FILE"  # the uploaded file's own bytes, whatever they are
    F32LE = "F32LE"  # interleaved little-endian float32 samples; rate and channels come from outside


@dataclass(frozen=True)
class Track:
    """An upload's whole bytes and how to read them.

    Parameters
    ----------
    data
        The bytes, exactly as uploaded (after the transport's own compression was undone).
    encoding
        Whether `data` is a file or bare samples.
    sample_rate
        Hz; only for `Encoding.F32LE`, else None (a file says so itself).
    channels
        Interleaved channels; only for `Encoding.F32LE`, else None.
    name
        What the uploader called it. For people to read; never a path, never trusted.
    """

    data: bytes
    encoding: Encoding = Encoding.FILE
    sample_rate: int | None = None
    channels: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.encoding is Encoding.F32LE and (not self.sample_rate or not self.channels):
            raise ValueError("an F32LE track needs its sample rate and channel count")

    @classmethod
    def from_file(cls, path: Path) -> Track:
        """Read a whole file as a track; raises OSError as `Path.read_bytes` does."""
        return cls(path.read_bytes(), name=path.name)

    @classmethod
    def from_samples(cls, samples: NDArray[np.floating], sample_rate: int, name: str = "") -> Track:
        """Make an F32LE track from samples of shape (frames,) or (frames, channels), nominally -1..1."""
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        data = np.ascontiguousarray(samples, dtype="<f4").tobytes()
        return cls(data, Encoding.F32LE, sample_rate, channels, name)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of `data`, lower-case hex."""
        return hashlib.sha256(self.data).hexdigest()
