"""ADTS: a bare stream of AAC frames."""

from __future__ import annotations

import re

from udfs.container.frame_chain import FrameFormat, walk_chain
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport


def _frame_length(data: bytes, at: int) -> int:
    if at + 7 > len(data) or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0 or data[at + 2] & 0x3C > 0x30:
        return 0
    length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    return length if length > 7 else 0


def _same_stream(data: bytes, at: int, other: int) -> bool:
    """Profile, sample rate and channels never change within a stream."""
    return (
        data[at + 1] == data[other + 1]
        and not (data[at + 2] ^ data[other + 2]) & 0xFD
        and not (data[at + 3] ^ data[other + 3]) & 0xC0
    )


FRAMES = FrameFormat(
    container="adts",
    header=re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"),
    length=_frame_length,
    same_stream=_same_stream,
    longest=8192,
)


def walk_adts(layout: Layout) -> ContainerReport:
    """Account for every byte of an ADTS file."""
    return walk_chain(layout, FRAMES, "aac")
