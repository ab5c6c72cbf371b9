"""LOAS: a bare stream of AAC frames in LATM, as digital television and radio carry them."""

from __future__ import annotations

import re

from udfs.container.frame_chain import FrameFormat, walk_chain
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport


def _frame_length(data: bytes, at: int) -> int:
    """Eleven bits of sync word, thirteen of length (ISO/IEC 14496-3, 1.7.2)."""
    if at + 3 > len(data) or data[at] != 0x56 or data[at + 1] & 0xE0 != 0xE0:
        return 0
    length = (data[at + 1] & 0x1F) << 8 | data[at + 2]
    return 3 + length if length else 0


FRAMES = FrameFormat(
    container="loas",
    header=re.compile(rb"\x56[\xe0-\xff]"),
    length=_frame_length,
    same_stream=lambda data, at, other: True,
    longest=8195,
)


def walk_loas(layout: Layout) -> ContainerReport:
    """Account for every byte of a LOAS file."""
    return walk_chain(layout, FRAMES, "aac_latm")
