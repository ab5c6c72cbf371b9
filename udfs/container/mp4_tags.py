"""An MP4's tags: iTunes' list, user data of phones and cameras, XMP."""

from __future__ import annotations

import re

from udfs.container.layout import Layout
from udfs.container.pictures import picture_end
from udfs.container.spans import SpanKind
from udfs.container.text import decode_picture, is_text

XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
KNOWN_UUIDS = {
    bytes.fromhex("6d1d9b0542d544e680e2141daff757b2"): 64,  # Smooth Streaming: tfxd
    bytes.fromhex("d4807ef2ca3946958e5426cb9e46a79f"): 4096,  # tfrf
    bytes.fromhex("a5d40b30e81411ddba2f0800200c9a66"): 4096,  # live server manifest, XML
    bytes.fromhex("55534d5421d24fceb88a695cfac9c740"): 8192,  # Sony PSP and cameras: USMT
    bytes.fromhex("50524f4621d24fceb88a695cfac9c740"): 1024,  # PROF
}
MOST_BINARY = 64  # bytes of an item that is no text: numbers, encoder settings
USER_BINARY = {  # user data of numbers, with the most bytes that are believed
    b"hinf": 4096, b"hnti": 4096, b"ptv ": 64, b"WLOC": 16, b"LOOP": 16, b"SelO": 16, b"AllF": 16, b"loci": 512,
    b"kywd": 1024, b"yrrc": 16, b"rtng": 256, b"clsf": 256, b"albm": 1024, b"dscp": 4096, b"Xtra": 64 << 10,
b"manu": 256, b"modl": 256, b"SDLN": 64, b"smrd": 64, b"smta": 4096, b"auth": 1024,
    b"titl": 1024, b"gnre": 256, b"perf": 1024, b"cprt": 1024, b"tsel": 256, b"kind": 512, b"strk": 4096, b"ludt": 4096,
    b"FIRM": 64, b"LENS": 64, b"CAME": 64, b"MUID": 64, b"HMMT": 1024, b"date": 64, b"ID32": 256, b"thmb": 0,
}  # fmt: skip
_TEXT_NAME = re.compile(rb"\xa9[\x20-\x7e]{3}")


def _boxes(data: bytes, at: int, end: int) -> tuple[bytes, int, int] | None:
    size = int.from_bytes(data[at : at + 4], "big")
    return (data[at + 4 : at + 8], at + 8, at + size) if at + 8 <= end and 8 <= size <= end - at else None


def walk_user_data(layout: Layout, end: int) -> None:
    """Mark what is in a udta box, up to `end`."""
    data = layout.data
    while (box := _boxes(data, layout.at, end)) is not None:
        name, content, finish = box
        label = f"MP4 udta {name.decode('latin-1')}"
        layout.structure(content, "MP4 udta")
        if name == b"meta":
            walk_meta(layout, finish)
        elif _TEXT_NAME.match(name):
            layout.tag_if(_is_quicktime_text(data[content:finish]), finish, label)
        elif name in (b"name", b"kywd", b"XMP_"):
            layout.tag_if(is_text(data[content:finish].replace(b"\0", b" ")), finish, label)
        elif name == b"chpl":
            _walk_chapters(layout, finish)
        elif name in USER_BINARY:
            layout.numbers(finish, label, USER_BINARY[name])
        elif name in (b"free", b"skip"):
            layout.padding(finish, label)
        layout.unexplained(finish, label)
    layout.padding(end, "MP4 udta")


def _walk_chapters(layout: Layout, end: int) -> None:
    """Nero's chapters: a time of eight bytes and a short text each."""
    data = layout.data
    layout.structure(min(layout.at + (9 if data[layout.at : layout.at + 1] == b"\1" else 5), end), "MP4 udta chpl")
    while layout.at + 9 <= end:
        finish = layout.at + 9 + data[layout.at + 8]
        if finish > end or not is_text(data[layout.at + 9 : finish]):
            break
        layout.tag(finish, "MP4 udta chpl")


def _is_quicktime_text(content: bytes) -> bool:
    """Lengths and language codes of two bytes each before each text, or an iTunes-like data box."""
    if content[4:8] == b"data":
        return is_text(content[16:])
    texts, at = [], 0
    while at + 4 <= len(content):
        length = int.from_bytes(content[at : at + 2], "big")
        texts.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    return all(is_text(text) for text in texts)


def is_handler(content: bytes) -> bool:
    """Whether a hdlr box's content is one: a type, reserved numbers, and a name (in QuickTime behind its length)."""
    return len(content) <= 1024 and has_words_only(content[24:])


def has_words_only(content: bytes) -> bool:
    """Binary boxes mix numbers and texts: no long stretch may look like neither."""
    words = re.sub(rb"[\x00-\x1f]+", b" ", content)
    return is_text(words) and sum(byte >= 0x80 for byte in content) <= max(64, len(content) // 2)


def walk_meta(layout: Layout, end: int) -> None:
    """Mark a meta box's content: a handler, then iTunes' list or keys and values."""
    data = layout.data
    if data[layout.at + 4 : layout.at + 8] != b"hdlr":  # QuickTime's has no version and flags
        layout.structure(min(layout.at + 4, end), "MP4 meta")
    while (box := _boxes(data, layout.at, end)) is not None:
        name, content, finish = box
        layout.structure(content, "MP4 meta")
        if name == b"ilst":
            _walk_list(layout, finish)
        elif name == b"hdlr":
            layout.tag_if(is_handler(data[content:finish]), finish, "MP4 hdlr")
        elif name == b"keys":
            layout.tag_if(is_text(re.sub(rb"[\x00-\x1f]+", b" ", data[content:finish])), finish, "MP4 keys")
        elif name in (b"free", b"skip"):
            layout.padding(finish, "MP4 free")
        elif name == b"ID32" and finish - content <= 256:
            layout.tag(finish, "MP4 ID32")
        elif name == b"xml ":
            layout.tag_if(is_text(data[content + 4 : finish]), finish, "MP4 xml")
        layout.unexplained(finish, f"MP4 meta {name.decode('latin-1')}")
    layout.padding(end, "MP4 meta")


def _walk_list(layout: Layout, end: int) -> None:
    """iTunes' list: items of data boxes; ``----`` items have a domain and a name of their own."""
    data = layout.data
    while (item := _boxes(data, layout.at, end)) is not None:
        name, content, finish = item
        label = f"ilst {name.decode('latin-1')}"
        layout.structure(content, "MP4 ilst")
        while (box := _boxes(data, layout.at, finish)) is not None:
            kind, inner, inner_end = box
            layout.structure(inner, "MP4 ilst")
            if kind == b"data":
                _walk_value(layout, inner_end, name, label)
            elif kind in (b"mean", b"name"):
                layout.tag_if(is_text(data[inner + 4 : inner_end]), inner_end, label)
            layout.unexplained(inner_end, label)
        layout.padding(finish, label)
    layout.padding(end, "MP4 ilst")


def _walk_value(layout: Layout, end: int, name: bytes, label: str) -> None:
    """A data box: its type, a locale, and text, a number or a picture."""
    data = layout.data
    kind = int.from_bytes(data[layout.at + 1 : layout.at + 4], "big")
    layout.structure(min(layout.at + 8, end), label)
    value = data[layout.at : end]
    picture = picture_end(data, layout.at, end)
    if name == b"covr" or kind in (13, 14, 27):
        if picture is None:
            layout.unexplained(end, label)
        else:
            layout.mark(picture, SpanKind.PICTURE, label)
            layout.padding(end, f"{label} behind the picture")
    elif kind == 2:
        layout.tag_if(is_text(value, "utf-16-be"), end, label)
    elif len(value) <= MOST_BINARY:
        layout.tag(end, label)
    else:
        layout.tag_if(is_text(value) or decode_picture(value) is not None, end, label)


def walk_uuid(layout: Layout, end: int) -> None:
    """Mark a uuid box by its identifier."""
    identifier = layout.data[layout.at : layout.at + 16]
    content = layout.data[layout.at + 16 : end]
    layout.structure(min(layout.at + 16, end), "MP4 uuid")
    if identifier == XMP:
        layout.tag_if(is_text(content), end, "MP4 uuid XMP")
    else:
        layout.numbers(end, f"MP4 uuid {identifier.hex()}", KNOWN_UUIDS.get(identifier, -1))
