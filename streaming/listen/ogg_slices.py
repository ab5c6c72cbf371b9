"""Slices of an endless Ogg stream (Vorbis, Opus, FLAC, Speex), chained streams included: what web radio sends.

A slice's pages are put behind the stream's header pages, with positions and page numbers that count from where the
slice begins, so that they are a small file of its own (RFC 3533; what a position means: Vorbis I appendix A, RFC 7845).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streaming.listen.slices import MAGICS, Part, Rest, Slice
from udfs.container.crc import is_true_page, ogg_crc
from udfs.container.ogg import identify_stream
from udfs.container.spans import SpanKind

KIND = "ogg"
MARK = b"OggS"
LEAD_SECONDS = 0.5  # Opus wants 80 ms before what is heard, Vorbis the packet before
JOINED_SECONDS = 10.0  # a first page that ends later is not the stream's first
LONGEST_HEAD, LONGEST_REST = 1 << 18, 1 << 20
LONGEST_PAGE = 27 + 255 + 255 * 255
OTHERS = tuple(mark for mark in MAGICS if mark != MARK)
_HEADER = struct.Struct("<4sBBqIIIB")  # mark, version, flags, position, serial, number, CRC, segments
_FIRST, _LAST = 2, 4


@dataclass(frozen=True)
class Page:
    """A page whose checksum is true; `position` is that of the last sample that ends in it, -1 where none does."""

    data: bytes
    flags: int
    position: int
    serial: int

    @property
    def body(self) -> bytes:
        """The segments' bytes."""
        return self.data[_HEADER.size + self.data[26] :]

    @property
    def packets_ended(self) -> int:
        """How many packets end in it."""
        return sum(length < 255 for length in self.data[_HEADER.size : _HEADER.size + self.data[26]])

    def at(self, number: int, base: int) -> bytes:
        """Give the page as number `number` of a stream that begins at position `base`."""
        position = self.position if self.position < 0 else max(0, self.position - base)
        told = _HEADER.pack(MARK, 0, self.flags, position, self.serial, number, 0, self.data[26])
        page = told + self.data[_HEADER.size :]
        return page[:22] + ogg_crc(page).to_bytes(4, "little") + page[26:]


@dataclass(frozen=True)
class Head:
    """A stream's header pages, and what they say."""

    pages: tuple[Page, ...]
    codec: str
    packets: int  # how many header packets there are

    @property
    def is_whole(self) -> bool:
        """Whether all header packets are there; sound begins on a page of its own."""
        return sum(page.packets_ended for page in self.pages) >= self.packets

    @property
    def rate(self) -> int:
        """Positions a second."""
        packet = self.pages[0].body
        if self.codec == "opus":
            return 48_000
        if self.codec == "flac":
            return int.from_bytes(packet[27:30], "big") >> 4
        return int.from_bytes(packet[36:40] if self.codec == "speex" else packet[12:16], "little")

    @property
    def skipped(self) -> int:
        """Positions that are counted and not heard."""
        return int.from_bytes(self.pages[0].body[10:12], "little") if self.codec == "opus" else 0


def cut_ogg(data: bytes, rest: Rest) -> Slice | None:
    """Cut a slice of an endless Ogg stream behind its last whole page; None for whatever else it is."""
    follows = rest.kind == KIND and not _begins(data) and not data.startswith(OTHERS)
    if follows:
        head = _read_head(rest.head)
        data = rest.data + data
    elif _begins(data):
        head, rest = None, Rest()
    else:
        return None
    pages, left = read_pages(data)
    if not follows and pages and pages[-1].flags & _LAST and not left:
        return None  # a file of its own
    if not pages and len(data) > 2 * LONGEST_PAGE:
        return None
    return _cut(pages, left, head, rest.heard if head else 0)


def _cut(pages: Sequence[Page], left: bytes, head: Head | None, heard: int) -> Slice | None:
    """Deal pages out to header and sound, and make a part of each stream's."""
    parts: list[Part] = []
    sound: list[Page] = []
    for page in pages:
        if page.flags & _FIRST:
            begun = _begin(page)
            if begun is None:
                continue
            parts += _make_part(head, sound, heard)
            head, sound, heard = begun, [], 0
        elif head is None or page.serial != head.pages[0].serial:
            continue
        elif not head.is_whole:
            head = Head((*head.pages, page), head.codec, head.packets)
        else:
            sound.append(page)
    if head is None or not head.is_whole:
        waiting = _join(head) + left if head else left
        return Slice(tuple(parts), Rest(KIND, data=waiting)) if len(waiting) <= LONGEST_HEAD else None
    if not head.rate:
        return None
    if made := list(_make_part(head, sound, heard)):
        parts += made
        sound = list(_lead(sound, head.rate))
        heard = len(sound)
    kept = b"".join(page.data for page in sound) + left
    return Slice(tuple(parts), Rest(KIND, _join(head), kept, heard)) if len(kept) <= LONGEST_REST else None


def _make_part(head: Head | None, pages: Sequence[Page], heard: int) -> Iterator[Part]:
    """Make a file of a stream's pages, the first of which were heard before; nothing where no sample is new."""
    new = [page.position for page in pages[heard:] if page.position >= 0]
    if head is None or not head.is_whole or not new or not head.rate:
        return
    before = [page.position for page in pages[:heard] if page.position >= 0]
    if before:
        base, start, pages = before[0], before[-1], pages[1:]
    elif new[0] <= JOINED_SECONDS * head.rate:
        base, start = 0, head.skipped
    else:  # nobody knows where the first page's sound begins
        base, start, pages = new[0], new[0], pages[1:]
    if new[-1] <= start:
        return
    numbered = [*((page, 0) for page in head.pages), *((page, base) for page in pages)]
    file = b"".join(page.at(number, offset) for number, (page, offset) in enumerate(numbered))
    yield Part(file, (new[-1] - start) / head.rate)


def _lead(pages: Sequence[Page], rate: int) -> Sequence[Page]:
    """Give the last pages, to go before the next slice: one that says a position, and as much sound as the lead."""
    placed = [index for index, page in enumerate(pages) if page.position >= 0]
    if not placed:
        return pages
    last = pages[placed[-1]].position
    early = [index for index in placed if last - pages[index].position >= LEAD_SECONDS * rate]
    return pages[early[-1] if early else placed[0] :]


def read_pages(data: bytes) -> tuple[list[Page], bytes]:
    """Give the pages whose checksum is true, and what is behind the last of them and may be the beginning of one."""
    pages: list[Page] = []
    at = data.find(MARK)
    while at >= 0:
        body = at + _HEADER.size + (data[at + 26] if at + _HEADER.size <= len(data) else 255)
        end = body + sum(data[at + _HEADER.size : body])
        if body > len(data) or end > len(data):
            return pages, data[at:]
        page = data[at:end]
        if is_true_page(page):
            _, _, flags, position, serial, *_ = _HEADER.unpack_from(page)
            pages.append(Page(page, flags, position, serial))
            at = end if data.startswith(MARK, end) else data.find(MARK, end)
            if at < 0:
                return pages, data[max(end, len(data) - len(MARK) + 1) :]
        else:
            at = data.find(MARK, at + 1)
    return pages, data[max(0, len(data) - len(MARK) + 1) :]


def _begins(data: bytes) -> bool:
    """Whether a chunk begins with a stream's first page."""
    return data.startswith(MARK) and len(data) > 5 and bool(data[5] & _FIRST)


def _begin(page: Page) -> Head | None:
    """Begin a stream of sound; None for others."""
    stream = identify_stream(page.body)
    return Head((page,), stream.codec, stream.headers_left) if stream.kind is SpanKind.SOUND else None


def _join(head: Head) -> bytes:
    return b"".join(page.data for page in head.pages)


def _read_head(data: bytes) -> Head | None:
    pages, _ = read_pages(data)
    begun = _begin(pages[0]) if pages else None
    return Head(tuple(pages), begun.codec, begun.packets) if begun else None
