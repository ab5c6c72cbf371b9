"""MPEG audio (MP1, MP2, MP3): a chain of frames between ID3, APE and Lyrics3 tags."""

from __future__ import annotations

import re
from functools import cache

from udfs.container.frame_chain import FrameFormat, walk_chain
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport

# kbit/s by version class and layer, ISO/IEC 11172-3 and 13818-3
_BITRATES = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_BITRATES[2, 3] = _BITRATES[2, 2]
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


@cache
def _length(second: int, third: int) -> int:
    """A frame's length from its header's second and third byte; 0 for what is none (or of free format)."""
    version, layer, rate = second >> 3 & 3, 4 - (second >> 1 & 3), third >> 2 & 3
    if second & 0xE0 != 0xE0 or version == 1 or layer == 4 or rate == 3 or third >> 4 in (0, 15):
        return 0
    bitrate = _BITRATES[1 if version == 3 else 2, layer][third >> 4] * 1000
    padding = third >> 1 & 1
    if layer == 1:
        return (12 * bitrate // _RATES[version][rate] + padding) * 4
    slots = 72 if layer == 3 and version != 3 else 144
    return slots * bitrate // _RATES[version][rate] + padding


def _frame_length(data: bytes, at: int) -> int:
    if at + 4 > len(data) or data[at] != 0xFF:
        return 0
    return _length(data[at + 1], data[at + 2])


def _same_stream(data: bytes, at: int, other: int) -> bool:
    """Version, layer and sample rate never change within a stream."""
    return not (data[at + 1] ^ data[other + 1]) & 0x1E and not (data[at + 2] ^ data[other + 2]) & 0x0C


FRAMES = FrameFormat(
    container="mp3",
    header=re.compile(rb"\xff[\xe2-\xe7\xf2-\xff][\x10-\xef][\x00-\xff]"),
    length=_frame_length,
    same_stream=_same_stream,
    longest=2881,
)


def walk_mpeg_audio(layout: Layout, first: int) -> ContainerReport:
    """Account for every byte of an MP3 (MP1, MP2) whose first chain of frames begins at `first`."""
    layer = 4 - (layout.data[first + 1] >> 1 & 3)
    return walk_chain(layout, FRAMES, f"mp{layer}", _mark_info_frame)


def _mark_info_frame(layout: Layout, end: int) -> None:
    """Xing, Info, LAME and VBRI put numbers about the stream into a first frame without sound."""
    data, at = layout.data, layout.at
    is_version_1, is_mono = data[at + 1] >> 3 & 3 == 3, data[at + 3] >> 6 == 3
    side = (17 if is_mono else 32) if is_version_1 else (9 if is_mono else 17)
    if data[at + 4 + side : at + 8 + side] in (b"Xing", b"Info") or data[at + 36 : at + 40] == b"VBRI":
        layout.structure(end, "MPEG info frame")
