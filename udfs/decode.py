"""Turn a track into samples: libsndfile first, then FFmpeg's libraries, under caps that act while it decodes.

Reason codes raised as `TrackError`, and what they mean for an upload (docs/containers.md has the table):

- about the upload, so it is no track that can be let in: ``decode.not_audio``, ``decode.no_sound``,
  ``decode.too_long``, ``decode.bomb``, ``decode.channels``, ``decode.sample_rate``, ``decode.ragged_samples``,
  ``error.decode_deadline``, ``error.decoder_died``;
- about us: ``error.decoder`` (a fault of our own, for people to look at).

Problems that leave samples to judge are in `Decoded.problems` instead: ``decode.damaged``, ``decode.format_changes``,
``decode.not_finite``.
"""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

import numpy as np
from numpy.typing import NDArray

from udfs import decode_libav, decode_libsndfile
from udfs.decode_libsndfile import NotReadError
from udfs.errors import TrackError
from udfs.findings import AudioFacts
from udfs.mp3_count import is_cut_short
from udfs.samples import (
    BLOCK_SAMPLES,
    DecodeLimits,
    Samples,
    SampleStore,
    SampleStream,
    check_shape,
    within_limits,
)
from udfs.track import Encoding, Track

__all__ = ["DecodeLimits", "Decoded", "collect", "decode", "decode_samples", "open_stream"]


@dataclass(frozen=True)
class Decoded:
    """A track's samples.

    Parameters
    ----------
    samples
        float32 (frames, channels), nominally -1..1; what a float file holds beyond that is kept, what is not finite
        is 0 (and told in `problems`). Read-only and in a file when the track is long.
    sample_rate
        Hz.
    facts
        What the decoder says the track is.
    pcm
        The exact integer samples (frames, channels), int16 or int32, right-aligned; None where the codec is lossy or
        the samples are floats.
    problems
        (reason code, detail) of what went wrong on the way without stopping it.
    tags
        Title, artist and the like, for a safe copy.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    facts: AudioFacts
    pcm: Samples | None = None
    problems: tuple[tuple[str, str], ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def mono(self) -> NDArray[np.float32]:
        """The channels' mean, float32 (frames,)."""
        if self.samples.shape[1] == 1:
            return self.samples[:, 0]
        weights = np.full(self.samples.shape[1], 1 / self.samples.shape[1], np.float32)
        return np.asarray(self.samples @ weights, dtype=np.float32)  # forty times as fast as mean(axis=1)


def decode(track: Track, limits: DecodeLimits = DecodeLimits()) -> Decoded:  # noqa: B008 - frozen
    """Decode a track in this process.

    What comes from strangers is decoded by `udfs.sandbox.SandboxedDecoder`, which does the same in a process that
    can be lost.

    Raises
    ------
    TrackError
        The track cannot be decoded; the codes are listed in this module's docstring.
    """
    started = time.monotonic()
    if track.encoding is Encoding.F32LE:
        return decode_samples(track, limits)
    stream = open_stream(io.BytesIO(track.data))
    check_shape(stream, limits)
    return collect(stream, limits, started)


def decode_samples(track: Track, limits: DecodeLimits) -> Decoded:
    """Decode an F32LE track: its bytes are the samples."""
    channels, rate = track.channels or 0, track.sample_rate or 0
    stream = SampleStream("raw", "pcm_f32", rate, channels, 32, iter(()))
    check_shape(stream, limits)
    if len(track.data) % (4 * channels):
        raise TrackError(
            "decode.ragged_samples",
            f"{len(track.data)} bytes are no whole number of frames of {channels} float32 samples",
        )
    samples = np.frombuffer(track.data, "<f4").reshape(-1, channels)
    stream.blocks = iter([samples] if len(samples) else [])
    return collect(stream, limits, time.monotonic())


def open_stream(source: IO[bytes], descriptor: int | None = None) -> SampleStream:
    """Open a file with the first library that gets sound out of it.

    Parameters
    ----------
    source
        A seekable binary file.
    descriptor
        The same file as a descriptor, if it has one: libsndfile reads that without going through Python.

    Raises
    ------
    TrackError
        ``decode.not_audio``: none reads it; ``decode.no_sound``: one does, and there is not a single frame in it.
    """
    empty = ""
    reasons = []
    libraries: tuple[Callable[[], SampleStream], ...] = (
        lambda: _open_with_libsndfile(source, descriptor),
        lambda: decode_libav.open_stream(source),
        lambda: decode_libav.open_ogg_in_wave(source),
    )
    for open_with_library in libraries:
        source.seek(0)
        try:
            stream = open_with_library()
        except NotReadError as error:
            reasons.append(str(error))
            continue
        first = next(stream.blocks, None)
        if first is not None:
            stream.blocks = itertools.chain([first], stream.blocks)
            return stream
        empty = empty or stream.container
        reasons.extend(detail for _, detail in stream.problems)
    if empty:
        raise TrackError("decode.no_sound", "; ".join([f"{empty} without a frame of sound", *reasons]))
    raise TrackError("decode.not_audio", f"no decoder reads it ({'; '.join(reasons)})")


def _open_with_libsndfile(source: IO[bytes], descriptor: int | None) -> SampleStream:
    if is_cut_short(source):
        raise NotReadError("libsndfile: an MP3 of changing bit rate without a count of its frames is cut short")
    return decode_libsndfile.open_stream(source if descriptor is None else descriptor)


def collect(stream: SampleStream, limits: DecodeLimits, started: float) -> Decoded:
    """Read a stream to its end, within the limits, and keep its samples.

    Raises
    ------
    TrackError
        A limit was passed, or there was no frame of sound.
    """
    store: SampleStore | None = None
    for block in within_limits(stream, limits, started):
        store = store or SampleStore(block.dtype, stream.channels)
        store.append(block)
    if store is None:
        raise TrackError("decode.no_sound", "not a frame of sound in it")
    return _assemble(stream, store)


def _assemble(stream: SampleStream, store: SampleStore) -> Decoded:
    kept = store.finish()
    facts = AudioFacts(
        container=stream.container,
        codec=stream.codec,
        sample_rate=stream.sample_rate,
        channels=stream.channels,
        duration_ms=round(len(kept) * 1000 / stream.sample_rate),
        bits_per_sample=stream.bits_per_sample,
    )
    problems = list(stream.problems)
    if kept.dtype.kind == "i":
        bits = stream.bits_per_sample or 8 * kept.dtype.itemsize
        samples = _converted(kept, lambda block: block * np.float32(2.0 ** (1 - bits)))
        return Decoded(samples, stream.sample_rate, facts, kept, tuple(problems), stream.tags)
    not_finite = sum(int(np.count_nonzero(~np.isfinite(block))) for block in _in_blocks(kept))
    if not_finite:
        problems.append(("decode.not_finite", f"{not_finite} of {kept.size} samples are NaN or infinite"))
        kept = _converted(kept, lambda block: np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0))
    return Decoded(kept, stream.sample_rate, facts, None, tuple(problems), stream.tags)


def _in_blocks(samples: Samples) -> Iterator[Samples]:
    step = max(1, BLOCK_SAMPLES // samples.shape[1])
    return (samples[start : start + step] for start in range(0, len(samples), step))


def _converted(samples: Samples, convert: Callable[[Samples], Samples]) -> Samples:
    """Convert block by block to float32, so that a long track's samples need not be in memory twice."""
    store = SampleStore(np.dtype(np.float32), samples.shape[1])
    for block in _in_blocks(samples):
        store.append(convert(block).astype(np.float32, copy=False))
    return store.finish()
