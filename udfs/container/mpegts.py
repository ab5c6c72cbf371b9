"""MPEG transport streams: packets of 188 bytes (192 with a time code before each), streams by their tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport, SpanKind

_SYNC = 0x47
_NULL = 0x1FFF
MOST_RUNS = 100_000
_AUDIO = {0x03: "mp3", 0x04: "mp3", 0x0F: "aac", 0x11: "aac_latm", 0x81: "ac3", 0x82: "dts", 0x87: "eac3", 0x1C: "pcm"}
_TABLES = {0x00, 0x01, 0x02, 0x03, 0x10, 0x11, 0x12, 0x13, 0x14, 0x1E, 0x1F}  # service information


def is_transport_stream(data: bytes, start: int) -> int:
    """The packet length (188 or 192) when a transport stream begins at `start`, else 0."""
    for length, lead in ((188, 0), (192, 4)):
        places = range(start + lead, min(len(data), start + lead + 5 * length), length)
        if len(places) >= 3 and all(data[place] == _SYNC for place in places):
            return length
    return 0


def walk_mpegts(layout: Layout, packet: int) -> ContainerReport:
    """Account for every byte of a transport stream of `packet` bytes a packet that begins at `layout.at`."""
    data = layout.data
    codec = ""
    while layout.at + packet <= layout.size:
        codec = _walk_packets(layout, packet) or codec
        if layout.at + packet > layout.size:
            break
        following = _next_sync(data, layout.at + 1, packet)
        if following < 0:
            break
        layout.lie("container.damaged", f"{following - layout.at} bytes between packets at byte {layout.at}")
        layout.unexplained(following, "between packets")
    if 0 < layout.size - layout.at < packet and data[layout.at + packet - 188 : layout.at + packet - 187] in (
        b"G",
        b"",
    ):
        layout.lie("container.truncated", "the last packet is cut short")
        layout.mark(layout.size, SpanKind.SOUND, "TS packet, cut short")
    return layout.report("mpegts", codec)


def _next_sync(data: bytes, at: int, packet: int) -> int:
    lead = packet - 188
    place = data.find(b"G", at + lead)
    while place >= 0:
        if place + 2 * packet < len(data) and data[place + packet] == _SYNC == data[place + 2 * packet]:
            return place - lead
        place = data.find(b"G", place + 1)
    return -1


def _walk_packets(layout: Layout, packet: int) -> str:
    """Mark the packets in step from `layout.at`; returns the sound's codec."""
    data, base, lead = layout.data, layout.at, packet - 188
    count = (layout.size - base) // packet
    rows = np.frombuffer(data, np.uint8, count * packet, base).reshape(count, packet)[:, lead:]
    out_of_step = np.flatnonzero(rows[:, 0] != _SYNC)
    if len(out_of_step):
        rows = rows[: out_of_step[0]]
    if not len(rows):
        return ""
    pids = (rows[:, 1].astype(np.int64) & 0x1F) << 8 | rows[:, 2]
    kinds, codec = _streams(rows, pids)
    classes = np.full(0x2000, _OTHER, np.int64)
    for pid, role in kinds.items():
        classes[pid] = role
    of_packet = classes[pids]
    null = np.flatnonzero(pids == _NULL)
    of_packet[null] = np.where((rows[null, 4:] == rows[null, 4:5]).all(axis=1), _STUFFING, _OTHER)
    of_packet[_hides_stuffing(rows)] = _OTHER
    breaks = np.flatnonzero(np.diff(of_packet)) + 1
    if len(breaks) > MOST_RUNS:  # hours of interleaved streams: tell them from what is hidden, not from each other
        of_packet[(of_packet == _TABLE) | (of_packet == _PICTURES)] = _SOUND
        breaks = np.flatnonzero(np.diff(of_packet)) + 1
    for first, last in zip([0, *breaks.tolist()], [*breaks.tolist(), len(rows)], strict=True):
        kind, name = _SPANS[int(of_packet[first])]
        layout.mark(base + last * packet, kind, name)
    return codec


_TABLE, _SOUND, _PICTURES, _STUFFING, _OTHER = range(5)
_SPANS = {
    _TABLE: (SpanKind.STRUCTURE, "TS tables"),
    _SOUND: (SpanKind.SOUND, "TS sound"),
    _PICTURES: (SpanKind.OTHER_STREAM, "TS other streams"),
    _STUFFING: (SpanKind.PADDING, "TS null packets"),
    _OTHER: (SpanKind.UNEXPLAINED, "TS packets of no stream"),
}


def _streams(rows: NDArray[np.uint8], pids: NDArray[np.int64]) -> tuple[dict[int, int], str]:
    """What each packet identifier carries, by the program tables; and the sound's codec."""
    kinds = dict.fromkeys(_TABLES, _TABLE)
    codec = ""
    programs: set[int] = set()
    for section in _sections(rows, pids, {0}):
        for at in range(8, len(section) - 7, 4):
            programs.add((section[at + 2] & 0x1F) << 8 | section[at + 3])
    for section in _sections(rows, pids, programs):
        at = 12 + ((section[10] & 0x0F) << 8 | section[11]) if len(section) > 12 else len(section)
        kinds[(section[8] & 0x1F) << 8 | section[9]] = _TABLE if len(section) > 9 else _OTHER  # clock
        while at + 5 <= len(section) - 4:
            kind, pid = section[at], (section[at + 1] & 0x1F) << 8 | section[at + 2]
            info = section[at + 5 : at + 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])]
            is_sound = kind in _AUDIO or (kind == 0x06 and (b"Opus" in info or b"\x6a" in info[:1]))
            kinds[pid] = _SOUND if is_sound else _PICTURES
            if is_sound:
                codec = codec or _AUDIO.get(kind, "opus")
            at += 5 + len(info)
    kinds.update(dict.fromkeys(programs, _TABLE))
    kinds.pop(_NULL, None)
    return kinds, codec


def _sections(rows: NDArray[np.uint8], pids: NDArray[np.int64], wanted: set[int]) -> list[bytes]:
    """Table sections that begin in packets of these identifiers (different ones only; those in one packet)."""
    if not wanted:
        return []
    starts = np.flatnonzero(np.isin(pids, list(wanted)) & ((rows[:, 1] & 0x40) != 0) & ((rows[:, 3] & 0x10) != 0))
    sections: set[bytes] = set()
    for row in starts[:20_000].tolist():
        body = rows[row].tobytes()
        at = 5 + body[4] if body[3] & 0x20 else 4
        if at >= 180:
            continue
        at += 1 + body[at]
        if at + 3 < 188 and len(sections) < 64:
            length = (body[at + 1] & 0x0F) << 8 | body[at + 2]
            sections.add(body[at : min(188, at + 3 + length)])
    return sorted(section for section in sections if len(section) >= 12)


def _hides_stuffing(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Packets whose adaptation field holds more than its flags ask for, and that is not stuffing (0xFF)."""
    suspects = np.flatnonzero(((rows[:, 3] & 0x20) != 0) & (rows[:, 4] > 1))
    hiding = []
    for row in suspects.tolist():
        body = rows[row].tobytes()
        length, flags = body[4], body[5]
        at = 6 + 6 * bool(flags & 0x10) + 6 * bool(flags & 0x08) + bool(flags & 0x04)
        if flags & 0x02 and at < 188:
            at += 1 + body[at]
        if flags & 0x01 and at < 188:
            at += 1 + body[at]
        if body[at : 5 + length].strip(b"\xff"):
            hiding.append(row)
    return np.array(hiding, np.int64)
