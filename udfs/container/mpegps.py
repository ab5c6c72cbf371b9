"""MPEG programme streams (.mpg, .vob): packs, system headers, packets by their stream identifiers."""

from __future__ import annotations

from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport, SpanKind

PACK = b"\0\0\1\xba"
_END, _SYSTEM, _MAP, _PRIVATE_1, _PADDING, _PRIVATE_2, _DIRECTORY = 0xB9, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF, 0xFF
_MOST_NAVIGATION = 4 << 20  # bytes of a DVD's navigation packets
_LONGEST_TABLE = 1024


def walk_mpegps(layout: Layout) -> ContainerReport:
    """Account for every byte of a programme stream that begins at `layout.at`."""
    data, codec = layout.data, ""
    while True:
        codec = _walk_packets(layout) or codec
        following = data.find(PACK, layout.at + 1) if layout.at < layout.size else -1
        if following < 0:
            break
        gap = data[layout.at : following]
        if any(gap):
            layout.lie("container.damaged", f"{len(gap)} bytes between packets at byte {layout.at}")
            layout.unexplained(following, "between packets")
        layout.padding(following, "zeros between packets")
    layout.behind(layout.size, "the last packet")
    return layout.report("mpegps", codec)


def _walk_packets(layout: Layout) -> str:
    """Mark packets as long as one follows another; returns the sound's codec."""
    data, codec = layout.data, ""
    while data[layout.at : layout.at + 3] == b"\0\0\1" and layout.at + 4 <= layout.size:
        at, stream = layout.at, data[layout.at + 3]
        if stream == PACK[3]:
            end = _pack_end(data, at)
        elif stream == _END:
            end = at + 4
        elif stream >= _SYSTEM:
            end = at + 6 + int.from_bytes(data[at + 4 : at + 6], "big")
        else:
            break
        if end > layout.size:
            layout.lie("container.truncated", "the last packet is cut short")
            end = layout.size
        codec = codec or _codec(data, at, end)
        _mark_packet(layout, stream, end)
    return codec


def _pack_end(data: bytes, at: int) -> int:
    """MPEG-2 packs say how many bytes of stuffing they end with; MPEG-1's have twelve bytes."""
    if at + 14 <= len(data) and data[at + 4] >> 6 == 1:
        return at + 14 + (data[at + 13] & 7)
    return at + 12


def _mark_packet(layout: Layout, stream: int, end: int) -> None:
    if stream in (PACK[3], _END, _SYSTEM, _MAP, _DIRECTORY):
        longest = _LONGEST_TABLE if stream in (_SYSTEM, _MAP, _DIRECTORY) else end
        layout.structure(min(end, layout.at + longest), "PS tables")
        layout.unexplained(end, "PS tables")
    elif stream == _PADDING:
        layout.structure(min(end, layout.at + 6), "PS padding")
        stuffing = layout.data[layout.at : end]
        is_padding = not stuffing.lstrip(b"\x0f").strip(b"\xff") or not any(stuffing)
        layout.mark(end, SpanKind.PADDING if is_padding else SpanKind.UNEXPLAINED, "PS padding")
    elif stream == _PRIVATE_2:
        layout.numbers(end, "PS navigation", _MOST_NAVIGATION)
    elif 0xC0 <= stream <= 0xDF or (stream == _PRIVATE_1 and _is_sound(_private_kind(layout.data, layout.at))):
        layout.sound(end, "PS sound")
    elif 0xE0 <= stream <= 0xEF or stream in (_PRIVATE_1, 0xFD):
        layout.mark(end, SpanKind.OTHER_STREAM, "PS other streams")
    else:
        layout.unexplained(end, f"PS stream {stream:#x}")


def _private_kind(data: bytes, at: int) -> int:
    """The byte by which DVDs tell the streams of private packets apart; -1 where there is none."""
    place = at + 9 + data[at + 8] if at + 9 <= len(data) else len(data)
    return data[place] if place < len(data) else -1


def _is_sound(kind: int) -> bool:
    return 0x80 <= kind <= 0x8F or 0xA0 <= kind <= 0xAF or 0xC0 <= kind <= 0xCF


def _codec(data: bytes, at: int, end: int) -> str:
    stream = data[at + 3]
    if 0xC0 <= stream <= 0xDF:
        return "mp2"
    if stream != _PRIVATE_1:
        return ""
    kind = _private_kind(data[:end], at) if end < at + 512 else _private_kind(data, at)
    return {0x80: "ac3", 0x88: "dts", 0xA0: "pcm_dvd", 0xC0: "ac3"}.get(kind & 0xF8, "") if _is_sound(kind) else ""
