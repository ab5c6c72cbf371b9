"""WavPack: a chain of blocks of metadata sub-blocks, and tags behind them."""

from __future__ import annotations

from udfs.container import tail
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport

_UNUSED = 0x20  # sub-blocks that a decoder may pass over
_HEADER_TYPES = {0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2C, 0x2F, 0x30}
_LONGEST_OPTIONAL = 4096  # wrapped headers and trailers of the file that was encoded, checksums, settings


def walk_wavpack(layout: Layout) -> ContainerReport:
    """Account for every byte of a WavPack file that begins at `layout.at`."""
    data = layout.data
    tags = tail.peel(data, layout.at, layout.size)
    end = tags[0][0] if tags else layout.size
    while layout.at + 32 <= end and data[layout.at : layout.at + 4] == b"wvpk":
        finish = layout.at + 8 + int.from_bytes(data[layout.at + 4 : layout.at + 8], "little")
        if finish > end:
            layout.lie("container.truncated", "the last block is cut short")
            layout.sound(end, "WavPack blocks")
            break
        if finish < layout.at + 32:
            break
        _walk_block(layout, finish)
    layout.behind(end, "the last block")
    tail.walk_tail(layout, tags)
    return layout.report("wavpack", "wavpack")


def _walk_block(layout: Layout, end: int) -> None:
    """Mark one block; its sub-blocks say what they are and how long."""
    data = layout.data
    layout.sound(layout.at + 32, "WavPack blocks")
    while layout.at + 2 <= end:
        kind, words, head = data[layout.at], data[layout.at + 1], 2
        if kind & 0x80:
            words, head = words | int.from_bytes(data[layout.at + 2 : layout.at + 4], "little") << 8, 4
        finish = layout.at + head + 2 * words
        if finish > end:
            break
        optional = kind & 0x3F & ~0x40
        if optional & _UNUSED and (optional not in _HEADER_TYPES or 2 * words > _LONGEST_OPTIONAL):
            layout.unexplained(finish, f"WavPack sub-block {optional:#x}")
        else:
            layout.sound(finish, "WavPack blocks")
    layout.unexplained(end, "WavPack block")
