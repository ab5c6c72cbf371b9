"""AC-3 and Enhanced AC-3: a bare stream of frames that know their length.

Source of the sizes: ETSI TS 102 366, table 4.13 (AC-3) and annex E.1.3 (frmsiz).
"""

from __future__ import annotations

import re

from udfs.container.frame_chain import FrameFormat, walk_chain
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport

_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_LAST_AC3, _LAST_EAC3 = 10, 16  # bit stream identifications


def _frame_length(data: bytes, at: int) -> int:
    if at + 6 > len(data) or data[at] != 0x0B or data[at + 1] != 0x77:
        return 0
    version = data[at + 5] >> 3
    if version > _LAST_EAC3:
        return 0
    if version > _LAST_AC3:
        length = 2 * (((data[at + 2] & 7) << 8 | data[at + 3]) + 1)
        return length if length > 8 else 0
    rate, code = data[at + 4] >> 6, data[at + 4] & 0x3F
    if rate == 3 or code >= 2 * len(_KBITS):
        return 0
    kbits = _KBITS[code >> 1]
    if rate == 0:
        return 4 * kbits
    return 6 * kbits if rate == 2 else 2 * (320 * kbits // 147 + (code & 1))


def _same_stream(data: bytes, at: int, other: int) -> bool:
    """Sample rate and the kind of stream never change within a stream."""
    is_enhanced = data[at + 5] >> 3 > _LAST_AC3
    return not (data[at + 4] ^ data[other + 4]) & 0xC0 and is_enhanced == (data[other + 5] >> 3 > _LAST_AC3)


FRAMES = FrameFormat(
    container="ac3", header=re.compile(rb"\x0bw"), length=_frame_length, same_stream=_same_stream, longest=4096
)


def walk_ac3(layout: Layout, first: int) -> ContainerReport:
    """Account for every byte of an AC-3 or E-AC-3 file whose first chain of frames begins at `first`."""
    return walk_chain(layout, FRAMES, "eac3" if layout.data[first + 5] >> 3 > _LAST_AC3 else "ac3")
