"""TTA (True Audio): a header and a table of frame lengths, each with its CRC-32, then the frames, each with its own."""

from __future__ import annotations

import struct
import zlib

from udfs.container import tail
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport

_HEADER = 22
MOST_FRAMES = 1 << 20  # two weeks of sound


def walk_tta(layout: Layout) -> ContainerReport:
    """Account for every byte of a TTA1 file that begins at `layout.at`."""
    data, start = layout.data, layout.at
    tags = tail.peel(data, start, layout.size)
    end = tags[0][0] if tags else layout.size
    lengths = _read_table(layout, end)
    if lengths is not None:
        _walk_frames(layout, lengths, end)
    layout.behind(end, "the last frame")
    tail.walk_tail(layout, tags)
    return layout.report("tta", "tta")


def _read_table(layout: Layout, end: int) -> tuple[int, ...] | None:
    """The frames' lengths in bytes; None where header or table do not match their checksums."""
    data, start = layout.data, layout.at
    if start + _HEADER > end or not _matches(data[start : start + _HEADER]):
        layout.lie("container.crc", "the header does not match its checksum")
        return None
    rate, samples = struct.unpack_from("<II", data, start + 10)
    frame = 256 * rate // 245
    count = -(-samples // frame) if frame else 0
    table_end = start + _HEADER + 4 * count + 4
    if count > MOST_FRAMES or table_end > end:
        layout.lie("container.truncated", "the file ends inside its seek table")
        return None
    if not _matches(data[start + _HEADER : table_end]):
        layout.lie("container.crc", "the seek table does not match its checksum")
        return None
    layout.structure(table_end, "TTA")
    return struct.unpack_from(f"<{count}I", data, start + _HEADER)


def _walk_frames(layout: Layout, lengths: tuple[int, ...], end: int) -> None:
    data = layout.data
    for length in lengths:
        finish = layout.at + length
        if finish > end:
            layout.lie("container.truncated", "the last frame is cut short")
            layout.sound(end, "TTA frames")
            return
        if _matches(data[layout.at : finish]):
            layout.sound(finish, "TTA frames")
        else:
            layout.lie("container.crc", f"the frame at byte {layout.at} does not match its checksum")
            layout.unexplained(finish, "TTA frame, damaged")


def _matches(part: bytes) -> bool:
    """Whether the last four bytes are the CRC-32 of the ones before them."""
    return len(part) > 4 and zlib.crc32(part[:-4]) == int.from_bytes(part[-4:], "little")
