"""From a broadcast's chunk to its sound: a chunk is a whole small file, samples, or a slice of an endless stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soxr
from numpy.typing import NDArray

from streaming.chunk import Chunk, Compression
from streaming.inflate import inflate_member
from streaming.listen.flac_slices import cut_flac
from streaming.listen.frame_slices import cut_frames
from streaming.listen.ogg_slices import cut_ogg
from streaming.listen.slices import Rest, Slice
from streaming.listen.wave_slices import cut_wave
from udfs.classify import Decoder
from udfs.spectrum import QUALITY, RATE
from udfs.track import Encoding, Track

CUTTERS = (cut_ogg, cut_flac, cut_wave, cut_frames)
MAX_INFLATED = 64 << 20

Sound = NDArray[np.float32]


def decode_chunk(chunk: Chunk, rest: Rest, decoder: Decoder) -> tuple[Sound, Rest]:
    """Decode a chunk behind what the one before left; gives mono samples at `RATE`, and what it leaves.

    Raises
    ------
    udfs.errors.TrackError
        When it holds no sound.
    streaming.inflate.InflateError
        When it cannot be inflated.
    """
    data = bytes(chunk.payload)
    if chunk.compression is Compression.GZIP:
        data = inflate_member(data, MAX_INFLATED)
    found = cut_slice(data, rest) if chunk.encoding is Encoding.FILE else None
    if found is None:
        return _decode(Track(data, chunk.encoding, chunk.sample_rate, chunk.channels), decoder), Rest()
    sounds, owed = [np.empty(0, np.float32)], rest.owed
    for part in found.parts:
        lasts = part.seconds * RATE + owed
        sounds.append(_last(_decode(Track(part.data), decoder), round(lasts)))
        owed = lasts - round(lasts)
    return np.concatenate(sounds), replace(found.rest, owed=owed)


def cut_slice(data: bytes, rest: Rest) -> Slice | None:
    """Cut a slice of an endless stream; None for a file of its own, and for whatever else it is."""
    found = (cut(data, rest) for cut in CUTTERS)
    return next((each for each in found if each is not None), None)


def _decode(track: Track, decoder: Decoder) -> Sound:
    decoded = decoder(track)
    rate, mono = decoded.facts.sample_rate, decoded.mono()
    return mono if rate == RATE else np.asarray(soxr.resample(mono, rate, RATE, quality=QUALITY), np.float32)


def _last(mono: Sound, count: int) -> Sound:
    """Give the last samples; silence before them where the decoder gave fewer."""
    kept = mono[max(0, len(mono) - count) :]
    return np.concatenate([np.zeros(count - len(kept), np.float32), kept])
