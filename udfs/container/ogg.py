"""Ogg: pages with their CRC, streams by their first packet, header packets with comments and pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from udfs.container import tail
from udfs.container.crc import is_true_page
from udfs.container.layout import Layout, TooManyPartsError
from udfs.container.numbers import are_numbers
from udfs.container.spans import ContainerReport, SpanKind
from udfs.container.vorbis_comment import is_picture_block, walk_comments

MAX_PIECES = 400_000  # segments (of at most 255 bytes) of headers held at a time: cover art of tens of megabytes
MOST_STREAMS = 64
MOST_PAGES = 2_000_000  # ten hours of the smallest
MOST_HELD = 1000  # marks that wait to be put in order
_PAGE = re.compile(rb"OggS\0[\x00-\x07]")

# How a stream's first packet begins -> codec, header packets, what kind its data is.
STREAMS: tuple[tuple[bytes, str, int, SpanKind], ...] = (
    (b"\x01vorbis", "vorbis", 3, SpanKind.SOUND),
    (b"OpusHead", "opus", 2, SpanKind.SOUND),
    (b"Speex   ", "speex", 2, SpanKind.SOUND),
    (b"CELT    ", "celt", 2, SpanKind.SOUND),
    (b"\x7fFLAC", "flac", 1, SpanKind.SOUND),
    (b"\x80theora", "theora", 3, SpanKind.OTHER_STREAM),
    (b"BBCD\0", "dirac", 1, SpanKind.OTHER_STREAM),
    (b"OVP80", "vp8", 1, SpanKind.OTHER_STREAM),
    (b"\x80kate", "kate", 1, SpanKind.OTHER_STREAM),
    (b"fishead\0", "skeleton", 1 << 16, SpanKind.STRUCTURE),
)
Mark = tuple[int, int, SpanKind, str]


@dataclass
class Stream:
    """One of the streams in the file: its codec, and how many header packets are still to come."""

    codec: str
    headers_left: int
    kind: SpanKind
    headers_seen: int = 0
    pieces: list[tuple[int, int]] = field(default_factory=list)  # of the header packet that is being put together


@dataclass
class _Walk:
    layout: Layout
    streams: dict[int, Stream] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)  # held back while a header packet is incomplete
    codec: str = ""

    def mark(self, start: int, end: int, kind: SpanKind, name: str) -> None:
        """Note what bytes are; a neighbour of the same name is joined to the mark before."""
        if self.marks and self.marks[-1][1:] == (start, kind, name):
            self.marks[-1] = (self.marks[-1][0], end, kind, name)
        else:
            self.marks.append((start, end, kind, name))


def walk_ogg(layout: Layout) -> ContainerReport:
    """Account for every byte of an Ogg file."""
    data = layout.data
    walk = _Walk(layout)
    tags = tail.peel(data, layout.at, layout.size)
    end, at = tags[0][0] if tags else layout.size, layout.at
    pages = 0
    while at < end:
        if not _PAGE.match(data, at, end):
            match = _PAGE.search(data, at, end)
            following = match.start() if match else end
            _mark_gap(walk, at, following, is_last=match is None)
            at = following
            continue
        at = _walk_page(walk, at, end)
        pages += 1
        if pages > MOST_PAGES:
            _write_out(walk)
            raise TooManyPartsError
    _give_up_headers(walk)
    _write_out(walk)
    tail.walk_tail(layout, tags)
    return layout.report("ogg", walk.codec)


def _mark_gap(walk: _Walk, start: int, end: int, is_last: bool) -> None:
    if not walk.layout.data[start:end].strip(b"\0"):
        walk.mark(start, end, SpanKind.PADDING, "zeros between pages")
        return
    if is_last:
        walk.layout.lie("container.trailing_bytes", f"{end - start} bytes behind the last page")
    walk.mark(start, end, SpanKind.UNEXPLAINED, "behind the end" if is_last else "between pages")


def _walk_page(walk: _Walk, at: int, end: int) -> int:
    """Account for the page at `at`; returns where the next may begin."""
    data, layout = walk.layout.data, walk.layout
    segments = data[at + 26] if at + 27 <= end else 0
    body = at + 27 + segments
    lacing = data[at + 27 : body]
    finish = body + sum(lacing)
    if at + 27 > end or finish > end:
        layout.lie("container.truncated", "the last page is cut short")
        walk.mark(at, end, SpanKind.SOUND, "Ogg page, cut short")
        return end
    if not is_true_page(data[at:finish]):
        layout.lie("container.crc", f"the Ogg page at byte {at} does not match its checksum")
        walk.mark(at, finish, SpanKind.UNEXPLAINED, "Ogg page, damaged")
        return finish
    serial = int.from_bytes(data[at + 14 : at + 18], "little")
    if data[at + 5] & 2 and len(walk.streams) < MOST_STREAMS:
        walk.streams[serial] = identify_stream(data[body:finish])
        walk.codec = walk.codec or (walk.streams[serial].codec if walk.streams[serial].kind is SpanKind.SOUND else "")
    stream = walk.streams.get(serial)
    if stream is None or stream.kind is SpanKind.UNEXPLAINED:
        walk.mark(at, finish, SpanKind.UNEXPLAINED, "Ogg stream of no known kind")
    elif stream.headers_left:
        walk.mark(at, body, SpanKind.STRUCTURE, "Ogg page")
        _walk_header_page(walk, stream, body, lacing)
    else:
        walk.mark(at, finish, stream.kind, f"Ogg {stream.codec}")
    held = sum(len(each.pieces) for each in walk.streams.values() if each.headers_left)
    if held > MAX_PIECES:
        _give_up_headers(walk)
    if len(walk.marks) > MOST_HELD and all(not each.pieces for each in walk.streams.values()):
        _write_out(walk)
    return finish


def identify_stream(packet: bytes) -> Stream:
    """Say what a stream is by its first packet, which is one of its headers."""
    for beginning, codec, headers, kind in STREAMS:
        if packet.startswith(beginning):
            if codec == "flac" and len(packet) >= 9:
                headers = 1 + int.from_bytes(packet[7:9], "big")
            if codec == "speex" and len(packet) >= 72:
                headers = 2 + min(int.from_bytes(packet[68:72], "little"), 16)
            return Stream(codec, headers, kind)
    return Stream("", 0, SpanKind.UNEXPLAINED)


def _walk_header_page(walk: _Walk, stream: Stream, at: int, lacing: bytes) -> None:
    """Take a page's segments to the header packet they belong to; what follows the last header is data."""
    for position, length in enumerate(lacing):
        if not stream.headers_left:
            finish = at + sum(lacing[position:])
            walk.mark(at, finish, stream.kind, f"Ogg {stream.codec}")
            return
        stream.pieces.append((at, at + length))
        at += length
        if length < 255:
            _walk_header_packet(walk, stream)
            stream.pieces = []
            stream.headers_left -= 1
            stream.headers_seen += 1


def _walk_header_packet(walk: _Walk, stream: Stream) -> None:
    """Mark a header packet that is whole, piece by piece where it lies in the file."""
    data = walk.layout.data
    pieces = stream.pieces
    part = Layout(b"".join(data[start:end] for start, end in pieces))
    walk_packet = _PACKETS.get((stream.codec, stream.headers_seen))
    if stream.codec == "flac" and stream.headers_seen:
        walk_packet = _walk_flac_block
    if stream.codec == "skeleton":
        walk_packet = _walk_skeleton
    if walk_packet is not None:
        walk_packet(part)
        part.padding(part.size, f"Ogg {stream.codec} header")
    else:
        part.structure(part.size, f"Ogg {stream.codec} header")
    starts = np.array([start for start, _ in pieces], np.int64)
    offsets = np.cumsum([0] + [end - start for start, end in pieces])
    for span in part.spans:
        first = int(np.searchsorted(offsets, span.start, "right")) - 1
        last = int(np.searchsorted(offsets, span.end, "left")) - 1
        for piece in range(first, last + 1):
            start = int(starts[piece] + max(span.start - offsets[piece], 0))
            end = int(starts[piece] + min(span.end, int(offsets[piece + 1])) - offsets[piece])
            walk.mark(start, end, span.kind, span.name)
    for code, detail in part.lies:
        walk.layout.lie(code, detail)


def _walk_vorbis_comments(part: Layout) -> None:
    part.structure(7, "Ogg vorbis header")
    walk_comments(part, part.size)
    part.structure(part.at + 1, "Ogg vorbis header")  # the framing bit


def _walk_opus_tags(part: Layout) -> None:
    part.structure(8, "Ogg opus header")
    walk_comments(part, part.size)


def _walk_bare_comments(part: Layout) -> None:
    walk_comments(part, part.size)


def _walk_flac_block(part: Layout) -> None:
    kind = part.data[0] & 0x7F if part.size else 0
    part.structure(4, "Ogg flac header")
    if kind == 4:
        walk_comments(part, part.size)
    elif kind == 6:
        shown = is_picture_block(part.data[4:])
        part.mark(part.size, SpanKind.PICTURE if shown else SpanKind.UNEXPLAINED, "FLAC picture")
    elif kind == 3:
        part.structure(part.size, "FLAC SEEKTABLE")


def _walk_skeleton(part: Layout) -> None:
    """What the other streams are, and an index of them; every packet of this stream is one of these."""
    known = part.data.startswith((b"fishead\0", b"fisbone\0", b"index\0")) or not part.data
    part.tag_if(known and part.size <= 64 << 10 and are_numbers(part.data), part.size, "Ogg skeleton")


_PACKETS: dict[tuple[str, int], Callable[[Layout], None]] = {
    ("vorbis", 1): _walk_vorbis_comments,
    ("opus", 1): _walk_opus_tags,
    ("speex", 1): _walk_bare_comments,
    ("celt", 1): _walk_bare_comments,
    ("theora", 1): _walk_vorbis_comments,
}


def _give_up_headers(walk: _Walk) -> None:
    """The file ends (or holds too much) before a header packet is whole."""
    for stream in walk.streams.values():
        if stream.pieces:
            walk.layout.lie("container.truncated", f"a header packet of the {stream.codec} stream never ends")
            walk.marks.extend(
                (start, end, SpanKind.UNEXPLAINED, "Ogg header, cut short") for start, end in stream.pieces
            )
            stream.pieces = []
            stream.headers_left = 0


def _write_out(walk: _Walk) -> None:
    for _, end, kind, name in sorted(walk.marks, key=lambda mark: mark[0]):
        walk.layout.mark(end, kind, name)
    walk.marks.clear()
