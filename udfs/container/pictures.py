"""Walk a cover picture to its last byte: JPEG, PNG, GIF, WebP, BMP.

A picture counts only when its own structure leads to an end and everything on the way is what pictures hold; what
lies behind that end is not the picture's.
"""

from __future__ import annotations

import re
import struct
import zlib

from udfs.container.noise import holds_program, is_noise

MAX_PIXEL_BYTES = 256 << 20  # inflated size of the largest PNG that is believed
MOST_BLOCKS = 500_000  # segments of a JPEG, blocks of a GIF: more than the largest have

_JPEG_SEGMENT = re.compile(rb"\xff++[^\x00\xd0-\xd7]")
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_APPLICATION = (
    b"JFIF", b"JFXX", b"Exif\0", b"http://ns.adobe.com/", b"ICC_PROFILE\0", b"MPF\0", b"Photoshop 3.0", b"Adobe",
    b"Ducky", b"XMP", b"AVI1", b"FPXR", b"PIC\0", b"META", b"CIFF", b"JPS", b"NITF", b"HDR", b"urn:iso:",
)  # fmt: skip
_PNG_CHUNKS = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"tEXt", b"zTXt", b"iTXt",
    b"bKGD", b"pHYs", b"sBIT", b"sPLT", b"hIST", b"tIME", b"eXIf", b"acTL", b"fcTL", b"fdAT", b"oFFs", b"pCAL",
    b"sCAL", b"sTER", b"vpAg", b"orNT", b"iDOT", b"cICP", b"mDCV", b"cLLI", b"caNv",
}  # fmt: skip
_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}
_PRINTABLE = bytes([9, 10, 13, *range(32, 127)])
_MANY_LETTERS = 20  # different ones; a flat picture in printable colours has fewer
_SMALL = 1024  # bytes of an odd comment or application segment that are let be


def picture_end(data: bytes, start: int, end: int) -> int | None:
    """Where the picture that begins at `start` ends (at most `end`), or None when there is none that parses."""
    head = data[start : start + 12]
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg_end(data, start, end)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_end(data, start, end)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return _gif_end(data, start, end)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp_end(data, start, end)
    if head[:2] == b"BM":
        return _bmp_end(data, start, end)
    return None


def _jpeg_end(data: bytes, start: int, end: int) -> int | None:
    at, frames, scans = start + 2, 0, 0
    for _ in range(MOST_BLOCKS):
        match = _JPEG_SEGMENT.match(data, at, end)
        if match is None:
            return None
        at = match.end()
        marker = data[at - 1]
        if marker == 0xD9:
            return at if frames and scans else None
        if at + 2 > end:
            return None
        length = int.from_bytes(data[at : at + 2], "big")
        body = data[at + 2 : at + length]
        if length < 2 or at + length > end:
            return None
        if 0xE0 <= marker <= 0xEF and length > _SMALL and not body.startswith(_JPEG_APPLICATION):
            return None
        if marker == 0xFE and length > _SMALL and not body.rstrip(b"\0").isascii():
            return None
        frames += 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        at += length
        if marker == 0xDA:
            scans += 1
            match = _JPEG_MARKER.search(data, at, end)  # behind the entropy-coded bytes
            if match is None:
                return None
            at = match.start()
    return None


def _png_end(data: bytes, start: int, end: int) -> int | None:
    at, pixels, expected = start + 8, None, 0
    while at + 12 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        after = at + 12 + length
        if after > end or kind not in _PNG_CHUNKS:
            return None
        if zlib.crc32(data[at + 4 : after - 4]) != int.from_bytes(data[after - 4 : after], "big"):
            return None
        body = data[at + 8 : after - 4]
        if kind == b"IHDR" and length == 13:
            expected = _png_pixel_bytes(body)
            pixels = zlib.decompressobj()
        elif kind == b"IDAT":
            if pixels is None or not 0 < expected <= MAX_PIXEL_BYTES:
                return None
            try:
                expected -= len(pixels.decompress(body, expected + 1))
            except zlib.error:
                return None
            if expected < 0 or pixels.unused_data or pixels.unconsumed_tail:
                return None
        elif kind == b"IEND":
            return after if pixels is not None and pixels.eof else None
        at = after
    return None


def _png_pixel_bytes(header: bytes) -> int:
    """Most bytes that the image data inflates to, filter bytes included (interlacing adds some)."""
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    row = (width * samples * depth + 7) // 8 + 1
    return int(row * height + (2 * (width + height) * 8 + 64 if interlace else 0))


def _gif_end(data: bytes, start: int, end: int) -> int | None:
    if start + 13 > end:
        return None
    flags = data[start + 10]
    at, images = start + 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0), 0
    blocks = 0
    while at < end and blocks < MOST_BLOCKS:
        block = data[at]
        if block == 0x3B:
            return at + 1 if images else None
        if block == 0x2C and at + 11 <= end:
            flags = data[at + 9]
            at += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
            images += 1
        elif block == 0x21 and at + 2 <= end:
            if data[at + 1] not in (0x01, 0xF9, 0xFE, 0xFF):
                return None
            at += 2
        else:
            return None
        while at < end and data[at]:  # sub-blocks, each with its length before it
            at += data[at] + 1
            blocks += 1
        at += 1
        blocks += 1
    return None


def _webp_end(data: bytes, start: int, end: int) -> int | None:
    size = int.from_bytes(data[start + 4 : start + 8], "little") + 8
    if start + size > end or size < 20:
        return None
    at, finish = start + 12, start + size
    while at + 8 <= finish:
        kind, length = struct.unpack_from("<4sI", data, at)
        if kind not in _WEBP_CHUNKS:
            return None
        at += 8 + length + (length & 1)
    return finish if at in (finish, finish + 1) else None


def _bmp_end(data: bytes, start: int, end: int) -> int | None:
    if start + 54 > end:
        return None
    size, _, offset, header, width, height, planes, bits, coding = struct.unpack_from("<IIIIiiHHI", data, start + 2)
    if planes != 1 or bits not in (1, 4, 8, 16, 24, 32) or coding not in (0, 3) or header not in (40, 52, 56, 108, 124):
        return None
    pixels = (width * bits + 31) // 32 * 4 * abs(height)
    colours = offset - 14 - header
    if width <= 0 or not 0 <= colours <= 1024 + 16 or size not in (offset + pixels, offset + pixels + 2, 0):
        return None
    finish = start + offset + pixels
    return finish if finish <= end and _are_pixels(data[start + offset : finish]) else None


def _are_pixels(rows: bytes) -> bool:
    """Whether uncompressed rows can be a picture's: any bytes at all would parse as such."""
    is_text = len(rows.translate(None, _PRINTABLE)) < 0.01 * len(rows) and len(set(rows)) >= _MANY_LETTERS
    return not holds_program(rows) and not is_noise(rows) and not is_text


def is_bitmap(data: bytes) -> bool:
    """Whether bytes are a whole bitmap without its file header, as the clipboard holds one."""
    if len(data) < 40:
        return False
    header, bits, colours = struct.unpack_from("<I10xH16xI", data)
    palette = 4 * (colours or (1 << bits if bits <= 8 else 0))
    offset = 14 + header + palette
    if palette > 1024 or header > 124:
        return False
    whole = b"BM" + struct.pack("<IHHI", 0, 0, 0, offset) + data
    return _bmp_end(whole, 0, len(whole)) == len(whole)
