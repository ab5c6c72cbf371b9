"""FLAC: metadata blocks, then frames whose headers (CRC-8) and whole length (CRC-16) are checked."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.container import aiff, riff, tail
from udfs.container.crc import FrameSums, flac_crc8
from udfs.container.flac_frame import FrameError, frame_end
from udfs.container.layout import STRAY, Layout
from udfs.container.spans import ContainerReport, SpanKind
from udfs.container.vorbis_comment import walk_comments, walk_picture_block

MOST_ODD_FRAMES = 16  # frames that do not reach to the next header and are read through for their end
MOST_FRAMES = 1_000_000  # candidates that are looked at; a day of sound has fewer true ones

_HEADER = re.compile(
    rb"\xff[\xf8\xf9][\x10-\x1e\x20-\x2e\x30-\x3e\x40-\x4e\x50-\x5e\x60-\x6e\x70-\x7e\x80-\x8e\x90-\x9e"
    rb"\xa0-\xae\xb0-\xbe\xc0-\xce\xd0-\xde\xe0-\xee\xf0-\xfe]"
    rb"[\x00\x02\x04\x08\x0a\x0c\x0e\x10\x12\x14\x18\x1a\x1c\x1e\x20\x22\x24\x28\x2a\x2c\x2e\x30\x32\x34\x38\x3a\x3c\x3e"
    rb"\x40\x42\x44\x48\x4a\x4c\x4e\x50\x52\x54\x58\x5a\x5c\x5e\x60\x62\x64\x68\x6a\x6c\x6e\x70\x72\x74\x78\x7a\x7c\x7e"
    rb"\x80\x82\x84\x88\x8a\x8c\x8e\x90\x92\x94\x98\x9a\x9c\x9e\xa0\xa2\xa4\xa8\xaa\xac\xae]"
    rb"(?:[\x00-\x7f]|[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}"
    rb"|[\xf8-\xfb][\x80-\xbf]{4}|[\xfc-\xfd][\x80-\xbf]{5}|\xfe[\x80-\xbf]{6})"
)
_BLOCK_SIZES = {1: 192, **{n: 576 << (n - 2) for n in range(2, 6)}, **{n: 256 << (n - 8) for n in range(8, 16)}}
_FOREIGN = (b"riff", b"aiff", b"w64 ")  # a WAV's or AIFF's own chunks, kept to restore it


@dataclass(frozen=True)
class _StreamInfo:
    channels: int
    bits: int


def walk_flac(layout: Layout) -> ContainerReport:
    """Account for every byte of a native FLAC file that begins at `layout.at`."""
    layout.structure(layout.at + 4, "fLaC")
    info = _walk_metadata(layout)
    tags = tail.peel(layout.data, layout.at, layout.size)
    _walk_frames(layout, info, tags[0][0] if tags else layout.size)
    tail.walk_tail(layout, tags)
    return layout.report("flac", "flac")


def _walk_metadata(layout: Layout) -> _StreamInfo | None:
    data, info = layout.data, None
    while layout.at + 4 <= layout.size:
        kind, last = data[layout.at] & 0x7F, bool(data[layout.at] & 0x80)
        end = layout.at + 4 + int.from_bytes(data[layout.at + 1 : layout.at + 4], "big")
        if end > layout.size:
            layout.lie("container.truncated", "the file ends inside its metadata")
            break
        layout.structure(layout.at + 4, "FLAC metadata")
        if kind == 0 and end - layout.at >= 34:
            info = _stream_info(data[layout.at : layout.at + 34])
            layout.structure(layout.at + 34, "FLAC STREAMINFO")
        elif kind == 1:
            layout.padding(end, "FLAC PADDING")
        elif kind == 2:
            _walk_application(layout, end)
        elif kind == 3:
            _walk_seek_table(layout, end)
        elif kind == 4:
            walk_comments(layout, end)
            layout.padding(end, "Vorbis comment padding")
        elif kind == 5:
            _walk_cue_sheet(layout, end)
        elif kind == 6:
            walk_picture_block(layout, end)
        layout.unexplained(end, f"FLAC block {kind}")
        if last:
            break
    return info


def _stream_info(block: bytes) -> _StreamInfo:
    packed = int.from_bytes(block[10:18], "big")
    return _StreamInfo((packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1)


def _walk_application(layout: Layout, end: int) -> None:
    """Foreign metadata: one chunk of the WAV or AIFF that was encoded, at most with the data's own header."""
    identifier = layout.data[layout.at : layout.at + 4]
    if identifier not in _FOREIGN or end - layout.at < 12:
        layout.unexplained(end, f"FLAC APPLICATION {identifier.decode('latin-1')}")
        return
    layout.structure(layout.at + 4, "FLAC APPLICATION")
    chunk = layout.data[layout.at : layout.at + 4]
    if chunk in (b"RIFF", b"FORM", b"RF64", b"data", b"SSND") and end - layout.at <= 16:
        layout.structure(end, "FLAC APPLICATION")
    elif identifier == b"riff":
        riff.walk_chunk(layout, end)
    elif identifier == b"aiff":
        aiff.walk_chunk(layout, end)
    layout.unexplained(end, f"FLAC APPLICATION {identifier.decode('latin-1')}")


def _walk_seek_table(layout: Layout, end: int) -> None:
    """Seek points rise; placeholders are empty."""
    previous, previous_offset, at = -1, -1, layout.at
    while at + 18 <= end:
        sample, offset, _ = struct.unpack_from(">QQH", layout.data, at)
        if sample == 0xFFFFFFFFFFFFFFFF:
            if offset:
                break
        elif sample <= previous or offset < previous_offset:
            break
        else:
            previous, previous_offset = sample, offset
        at += 18
    layout.mark(end, SpanKind.STRUCTURE if at == end else SpanKind.UNEXPLAINED, "FLAC SEEKTABLE")


def _walk_cue_sheet(layout: Layout, end: int) -> None:
    """Track and index points; most of the block is reserved zeros."""
    data, at = layout.data, layout.at
    at += 396
    for _ in range(data[at - 1] if at <= end else 0):
        if at + 36 > end:
            break
        indexes = data[at + 35]
        at += 36 + 12 * indexes
    reserved = data[layout.at + 137 : layout.at + 395]
    catalogue = data[layout.at : layout.at + 128].rstrip(b"\0")
    layout.tag_if(at <= end and not reserved.strip(b"\0") and catalogue.isascii(), min(at, end), "FLAC CUESHEET")
    layout.padding(end, "FLAC CUESHEET")


@dataclass(frozen=True)
class FrameHeader:
    """A frame header with a true CRC-8."""

    start: int
    body: int  # where the first subframe begins
    block: int  # samples a channel
    longest: int  # most bytes that such a frame can have


def _walk_frames(layout: Layout, info: _StreamInfo | None, end: int) -> None:
    """Mark frames: from one true header to the next, with the CRC-16 of what lies between being 0."""
    headers = _headers(layout, info, end)
    if not headers:
        if end - layout.at < 16:
            layout.lie("container.truncated", "the file ends before its first frame")
            layout.sound(end, "FLAC frames")
        return
    layout.unexplained(headers[0].start, "before the first FLAC frame")
    places = np.array([*(header.start for header in headers), end], np.int64)
    sums = FrameSums(layout.data[:end])
    remainders = sums.normalised(places)
    looked_into = 0
    current = 0
    while current < len(headers):
        header = headers[current]
        after = next_boundary(places, remainders, current, header.start + header.longest)
        if after is None:
            looked_into += 1
            after = current + 1
            known = sums if looked_into <= MOST_ODD_FRAMES else None
            _walk_odd_frame(layout, info, header, int(places[after]), known, is_last=after == len(headers))
        else:
            layout.sound(int(places[after]), "FLAC frames")
        current = after


def next_boundary(places: NDArray[np.int64], remainders: NDArray[np.uint16], current: int, limit: int) -> int | None:
    """The next place to which the stretch from the current one has a true CRC-16, not behind `limit`."""
    for after in range(current + 1, min(len(places), current + 64)):
        if places[after] > limit:
            return None
        if remainders[after] == remainders[current]:
            return after
    return None


def _walk_odd_frame(
    layout: Layout,
    info: _StreamInfo | None,
    header: FrameHeader,
    following: int,
    sums: FrameSums | None,
    is_last: bool,
) -> None:
    """Mark a frame that does not reach to the next header: cut short, damaged, or with something behind it."""
    finish: int | None = -1
    if sums is not None:
        limit = min(following, header.start + header.longest)
        try:
            finish = frame_end(layout.data, header.start, header.body, header.block, info.bits if info else 16, limit)
        except FrameError:
            finish = -1
    if finish is None and following - header.start < header.longest:
        layout.lie("container.truncated", "the last frame is cut short")
        layout.sound(following, "FLAC frames")
        return
    if sums is not None and finish is not None and finish > 0:
        first, last = sums.normalised(np.array([header.start, finish], np.int64))
        if first == last:
            layout.sound(finish, "FLAC frames")
            _mark_gap(layout, following, is_last=is_last)
            return
    layout.lie("container.crc", f"the FLAC frame at byte {header.start} does not match its checksum")
    layout.unexplained(following, "FLAC frame, damaged")


def _mark_gap(layout: Layout, following: int, is_last: bool) -> None:
    """Mark what lies behind a frame that is whole."""
    length = following - layout.at
    if is_last and length < STRAY:
        layout.structure(following, "stray bytes behind the end")
    elif is_last and not any(layout.data[layout.at : following]):
        layout.padding(following, "zeros behind the end")
    elif is_last:
        layout.unexplained(following, "behind the end")
        layout.lie("container.trailing_bytes", f"{length} bytes behind the last frame")
    else:
        layout.padding(following, "between FLAC frames")
        layout.lie("container.damaged", f"{length} bytes between FLAC frames")


def _headers(layout: Layout, info: _StreamInfo | None, end: int) -> list[FrameHeader]:
    told = (info.channels, info.bits) if info else ()
    headers, is_all = find_headers(layout.data, layout.at, end, *told)
    if not is_all:
        layout.lie("container.too_many_parts", f"more than {MOST_FRAMES} frames")
    return headers


def find_headers(
    data: bytes, start: int, end: int, channels: int | None = None, bits: int = 32
) -> tuple[list[FrameHeader], bool]:
    """Find frame headers with a true CRC-8, in file order; a few of them are so by chance.

    Parameters
    ----------
    data, start, end
        Where to look.
    channels
        How many a header must say; None = any number.
    bits
        A sample, by which a frame's longest length is reckoned.

    Returns
    -------
    headers, is_all
        The headers, and False where there are more than `MOST_FRAMES` places to look at.
    """
    headers: list[FrameHeader] = []
    for looked_at, match in enumerate(_HEADER.finditer(data, start, end)):
        if looked_at >= MOST_FRAMES:
            return headers, False
        at, header_end = match.span()
        block_code, rate_code = data[at + 2] >> 4, data[at + 2] & 15
        extra = {6: 1, 7: 2}.get(block_code, 0)
        block_field = data[header_end : header_end + extra]
        header_end += extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
        if header_end >= end or flac_crc8(data[at:header_end]) != data[header_end]:
            continue
        block = _BLOCK_SIZES.get(block_code) or int.from_bytes(block_field, "big") + 1
        found = data[at + 3] >> 4
        found = found + 1 if found < 8 else 2
        if channels is None or found == channels:
            longest = 32 + found * (8 + block * (bits + 1) // 8 + 8)
            headers.append(FrameHeader(at, header_end + 1, block, longest))
    return headers, True
