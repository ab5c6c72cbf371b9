"""WavPack: a chain of blocks of metadata sub-blocks, and tags behind them."""

from __future__ import annotations

from udfs.container import tail
from udfs.container.layout import Layout
from udfs.container.riff import walk_wrapped_wave
from udfs.container.spans import ContainerReport

_DUMMY = 0x00  # unused room
_LAST_CODED = 0x0E  # up to here sub-blocks hold the sound and what it takes to decode it
_WRAPPED_WAVE = (0x21, 0x22)  # header and trailer of the WAVE that was encoded
_WRAPPED_OTHER = (0x23, 0x24)  # those of other formats
_MOST_WRAPPED = 4096
_SHORT = {0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2F, 0x30}  # settings, checksums, channels
_LONGEST_SHORT = 64


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
        layout.sound(layout.at + head, "WavPack blocks")
        _walk_sub_block(layout, kind & 0x3F, finish - (kind >> 6 & 1))
        layout.sound(finish, "WavPack blocks")  # the byte that makes an odd length even
    layout.unexplained(end, "WavPack block")


def _walk_sub_block(layout: Layout, kind: int, end: int) -> None:
    label = f"WavPack sub-block {kind:#x}"
    if kind == _DUMMY:
        layout.padding(end, label)
    elif kind <= _LAST_CODED or (kind in _SHORT and end - layout.at <= _LONGEST_SHORT):
        layout.sound(end, "WavPack blocks")
    elif kind in _WRAPPED_WAVE:
        walk_wrapped_wave(layout, end)
    elif kind in _WRAPPED_OTHER:
        layout.numbers(end, label, _MOST_WRAPPED)
    else:
        layout.unexplained(end, label)
