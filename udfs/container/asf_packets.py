"""Packets of ASF's data object: payloads by their stream, and the padding that fills a packet up.

Source: Advanced Systems Format specification, section 5.2.
"""

from __future__ import annotations

from udfs.container.layout import Layout
from udfs.container.spans import SpanKind

_WIDTHS = (0, 1, 2, 4)  # bytes of a field, by the two bits that say so
_LONGEST_PACKET = 1 << 20


class _ReadError(Exception):
    """The packet is none."""


class _Reader:
    """Reads little-endian fields of one packet, up to its end."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def skip(self, count: int) -> int:
        """Move on by `count` bytes; gives the place before."""
        before = self.at
        self.at += count
        if self.at > self.end:
            raise _ReadError
        return before

    def number(self, width: int) -> int:
        """Read a number of `width` bytes."""
        at = self.skip(width)
        return int.from_bytes(self.data[at : at + width], "little")


def walk_packets(layout: Layout, end: int, packet: int, kinds: dict[int, SpanKind]) -> None:
    """Mark the packets from `layout.at` to `end`, of `packet` bytes each.

    Parameters
    ----------
    kinds
        What each stream is, by its number; a payload of any other is unexplained.
    """
    if not 16 <= packet <= _LONGEST_PACKET:
        layout.unexplained(end, "ASF data")
        return
    while layout.at < end:
        finish = layout.at + packet
        if finish > end:
            if end == layout.size:
                layout.lie("container.truncated", "the last packet is cut short")
                layout.sound(end, "ASF packet, cut short")
            break
        try:
            parts, padding = _read_packet(_Reader(layout.data, layout.at, finish))
        except _ReadError:
            layout.lie("container.damaged", f"the packet at byte {layout.at} does not parse")
            layout.unexplained(finish, "ASF packet, damaged")
            continue
        for stop, stream in parts:
            kind = kinds.get(stream, SpanKind.UNEXPLAINED)
            layout.mark(stop, kind, "ASF sound" if kind is SpanKind.SOUND else "ASF other streams")
        layout.mark(finish - padding, SpanKind.UNEXPLAINED, "ASF packet")
        layout.padding(finish, "ASF packet padding")
    layout.unexplained(end, "ASF data")


def _read_packet(reader: _Reader) -> tuple[list[tuple[int, int]], int]:
    """Where each payload ends and whose it is; and how many bytes of padding the packet ends with."""
    begin = reader.at
    flags = reader.number(1)
    if flags & 0x80:
        if flags & 0x70:
            raise _ReadError
        reader.skip(flags & 0x0F)
        flags = reader.number(1)
    properties = reader.number(1)
    length = reader.number(_WIDTHS[flags >> 5 & 3])
    reader.number(_WIDTHS[flags >> 1 & 3])
    padding = reader.number(_WIDTHS[flags >> 3 & 3])
    reader.skip(6)  # send time, duration
    if length and begin + length < reader.end:  # a short packet is filled up to the length of all
        padding += reader.end - begin - length
    reader.end -= padding
    if reader.at > reader.end:
        raise _ReadError
    return _read_payloads(reader, bool(flags & 1), properties), padding


def _read_payloads(reader: _Reader, several: bool, properties: int) -> list[tuple[int, int]]:
    count, width = 1, 0
    if several:
        head = reader.number(1)
        count, width = head & 0x3F, _WIDTHS[head >> 6]
    parts: list[tuple[int, int]] = []
    for _ in range(count):
        stream = reader.number(1) & 0x7F
        reader.number(_WIDTHS[properties >> 4 & 3])
        reader.number(_WIDTHS[properties >> 2 & 3])
        reader.skip(reader.number(_WIDTHS[properties & 3]))
        reader.skip(reader.number(width) if several else reader.end - reader.at)
        parts.append((reader.at, stream))
    return parts
