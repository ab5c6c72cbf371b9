"""MP3s that libsndfile would cut short: of changing bit rate, and without a frame that says how many follow.

It takes the first frame's bit rate for that of all, and stops where the sound would end by that: after half of it, or
less, of a file that begins quietly. What it leaves out would be judged by nobody.
"""

from __future__ import annotations

import os
from typing import IO

from udfs.container import id3
from udfs.container.frame_chain import find_chain
from udfs.container.mpeg_audio import FRAMES

PIECE = 32 << 10  # bytes, some hundred frames
PIECES = 8  # looked at, evenly over the file: what begins with silence has one bit rate for long
TAG_HEAD = 10
COUNTS = (b"Xing", b"Info", b"VBRI")  # LAME, Fraunhofer: at 4 + 9..32 and at 36 of the first frame
COUNT_WITHIN = 44


def is_cut_short(source: IO[bytes]) -> bool:
    """Whether a seekable file is an MP3 of changing bit rate that tells no count of its frames; left at its start."""
    try:
        return _is_cut_short(source)
    finally:
        source.seek(0, os.SEEK_END)  # so that the next seek moves the descriptor as well, which libsndfile reads
        source.seek(0)


def _is_cut_short(source: IO[bytes]) -> bool:
    size = source.seek(0, os.SEEK_END)
    begins = id3.tag_length(_read(source, 0, TAG_HEAD), 0)
    if not FRAMES.header.match(_read(source, begins, 4)):  # most files are none, and cost no more than this look
        return False
    head = _read(source, begins, PIECE)
    if find_chain(head, FRAMES, 0) != 0 or 4 - (head[1] >> 1 & 3) != 3:
        return False
    if any(word in head[:COUNT_WITHIN] for word in COUNTS):
        return False
    step = max(PIECE, (size - begins) // PIECES)
    rates: set[int] = set()
    for at in range(begins, size, step):
        rates |= _bit_rates(_read(source, at, PIECE), head[:4])
    return len(rates) > 1


def _bit_rates(piece: bytes, first: bytes) -> set[int]:
    """Give the bit rates' codes in a chain of frames of the same stream as the first one."""
    found: set[int] = set()
    data = first + piece
    at = find_chain(piece, FRAMES, 0) + len(first)
    while at >= len(first) and FRAMES.same_stream(data, 0, at):
        found.add(data[at + 2] >> 4)
        length = FRAMES.length(data, at)
        at += length
        if not length or at + 4 > len(data) or data[at] != 0xFF:
            break
    return found


def _read(source: IO[bytes], at: int, length: int) -> bytes:
    source.seek(at)
    return source.read(length)
