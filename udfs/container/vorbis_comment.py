"""Vorbis comments, as FLAC, Vorbis, Opus and Speex carry them, and the pictures in them."""

from __future__ import annotations

import re
import struct

from udfs.container.id3 import mark_picture
from udfs.container.layout import Layout
from udfs.container.spans import SpanKind
from udfs.container.text import decode_base64, decode_picture, is_text

_FIELD = re.compile(rb"([\x20-\x3c\x3e-\x7d]{1,128})=")
LONGEST_FINGERPRINT = 16 << 10  # AcoustID's, in base64; two minutes of sound make some 3 kB


def walk_comments(layout: Layout, end: int) -> None:
    """Mark the comments at `layout.at`, at most to `end`; what follows them is left unmarked."""
    vendor_end = _text_end(layout, layout.at, end)
    if vendor_end is None:
        layout.unexplained(end, "Vorbis comment")
        return
    layout.tag_if(is_text(layout.data[layout.at + 4 : vendor_end]), vendor_end, "Vorbis comment vendor")
    if layout.at + 4 > end:
        return
    (count,) = struct.unpack_from("<I", layout.data, layout.at)
    layout.structure(layout.at + 4, "Vorbis comment")
    for _ in range(count):
        finish = _text_end(layout, layout.at, end)
        if finish is None:
            return
        walk_comment(layout, finish)


def _text_end(layout: Layout, at: int, end: int) -> int | None:
    if at + 4 > end:
        return None
    finish = at + 4 + int.from_bytes(layout.data[at : at + 4], "little")
    return finish if finish <= end else None


def walk_comment(layout: Layout, end: int) -> None:
    """Mark one ``NAME=value`` behind its four bytes of length."""
    comment = layout.data[layout.at + 4 : end]
    match = _FIELD.match(comment)
    if match is None:
        layout.tag_if(len(comment) < 256 and is_text(comment), end, "Vorbis comment")
        return
    name, value = match[1].decode("ascii").upper(), comment[match.end() :]
    label = f"Vorbis comment {name}"
    if name == "METADATA_BLOCK_PICTURE":
        block = decode_base64(value)
        shown = block is not None and is_picture_block(block)
        layout.mark(end, SpanKind.PICTURE if shown else SpanKind.UNEXPLAINED, label)
    elif decode_picture(value) is not None:  # COVERART and its like
        layout.mark(end, SpanKind.PICTURE, label)
    else:
        layout.tag_if(is_text(value) or _is_fingerprint(name, value), end, label)


def _is_fingerprint(name: str, value: bytes) -> bool:
    """AcoustID's fingerprint: base64url of an algorithm number, three bytes of length, and packed bits."""
    if name not in ("ACOUSTID_FINGERPRINT", "ACOUSTID FINGERPRINT") or len(value) > LONGEST_FINGERPRINT:
        return False
    decoded = decode_base64(value.replace(b"-", b"+").replace(b"_", b"/"))
    return (
        decoded is not None
        and len(decoded) > 8
        and decoded[0] <= 4
        and 0 < int.from_bytes(decoded[1:4], "big") < 1 << 16
    )


def is_picture_block(block: bytes) -> bool:
    """Whether a FLAC picture block holds a picture from end to end (or the address of one)."""
    part = Layout(block)
    walk_picture_block(part, part.size)
    return part.size > 0 and all(span.kind is not SpanKind.UNEXPLAINED for span in part.spans)


def walk_picture_block(layout: Layout, end: int) -> None:
    """Mark a FLAC picture block at `layout.at`: kind, MIME type, description, geometry, picture."""
    data, at = layout.data, layout.at
    fields = []
    here = at + 4
    for _ in range(2):
        if here + 4 > end:
            layout.unexplained(end, "FLAC picture")
            return
        length = int.from_bytes(data[here : here + 4], "big")
        fields.append(data[here + 4 : here + 4 + length])
        here += 4 + length
    if here + 20 > end or not all(is_text(text) for text in fields):
        layout.unexplained(end, "FLAC picture")
        return
    length = int.from_bytes(data[here + 16 : here + 20], "big")
    picture, finish = here + 20, min(here + 20 + length, end)
    if fields[0] == b"-->":
        layout.tag_if(is_text(data[picture:finish]), finish, "FLAC picture")
    else:
        mark_picture(layout, picture, finish, "FLAC picture")
    layout.padding(end, "FLAC picture")
