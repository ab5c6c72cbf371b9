"""Samples on their way out of a decoder: blocks of a stream, caps that act while they flow, and where they are kept.

An hour of stereo is more than half a gibibyte of float32, so nothing here needs a track's samples in memory: past
`SPILL_BYTES` they go to a private temporary file (already unlinked) and are seen through a memory map.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from udfs.errors import TrackError

BLOCK_SAMPLES = 1 << 18  # samples over all channels that a decoder gives at a time: 1 MiB of float32
SPILL_BYTES = 96 << 20  # more than this goes to a file: minutes of stereo stay in memory, hours do not

KNOWN_TAGS = ("title", "artist", "album", "date", "genre", "tracknumber")  # that a safe copy may keep
LONGEST_TAG = 200

Samples = NDArray[Any]


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What decoding one track may cost. The caps act while it decodes, so that a bomb is stopped midway.

    Parameters
    ----------
    max_seconds
        Longest sound, in seconds of its own sample rate.
    max_decoded_bytes
        Most bytes of decoded samples (as float32), over all channels.
    max_channels, max_sample_rate
        Widest and fastest stream that is decoded at all.
    deadline_seconds
        Wall-clock seconds for the whole track.
    """

    max_seconds: float = 4 * 3600.0
    max_decoded_bytes: int = 4 << 30
    max_channels: int = 256
    max_sample_rate: int = 768_000
    deadline_seconds: float = 120.0


@dataclass
class SampleStream:
    """What a decoder has opened: what the stream is, and its samples block by block.

    `blocks` yields arrays (frames, channels), all of one dtype: int16 or int32 where the codec is lossless with
    integer samples (right-aligned, so a 24-bit sample is -2**23..2**23-1), else float32. `problems` grows while the
    blocks are read. `tags` are those of `KNOWN_TAGS` that the file has, for its safe copy.
    """

    container: str
    codec: str
    sample_rate: int
    channels: int
    bits_per_sample: int | None
    blocks: Iterator[Samples]
    problems: list[tuple[str, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)


def known_tags(found: Mapping[str, object]) -> dict[str, str]:
    """Of what a file says about itself, the few short printable texts that are kept."""
    tags = {name: str(found.get(name) or "").strip() for name in KNOWN_TAGS}
    return {name: text for name, text in tags.items() if text.isprintable() and 0 < len(text) <= LONGEST_TAG}


class SampleStore:
    """Grows by blocks of one dtype and channel count, in memory at first and in an unlinked temporary file later."""

    def __init__(self, dtype: np.dtype[Any], channels: int, spill_bytes: int = SPILL_BYTES) -> None:
        self._dtype = dtype
        self._channels = channels
        self._spill_bytes = spill_bytes
        self._blocks: list[Samples] = []
        self._file: IO[bytes] | None = None
        self.frames = 0

    @property
    def nbytes(self) -> int:
        """Bytes held so far."""
        return self.frames * self._channels * self._dtype.itemsize

    def append(self, block: Samples) -> None:
        """Add a block (frames, channels); the block must not be changed afterwards."""
        self.frames += len(block)
        if self._file is None:
            self._blocks.append(block)
            if self.nbytes > self._spill_bytes:
                self._spill()
        else:
            self._file.write(np.ascontiguousarray(block).data)

    def _spill(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="soundgate-samples-")  # noqa: SIM115 - lives as long as the store
        for block in self._blocks:
            self._file.write(np.ascontiguousarray(block).data)
        self._blocks.clear()

    def finish(self) -> Samples:
        """Everything appended, as (frames, channels); read-only when it lies in a file."""
        if self._file is not None:
            self._file.flush()
            return np.memmap(self._file, dtype=self._dtype, mode="r", shape=(self.frames, self._channels))
        if not self._blocks:
            return np.empty((0, self._channels), self._dtype)
        return self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)


def check_shape(stream: SampleStream, limits: DecodeLimits) -> None:
    """Refuse a stream whose rate or channel count no limit allows, before any sample is decoded."""
    if not 1 <= stream.channels <= limits.max_channels:
        raise TrackError("decode.channels", f"{stream.channels} channels, at most {limits.max_channels} are decoded")
    if not 1 <= stream.sample_rate <= limits.max_sample_rate:
        raise TrackError("decode.sample_rate", f"{stream.sample_rate} Hz, at most {limits.max_sample_rate} is decoded")


def within_limits(stream: SampleStream, limits: DecodeLimits, started: float) -> Iterator[Samples]:
    """Pass a stream's blocks on, raising `TrackError` as soon as one goes over a limit.

    `started` is the `time.monotonic` at which work on the track began.
    """
    frames = 0
    for block in stream.blocks:
        frames += len(block)
        if frames > limits.max_seconds * stream.sample_rate:
            raise TrackError("decode.too_long", f"more than {limits.max_seconds:g} s of sound")
        if frames * stream.channels * 4 > limits.max_decoded_bytes:
            raise TrackError("decode.bomb", f"decodes to more than {limits.max_decoded_bytes} bytes")
        if time.monotonic() - started > limits.deadline_seconds:
            raise TrackError("error.decode_deadline", f"not decoded within {limits.deadline_seconds:g} s")
        yield block
