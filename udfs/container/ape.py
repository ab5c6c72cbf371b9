"""APE tags, version 1 and 2, item by item."""

from __future__ import annotations

import struct

from udfs.container.id3 import mark_picture
from udfs.container.layout import Layout
from udfs.container.text import is_text

MOST_BINARY = 64  # bytes of a binary item that is no picture and yet let be (digests)


def tag_start(data: bytes, start: int, end: int) -> int | None:
    """Where the APE tag that ends at `end` begins (its header, if it has one); None when none ends there."""
    if end - start < 32 or data[end - 32 : end - 24] != b"APETAGEX":
        return None
    version, size, count, flags = struct.unpack_from("<IIII", data, end - 24)
    begin = end - size - (32 if flags & 0x80000000 else 0)
    return begin if version in (1000, 2000) and size >= 32 and begin >= start and count <= 65536 else None


def walk_ape(layout: Layout, end: int) -> None:
    """Mark the APE tag from `layout.at` to `end`."""
    data = layout.data
    if data[layout.at : layout.at + 8] == b"APETAGEX":
        layout.structure(layout.at + 32, "APE")
    items_end = end - 32 if data[end - 32 : end - 24] == b"APETAGEX" else end
    while layout.at + 11 <= items_end:
        size, flags = struct.unpack_from("<II", data, layout.at)
        key_end = data.find(b"\0", layout.at + 8, min(items_end, layout.at + 8 + 256))
        value, finish = key_end + 1, key_end + 1 + size
        if key_end < 0 or finish > items_end or not data[layout.at + 8 : key_end].isascii():
            break
        key = data[layout.at + 8 : key_end].decode("ascii", "replace")
        layout.structure(value, "APE item")
        _mark_value(layout, finish, f"APE {key}", binary=flags >> 1 & 3 == 1)
    layout.padding(items_end, "APE padding")
    layout.structure(end, "APE")


def _mark_value(layout: Layout, end: int, label: str, binary: bool) -> None:
    content = layout.data[layout.at : end]
    if not binary:
        layout.tag_if(all(is_text(part) for part in content.split(b"\0")), end, label)
    elif label.lower().startswith("ape cover art"):
        name_end = layout.data.find(b"\0", layout.at, min(end, layout.at + 512))
        mark_picture(layout, name_end + 1 if name_end >= 0 else layout.at, end, label)
    else:
        layout.tag_if(len(content) <= MOST_BINARY, end, label)
