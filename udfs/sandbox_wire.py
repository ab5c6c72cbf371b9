"""What passes between `udfs.sandbox` and its decode worker over a socket that keeps message boundaries.

To the worker: the limits as JSON with the track's descriptor, and one byte for each block that was read.
From the worker, which is not trusted: a kind byte and JSON (READY, STREAM, END, ERROR), or a kind byte and a block's
dtype and frames (BLOCK) for samples that lie in the shared window's next slot. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import re
import struct
from enum import IntEnum
from typing import Any

import numpy as np

from udfs.samples import DecodeLimits, Samples, SampleStream, known_tags

SLOTS = 2  # the worker fills one while the other is read
SLOT_BYTES = 2 << 20
LONGEST_MESSAGE = 16 << 10

_BLOCK = struct.Struct("<B2sI")
_DTYPES: dict[bytes, np.dtype[Any]] = {b"i2": np.dtype("<i2"), b"i4": np.dtype("<i4"), b"f4": np.dtype("<f4")}
_NAME = re.compile(r"[a-z0-9_]{1,32}")
_CODE = re.compile(r"(?:decode|error)\.[a-z_]{1,32}")


class Kind(IntEnum):
    """A message's first byte."""

    READY = 1
    STREAM = 2
    BLOCK = 3
    END = 4
    ERROR = 5


class ProtocolError(Exception):
    """The worker said something that it never says."""


def block_header(dtype: np.dtype[Any], frames: int) -> bytes:
    """Announce a block in the window's next slot."""
    return _BLOCK.pack(Kind.BLOCK, dtype.str[1:].encode(), frames)


def parse_block(message: bytes, channels: int) -> tuple[np.dtype[Any], int]:
    """A block's dtype and frames, which fit into a slot."""
    if len(message) != _BLOCK.size or message[0] != Kind.BLOCK:
        raise ProtocolError("expected a block")
    _, name, frames = _BLOCK.unpack(message)
    dtype = _DTYPES.get(name)
    if dtype is None or not 0 < frames * channels * dtype.itemsize <= SLOT_BYTES:
        raise ProtocolError("a block that fits no slot")
    return dtype, frames


def parse_json(message: bytes, kind: Kind) -> dict[str, Any]:
    """The JSON object of a message of that kind."""
    if not message or message[0] != kind:
        raise ProtocolError(f"expected {kind.name}")
    try:
        content = json.loads(message[1:])
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{kind.name} is no JSON") from error
    if not isinstance(content, dict):
        raise ProtocolError(f"{kind.name} is no object")
    return content


def parse_stream(message: bytes, limits: DecodeLimits) -> SampleStream:
    """What the worker says it has opened, with every field checked; its blocks are still to be set."""
    content = parse_json(message, Kind.STREAM)
    container, codec = content.get("container"), content.get("codec")
    rate, channels, bits = content.get("sample_rate"), content.get("channels"), content.get("bits_per_sample")
    if not (isinstance(container, str) and _NAME.fullmatch(container)):
        raise ProtocolError("container is no name")
    if not (isinstance(codec, str) and _NAME.fullmatch(codec)):
        raise ProtocolError("codec is no name")
    if not (isinstance(rate, int) and 0 < rate <= limits.max_sample_rate):
        raise ProtocolError("sample rate is none")
    if not (isinstance(channels, int) and 0 < channels <= limits.max_channels):
        raise ProtocolError("channel count is none")
    if not (bits is None or (isinstance(bits, int) and 0 < bits <= 64)):
        raise ProtocolError("sample size is none")
    tags = content.get("tags")
    return SampleStream(
        container, codec, rate, channels, bits, iter(()), tags=known_tags(tags if isinstance(tags, dict) else {})
    )


def parse_pairs(content: dict[str, Any]) -> list[tuple[str, str]]:
    """The (code, detail) pairs of an END message; what is no such pair is left out."""
    pairs = content.get("problems")
    return [
        (pair[0], str(pair[1])[:500])
        for pair in (pairs if isinstance(pairs, list) else [])[:8]
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and _CODE.fullmatch(pair[0])
    ]


def parse_error(message: bytes) -> tuple[str, str]:
    """The (code, detail) of an ERROR message."""
    content = parse_json(message, Kind.ERROR)
    code = content.get("code")
    if not (isinstance(code, str) and _CODE.fullmatch(code)):
        raise ProtocolError("an error without a code")
    return code, str(content.get("detail", ""))[:1000]


def as_block(window: memoryview, slot: int, dtype: np.dtype[Any], frames: int, channels: int) -> Samples:
    """Copy a block out of its slot: (frames, channels)."""
    flat = np.frombuffer(window, dtype, frames * channels, slot * SLOT_BYTES)
    return flat.reshape(frames, channels).copy()
