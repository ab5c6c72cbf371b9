"""Monkey's Audio (.ape): descriptor, header, seek table, the encoded WAVE's own header and trailer, frames.

Source of the layouts: the headers that FFmpeg and the format's own SDK read, versions under 3.98 and from it on.
"""

from __future__ import annotations

import struct

from udfs.container import tail
from udfs.container.layout import Layout
from udfs.container.riff import walk_wrapped_wave
from udfs.container.spans import ContainerReport

_DESCRIBED = 3980  # the version from which on a descriptor says how long each part is
_PEAK, _SEEK_TABLE, _NO_WAVE_HEADER = 4, 16, 32  # format flags of older versions
MOST_FRAMES = 1 << 20


def walk_monkeys_audio(layout: Layout) -> ContainerReport:
    """Account for every byte of a Monkey's Audio file that begins at `layout.at`."""
    data, start = layout.data, layout.at
    tags = tail.peel(data, start, layout.size)
    end = tags[0][0] if tags else layout.size
    version = int.from_bytes(data[start + 4 : start + 6], "little")
    if start + 76 <= end and version >= _DESCRIBED:
        _walk_described(layout, end)
    elif start + 32 <= end:
        _walk_older(layout, end)
    layout.behind(end, "the last frame")
    tail.walk_tail(layout, tags)
    return layout.report("ape", "ape")


def _walk_described(layout: Layout, end: int) -> None:
    data, start = layout.data, layout.at
    descriptor, header, table, wave, low, high, trailer = struct.unpack_from("<7I", data, start + 8)
    if descriptor < 52 or header < 24 or descriptor + header > 4096:
        return
    layout.structure(start + 52, "APE descriptor")
    layout.padding(start + descriptor, "APE descriptor")
    layout.structure(layout.at + 24, "APE header")
    layout.padding(start + descriptor + header, "APE header")
    _walk_table(layout, min(end, layout.at + table))
    walk_wrapped_wave(layout, min(end, layout.at + wave))
    _walk_frames(layout, low | high << 32, trailer, end)


def _walk_older(layout: Layout, end: int) -> None:
    data, start = layout.data, layout.at
    flags = int.from_bytes(data[start + 8 : start + 10], "little")
    wave, trailer, frames = struct.unpack_from("<III", data, start + 16)
    at = start + 32 + (4 if flags & _PEAK else 0)
    if flags & _SEEK_TABLE:
        frames = int.from_bytes(data[at : at + 4], "little")
        at += 4
    layout.structure(min(at, end), "APE header")
    if not flags & _NO_WAVE_HEADER:
        walk_wrapped_wave(layout, min(end, layout.at + wave))
    _walk_table(layout, min(end, layout.at + 4 * min(frames, MOST_FRAMES)))
    _walk_frames(layout, max(0, end - layout.at - trailer), trailer, end)


def _walk_table(layout: Layout, finish: int) -> None:
    """A seek table's places rise; behind the last one it is zeros."""
    count = (finish - layout.at) // 4
    last, at = 0, layout.at
    for (place,) in struct.iter_unpack("<I", layout.data[at : at + 4 * min(count, MOST_FRAMES)]):
        if place < last:
            break
        last, at = place, at + 4
    layout.structure(at, "APE seek table")
    layout.padding(finish, "APE seek table")


def _walk_frames(layout: Layout, length: int, trailer: int, end: int) -> None:
    finish = layout.at + length
    if finish + trailer > end:
        layout.lie("container.truncated", f"the header promises {length + trailer} bytes, {end - layout.at} are there")
    layout.sound(min(finish, end), "APE frames")
    walk_wrapped_wave(layout, min(finish + trailer, end))
