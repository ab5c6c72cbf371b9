"""Slices of an endless FLAC: frames that each decode by themselves, once STREAMINFO is there."""

from __future__ import annotations

import numpy as np

from streaming.listen.slices import Part, Rest, Slice, goes_on
from udfs.container.crc import FrameSums
from udfs.container.flac import FrameHeader, find_headers, next_boundary

KIND = "flac"
MARK, INFO_BYTES = b"fLaC", 34
INFO_END = len(MARK) + 4 + INFO_BYTES
LONGEST_REST = 1 << 20  # bytes of a frame that does not end
_TOTAL_BITS = 36  # of STREAMINFO's 64 in the middle: rate (20), channels - 1 (3), bits - 1 (5), samples in all


def cut_flac(data: bytes, rest: Rest) -> Slice | None:
    """Cut a slice of an endless FLAC behind its last whole frame; None for whatever else it is.

    What is no frame (other metadata, what is left of a frame behind a gap) is passed over: a frame is what begins with
    a header whose CRC-8 is true and ends where its CRC-16 is (RFC 9639).
    """
    if goes_on(KIND, data, rest):
        data = rest.data + data
        if rest.head:
            return _cut(rest.head, data)
    elif not data.startswith(MARK):
        return None
    if len(data) < INFO_END:
        return Slice((), Rest(KIND, data=data))
    info = data[len(MARK) + 4 : INFO_END]
    cut = _cut(info, data[INFO_END:])
    total = int.from_bytes(info[10:18], "big") & (1 << _TOTAL_BITS) - 1
    is_whole = cut is not None and total and cut.parts and round(cut.parts[0].seconds * _rate(info)) == total
    return None if is_whole else cut  # a file of its own is decoded as it is


def _cut(info: bytes, data: bytes) -> Slice | None:
    rate = _rate(info)
    if not rate:
        return None
    frames, left = _frames(data)
    rest = Rest(KIND, info, left)
    if not frames:
        return Slice((), rest) if len(data) <= LONGEST_REST else None
    total = sum(header.block for header, _ in frames)
    packed = int.from_bytes(info[10:18], "big") >> _TOTAL_BITS << _TOTAL_BITS | total
    told = info[:4] + bytes(6) + packed.to_bytes(8, "big") + bytes(16)  # no frame sizes and no MD5: none is known
    head = MARK + b"\x80" + INFO_BYTES.to_bytes(3, "big") + told
    return Slice((Part(head + b"".join(frame for _, frame in frames), total / rate),), rest)


def _frames(data: bytes) -> tuple[list[tuple[FrameHeader, bytes]], bytes]:
    """Give the whole frames, and what is behind the last of them and may be the beginning of one."""
    headers, _ = find_headers(data, 0, len(data))
    places = np.array([*(header.start for header in headers), len(data)], np.int64)
    remainders = FrameSums(data).normalised(places)
    frames: list[tuple[FrameHeader, bytes]] = []
    current, left = 0, None
    while current < len(headers):
        header = headers[current]
        after = next_boundary(places, remainders, current, header.start + header.longest)
        if after is None:  # the last one, which is cut; or no header but by chance
            left = header.start if left is None else left
            current += 1
        else:
            frames.append((header, data[header.start : int(places[after])]))
            current, left = after, None
    if left is None:
        left = len(data) - 16 if not frames else int(places[current]) if current < len(places) else len(data)
    return frames, data[max(0, left) :]


def _rate(info: bytes) -> int:
    return int.from_bytes(info[10:13], "big") >> 4
