"""Slices of an endless WAVE: its header says the format once, and then there are samples for ever."""

from __future__ import annotations

import struct

from streaming.listen.slices import Part, Rest, Slice, goes_on

KIND = "wave"
LONGEST_HEAD = 1 << 16


def cut_wave(data: bytes, rest: Rest) -> Slice | None:
    """Cut a slice of an endless WAVE behind its last whole sample; None for whatever else it is.

    The chunk layout is that of Microsoft's RIFF specification.
    """
    if goes_on(KIND, data, rest):
        data = rest.data + data
        if rest.head:
            return _cut(rest.head, data)
    elif not data.startswith((b"RIFF", b"RF64")) or data[8:12] != b"WAVE":
        return None
    at = 12
    layout = b""
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data":
            whole = at + 8 + size <= len(data)  # a file of its own, or no format to cut by
            return None if whole or len(layout) < 16 else _cut(layout, data[at + 8 :])
        if name == b"fmt ":
            layout = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return Slice((), Rest(KIND, data=data)) if len(data) < LONGEST_HEAD else None


def _cut(layout: bytes, samples: bytes) -> Slice | None:
    bytes_a_second, align = struct.unpack_from("<IH", layout, 8)
    if not bytes_a_second or not align:
        return None
    whole = len(samples) // align * align
    rest = Rest(KIND, layout, samples[whole:])
    if not whole:
        return Slice((), rest)
    chunks = b"fmt " + len(layout).to_bytes(4, "little") + layout + b"data" + whole.to_bytes(4, "little")
    file = b"RIFF" + (4 + len(chunks) + whole).to_bytes(4, "little") + b"WAVE" + chunks + samples[:whole]
    return Slice((Part(file, whole / bytes_a_second),), rest)
