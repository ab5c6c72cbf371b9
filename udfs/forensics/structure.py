"""Find files inside bytes: magic numbers at any offset, each checked for the structure that must follow.

A magic number of two to four bytes turns up by chance in any megabyte of samples, so every short one has a check of
the fields behind it; those of eight bytes and more stand alone (one chance hit in 10^19 offsets).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

GZIP_PIECE = 512  # bytes inflated at a time: what was made before an error says that it was one until there
MAX_HITS_CHECKED = 64  # a long run of "MZMZMZ" must not cost more than a few checks


@dataclass(frozen=True, slots=True)
class Found:
    """A file of `kind` from `start` to `end` (exclusive) of the bytes that were searched."""

    kind: str
    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


Check = Callable[[bytes, int], int | None]
"""(data, offset of the magic) -> offset where the file ends, or None where the structure is not there."""


def _u16(data: bytes, at: int, big: bool = False) -> int:
    return int.from_bytes(data[at : at + 2], "big" if big else "little")


def _u32(data: bytes, at: int, big: bool = False) -> int:
    return int.from_bytes(data[at : at + 4], "big" if big else "little")


def _to_end(data: bytes, start: int) -> int | None:
    """End of a format that does not say its length: the end of the bytes, less the zeros that pad them."""
    end = len(data)
    while end > start and not any(data[max(start, end - 4096) : end]):
        end = max(start, end - 4096)
    return start + len(data[start:end].rstrip(b"\0"))


def _elf(data: bytes, start: int) -> int | None:
    header = data[start : start + 64]
    if len(header) < 52 or header[4] not in (1, 2) or header[5] not in (1, 2) or header[6] != 1:
        return None
    wide, order = header[4] == 2, ">" if header[5] == 2 else "<"
    kind, _, version = struct.unpack_from(order + "HHI", header, 16)
    if not 1 <= kind <= 4 or version != 1 or (wide and len(header) < 64):
        return None
    section_offset = struct.unpack_from(order + ("Q" if wide else "I"), header, 40 if wide else 32)[0]
    size_at = 58 if wide else 46
    entry, count = struct.unpack_from(order + "HH", header, size_at)
    end = start + section_offset + entry * count
    return int(end) if section_offset and start < end <= len(data) else _to_end(data, start)


def _pe(data: bytes, start: int) -> int | None:
    pe = start + _u32(data, start + 0x3C)
    if not start + 4 <= pe <= start + 4096 or data[pe : pe + 4] != b"PE\0\0":
        return None
    sections, optional = _u16(data, pe + 6), _u16(data, pe + 20)
    end = pe + 24
    for i in range(min(sections, 96)):
        entry = pe + 24 + optional + 40 * i
        size, offset = _u32(data, entry + 16), _u32(data, entry + 20)
        if size:
            end = max(end, start + offset + size)
    return end if end <= len(data) else _to_end(data, start)


def _zip(data: bytes, start: int) -> int | None:
    version, _, method = struct.unpack_from("<HHH", data.ljust(start + 30, b"\0"), start + 4)
    name_length = _u16(data, start + 26)
    name = data[start + 30 : start + 30 + name_length]
    methods = (0, 8, 9, 12, 14, 93, 95, 98, 99)
    if (version & 0xFF) > 63 or method not in methods or not 0 < name_length <= 512 or len(name) < name_length:
        return None
    if any(byte < 32 for byte in name):
        return None
    return _zip_end(data, start) or _to_end(data, start)


def _zip_end(data: bytes, start: int) -> int | None:
    """End of the archive by its end-of-central-directory record, the first one whose offsets fit `start`."""
    at = data.find(b"PK\x05\x06", start)
    while at >= 0:
        size, offset, comment = struct.unpack_from("<IIH", data.ljust(at + 22, b"\0"), at + 12)
        if start + offset + size == at and data[start + offset : start + offset + 4] in (b"PK\x01\x02", b"PK\x05\x06"):
            return min(at + 22 + int(comment), len(data))
        at = data.find(b"PK\x05\x06", at + 4)
    return None


def _zip_directory(data: bytes, start: int) -> int | None:
    """A central directory entry that its archive's end record follows: ZIP readers start from here."""
    end = data.find(b"PK\x05\x06", start, start + (1 << 20))
    if end < 0 or _u16(data, start + 28) > 512 or _u32(data, end + 12) > end:
        return None
    return end + 22 if end - _u32(data, end + 12) == start else None


def _gzip(data: bytes, start: int) -> int | None:
    if data[start + 3 : start + 4] > b"\x1f":
        return None
    stream, made, at = zlib.decompressobj(31), 0, start
    try:
        while at < len(data) and not stream.eof:
            piece = data[at : at + GZIP_PIECE]
            made += len(stream.decompress(piece, 1 << 22))
            at += len(piece)
            if stream.unconsumed_tail:
                return _to_end(data, start)
    except zlib.error:
        return _to_end(data, start) if made >= 1024 else None
    return at - len(stream.unused_data) if made >= 16 else None


def _zlib(data: bytes, start: int) -> int | None:
    if start:
        return None  # the two bytes say too little to look for at any offset
    stream = zlib.decompressobj()
    try:
        made = len(stream.decompress(data[:65536], 1 << 22))
    except zlib.error:
        return None
    return _to_end(data, start) if made >= 64 else None


def _png(data: bytes, start: int) -> int | None:
    end = data.find(b"IEND\xaeB`\x82", start)
    return end + 8 if end >= 0 else _to_end(data, start)


def _jpeg(data: bytes, start: int) -> int | None:
    at, markers = start + 2, 0
    while data[at : at + 1] == b"\xff" and markers < 64:
        marker, length = data[at + 1] if at + 1 < len(data) else 0, _u16(data, at + 2, big=True)
        if marker < 0xC0 or length < 2:
            return None
        markers, at = markers + 1, at + 2 + length
        if marker == 0xDA:
            end = data.find(b"\xff\xd9", at)
            return (end + 2 if end >= 0 else _to_end(data, start)) if markers >= 4 else None
    return None


def _pdf(data: bytes, start: int) -> int | None:
    if not re.match(rb"%PDF-[12]\.\d", data[start : start + 8]):
        return None
    end = data.rfind(b"%%EOF", start)
    if end >= 0:
        return end + 5
    # One cut short still shows an object at once. Under this text as a XOR key, the zeros of a program show the header.
    return _to_end(data, start) if b" obj" in data[start : start + 65536] else None


def _tar(data: bytes, start: int) -> int | None:
    header = data[start - 257 : start + 255]
    if start < 257 or len(header) < 512:
        return None
    try:
        claimed = int(header[148:156].split(b"\0")[0].strip() or b"x", 8)
    except ValueError:
        return None
    return _to_end(data, start) if sum(header) - sum(header[148:156]) + 8 * 32 == claimed else None


def _java(data: bytes, start: int) -> int | None:
    major, constants = _u16(data, start + 6, big=True), _u16(data, start + 8, big=True)
    tag = data[start + 10 : start + 11]
    return _to_end(data, start) if 45 <= major <= 80 and constants > 4 and b"\1" <= tag <= b"\x14" else None


def _macho(data: bytes, start: int) -> int | None:
    cpu, kind, commands = _u32(data, start + 4), _u32(data, start + 12), _u32(data, start + 16)
    known = (cpu & 0x00FFFFFF) in (7, 12, 18) and 1 <= kind <= 12 and 0 < commands < 512
    return _to_end(data, start) if known else None


def _bzip2(data: bytes, start: int) -> int | None:
    return _to_end(data, start) if re.match(rb"BZh[1-9]1AY&SY", data[start : start + 10]) else None


def _only_at_start(data: bytes, start: int) -> int | None:
    return None if start else _to_end(data, start)


def _sized_gif(data: bytes, start: int) -> int | None:
    return _to_end(data, start) if data[start + 3 : start + 6] in (b"87a", b"89a") else None


def _bitmap(data: bytes, start: int) -> int | None:
    if len(data) < start + 30 or _u32(data, start + 6) or _u16(data, start + 26) != 1:
        return None
    size, pixels, header = (_u32(data, start + at) for at in (2, 10, 14))
    depth = _u16(data, start + 28)
    known = header in (40, 52, 56, 64, 108, 124) and depth in (1, 4, 8, 16, 24, 32)
    return min(start + size, len(data)) if known and 14 + header <= pixels < size else None


MAGICS: tuple[tuple[bytes, str, Check], ...] = (
    (b"\x7fELF", "elf", _elf),
    (b"MZ", "pe", _pe),
    (b"PK\x03\x04", "zip", _zip),
    (b"PK\x01\x02", "zip", _zip_directory),
    (b"%PDF-", "pdf", _pdf),
    (b"\x1f\x8b\x08", "gzip", _gzip),
    (b"x\x9c", "zlib", _zlib),
    (b"x\xda", "zlib", _zlib),
    (b"BZh", "bzip2", _bzip2),
    (b"\xfd7zXZ\0", "xz", _to_end),
    (b"7z\xbc\xaf\x27\x1c", "7z", _to_end),
    (b"Rar!\x1a\x07", "rar", _to_end),
    (b"\x28\xb5\x2f\xfd", "zstd", _only_at_start),
    (b"\x04\x22\x4d\x18", "lz4", _only_at_start),
    (b"\x89PNG\r\n\x1a\n", "png", _png),
    (b"\xff\xd8\xff", "jpeg", _jpeg),
    (b"GIF8", "gif", _sized_gif),
    (b"BM", "bmp", _bitmap),
    (b"SQLite format 3\0", "sqlite", _to_end),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole", _to_end),
    (b"\xca\xfe\xba\xbe\0\0", "java", _java),
    (b"\xcf\xfa\xed\xfe", "macho", _macho),
    (b"\xce\xfa\xed\xfe", "macho", _macho),
    (b"dex\n03", "dex", _to_end),
    (b"\0asm\1\0\0\0", "wasm", _to_end),
    (b"!<arch>\n", "ar", _to_end),
    (b"\xed\xab\xee\xdb\3\0", "rpm", _to_end),
    (b"ustar", "tar", _tar),
    (b"MSCF\0\0\0\0", "cab", _to_end),
    (b"Salted__", "encrypted", _to_end),
    (b"LUKS\xba\xbe", "encrypted", _to_end),
    (b"age-encryption.org/v", "encrypted", _to_end),
    (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "keepass", _to_end),
    (b"PACK\0\0\0\2", "git-pack", _to_end),
    (b"-----BEGIN ", "pem", _to_end),
    (b"{\\rtf1", "rtf", _to_end),
    (b"%!PS-Adobe", "postscript", _to_end),
    (b"#!/bin/", "script", _to_end),
    (b"#!/usr/bin", "script", _to_end),
    (b"<?php", "script", _to_end),
    (b"<script", "html", _to_end),
    (b"<!DOCTYPE html", "html", _to_end),
    (b"<!doctype html", "html", _to_end),
    (b"<html", "html", _to_end),
)


def _checked(data: bytes, magic: bytes, check: Check) -> Iterator[tuple[int, int]]:
    at = data.find(magic)
    for _ in range(MAX_HITS_CHECKED):
        if at < 0:
            return
        end = check(data, at)
        if end is not None and end > at:
            yield at, end
            at = data.find(magic, end)
        else:
            at = data.find(magic, at + 1)


def begins_file(data: bytes) -> bool:
    """Whether a file begins where `data` does."""
    return any(data.startswith(magic) and check(data, 0) for magic, _, check in MAGICS)


def find_structures(data: bytes) -> list[Found]:
    """All files found inside `data`, by offset; those that lie inside an earlier one are left out."""
    hits = [Found(kind, start, end) for magic, kind, check in MAGICS for start, end in _checked(data, magic, check)]
    outermost: list[Found] = []
    for found in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if not outermost or found.start >= outermost[-1].end:
            outermost.append(found)
    return outermost
