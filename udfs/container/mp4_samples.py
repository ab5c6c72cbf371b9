"""Where an MP4's samples lie: from the tables of a track (stsz, stsc, stco) and from fragments (moof)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST_SAMPLES = 16_000_000  # of a track; two days of AAC have half as many
MOST_CHUNKS = 1_000_000  # of all tracks; a chunk holds half a second or so

_FAR = 1 << 62  # behind any file, and safe to add to

Ranges = tuple[NDArray[np.int64], NDArray[np.int64]]
_NONE: Ranges = (np.empty(0, np.int64), np.empty(0, np.int64))


def chunk_ranges(tables: dict[bytes, bytes], size: int, most: int) -> Ranges:
    """Start and end of each chunk of a track's samples, in table order, those that lie in the file.

    Parameters
    ----------
    tables
        Contents of the boxes stsz or stz2, stsc, and stco or co64, by name.
    size
        Bytes of the file.
    most
        With more chunks than this the track explains nothing.
    """
    offsets = _chunk_offsets(tables)
    counts = _samples_a_chunk(tables.get(b"stsc", b""), len(offsets))
    if not len(offsets) or len(counts) != len(offsets) or len(offsets) > most:
        return _NONE
    total = int(counts.sum())
    if total > MOST_SAMPLES:
        return _NONE
    sizes = _sample_sizes(tables, total)
    if sizes is None:
        return _NONE
    if isinstance(sizes, int):
        lengths = counts * sizes
    else:
        bounds = np.concatenate(([0], np.cumsum(counts)))
        sums = np.concatenate(([0], np.cumsum(sizes)))
        lengths = sums[np.minimum(bounds[1:], len(sizes))] - sums[np.minimum(bounds[:-1], len(sizes))]
    inside = (offsets >= 0) & (offsets < size) & (lengths > 0)
    starts = offsets[inside]
    return starts, np.minimum(starts + lengths[inside], size)


def _chunk_offsets(tables: dict[bytes, bytes]) -> NDArray[np.int64]:
    for name, dtype in ((b"stco", ">u4"), (b"co64", ">u8")):
        body = tables.get(name, b"")
        if len(body) >= 8:
            count = min(int.from_bytes(body[4:8], "big"), (len(body) - 8) // np.dtype(dtype).itemsize)
            offsets = np.frombuffer(body, dtype, count, 8)
            return np.asarray(np.minimum(offsets.astype(np.uint64), np.uint64(_FAR)), np.int64)
    return np.empty(0, np.int64)


def _samples_a_chunk(body: bytes, chunks: int) -> NDArray[np.int64]:
    if len(body) < 20:
        return np.empty(0, np.int64)
    count = min(int.from_bytes(body[4:8], "big"), (len(body) - 8) // 12)
    runs = np.frombuffer(body, ">u4", 3 * count, 8).reshape(-1, 3).astype(np.int64)
    first = np.clip(runs[:, 0] - 1, 0, chunks)
    if not len(first) or first[0] != 0 or np.any(np.diff(first) < 0):
        return np.empty(0, np.int64)
    return np.asarray(np.repeat(runs[:, 1], np.diff(np.append(first, chunks))), np.int64)


def _sample_sizes(tables: dict[bytes, bytes], total: int) -> NDArray[np.int64] | int | None:
    """Each sample's size, one size for all, or None."""
    body = tables.get(b"stsz", b"")
    if len(body) >= 12:
        same, count = struct.unpack_from(">II", body, 4)
        if same:
            return int(same)
        return np.frombuffer(body, ">u4", min(count, (len(body) - 12) // 4), 12).astype(np.int64)
    body = tables.get(b"stz2", b"")
    if len(body) >= 12 and body[7] in (8, 16):
        return np.frombuffer(body, f">u{body[7] // 8}", min(total, (len(body) - 12) * 8 // body[7]), 12).astype(
            np.int64
        )
    return None


@dataclass
class Fragments:
    """Runs of samples in movie fragments: (start, length) by track number."""

    runs: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    defaults: dict[int, int] = field(default_factory=dict)  # trex: sample size by track

    def ranges(self, track: int, size: int) -> Ranges:
        """Start and end of the track's runs that lie in the file."""
        runs = np.array(self.runs.get(track, []), np.int64).reshape(-1, 2)
        inside = (runs[:, 0] >= 0) & (runs[:, 0] < size) & (runs[:, 1] > 0)
        return runs[inside, 0], np.minimum(runs[inside].sum(axis=1), size)

    def read(self, data: bytes, moof: int, at: int, end: int) -> None:
        """Read the traf boxes of one moof, which begins at `moof` and has its content from `at` to `end`."""
        following = moof  # where the next run begins when it does not say
        for name, content, finish in _children(data, at, end):
            if name == b"traf":
                following = self._read_track(data, moof, content, finish, following)

    def _read_track(self, data: bytes, moof: int, at: int, end: int, following: int) -> int:
        track, base, default = 0, moof, 0
        for name, content, finish in _children(data, at, end):
            body = data[content:finish]
            if name == b"tfhd" and len(body) >= 8:
                track, base, default = self._read_header(body, moof)
            elif name == b"trun" and len(body) >= 8:
                start, length = _read_run(body, base, default, following)
                start = min(start, _FAR)
                following = start + length
                self.runs.setdefault(track, []).append((start, length))
        return following

    def _read_header(self, body: bytes, moof: int) -> tuple[int, int, int]:
        flags, track, at = int.from_bytes(body[1:4], "big"), int.from_bytes(body[4:8], "big"), 8
        base, default = moof, self.defaults.get(track, 0)
        if flags & 0x01 and len(body) >= at + 8:
            base = min(int.from_bytes(body[at : at + 8], "big"), _FAR)
            at += 8
        at += 4 * bool(flags & 0x02) + 4 * bool(flags & 0x08)
        if flags & 0x10 and len(body) >= at + 4:
            default = int.from_bytes(body[at : at + 4], "big")
        return track, base, default


def _read_run(body: bytes, base: int, default: int, following: int) -> tuple[int, int]:
    """A trun box's start and length."""
    flags, count, at = int.from_bytes(body[1:4], "big"), int.from_bytes(body[4:8], "big"), 8
    start = following
    if flags & 0x01 and len(body) >= 12:
        start = base + int.from_bytes(body[8:12], "big", signed=True)
        at = 12
    at += 4 * bool(flags & 0x04)
    fields = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]
    if not fields[1]:
        return start, min(count, MOST_SAMPLES) * default
    count = min(count, max(0, len(body) - at) // (4 * sum(fields)))
    if not count:
        return start, 0
    table = np.frombuffer(body, ">u4", count * sum(fields), at).reshape(-1, sum(fields))
    return start, int(table[:, sum(fields[:1])].astype(np.int64).sum())


def _children(data: bytes, at: int, end: int) -> list[tuple[bytes, int, int]]:
    boxes = []
    while at + 8 <= end:
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > end:
            break
        boxes.append((data[at + 4 : at + 8], at + 8, at + size))
        at += size
    return boxes
