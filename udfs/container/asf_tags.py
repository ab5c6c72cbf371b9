"""Texts, attributes and pictures of ASF's header."""

from __future__ import annotations

import struct

from udfs.container.id3 import mark_picture
from udfs.container.layout import Layout
from udfs.container.text import is_text

_TEXT, _BYTES = 0, 1
_NUMBER_LENGTHS = {2: 4, 3: 4, 4: 8, 5: 2}  # of the other types of value, at most
_MOST_BYTES = 8192  # of values that are bytes and no picture: identifiers, tables of contents
_MOST_ATTRIBUTES = 4096
_LONGEST_NAME = 2048
_PICTURE = "WM/Picture".encode("utf-16-le")


def walk_description(layout: Layout, end: int) -> None:
    """Five lengths and five texts: title, author, copyright, description, rating."""
    if layout.at + 10 > end:
        return
    lengths = struct.unpack_from("<5H", layout.data, layout.at)
    layout.structure(layout.at + 10, "ASF description")
    for length in lengths:
        if layout.at + length > end:
            return
        _mark_text(layout, layout.at + length, "ASF description")


def walk_extended(layout: Layout, end: int) -> None:
    """Names and values, each with its type."""
    for _ in range(_count(layout, end)):
        at, data = layout.at, layout.data
        value = at + 6 + int.from_bytes(data[at : at + 2], "little")
        if value > end or value - at > _LONGEST_NAME:
            return
        kind, length = struct.unpack_from("<HH", data, value - 4)
        if value + length > end:
            return
        name = data[at + 2 : value - 4]
        layout.tag_if(is_text(name, "utf-16"), value, "ASF attribute")
        _mark_value(layout, value + length, name, kind)


def walk_library(layout: Layout, end: int) -> None:
    """The same with languages and streams, in another order."""
    for _ in range(_count(layout, end)):
        at, data = layout.at, layout.data
        if at + 12 > end:
            return
        name_length, kind, length = struct.unpack_from("<HHI", data, at + 4)
        value = at + 12 + name_length
        if value + length > end or name_length > _LONGEST_NAME:
            return
        name = data[at + 12 : value]
        layout.tag_if(is_text(name, "utf-16"), value, "ASF attribute")
        _mark_value(layout, value + length, name, kind)


def walk_codecs(layout: Layout, end: int) -> None:
    """What the codecs call themselves."""
    data = layout.data
    count = int.from_bytes(data[layout.at + 16 : layout.at + 20], "little")
    layout.structure(min(layout.at + 20, end), "ASF codecs")
    for _ in range(min(count, 64)):
        layout.structure(min(layout.at + 2, end), "ASF codecs")
        for _ in range(2):  # name and description, their lengths in characters
            finish = layout.at + 2 + 2 * int.from_bytes(data[layout.at : layout.at + 2], "little")
            if finish > end:
                return
            layout.structure(layout.at + 2, "ASF codecs")
            _mark_text(layout, finish, "ASF codecs")
        length = int.from_bytes(data[layout.at : layout.at + 2], "little")
        if layout.at + 2 + length > end or length > 64:
            return
        layout.structure(layout.at + 2 + length, "ASF codecs")


def _count(layout: Layout, end: int) -> int:
    count = int.from_bytes(layout.data[layout.at : layout.at + 2], "little") if layout.at + 2 <= end else 0
    layout.structure(min(layout.at + 2, end), "ASF attributes")
    return min(count, _MOST_ATTRIBUTES)


def _mark_text(layout: Layout, end: int, label: str) -> None:
    layout.tag_if(is_text(layout.data[layout.at : end], "utf-16"), end, label)


def _mark_value(layout: Layout, end: int, name: bytes, kind: int) -> None:
    label = f"ASF {name[:64].decode('utf-16-le', 'replace').rstrip(chr(0))}"
    if kind == _TEXT:
        _mark_text(layout, end, label)
    elif kind == _BYTES and name.startswith(_PICTURE):
        _mark_picture(layout, end, label)
    elif kind == _BYTES:
        layout.numbers(end, "ASF bytes", _MOST_BYTES)
    else:
        layout.tag_if(end - layout.at <= _NUMBER_LENGTHS.get(kind, -1), end, label)


def _mark_picture(layout: Layout, end: int, label: str) -> None:
    """A kind, a size, two texts that end with a zero, and the picture."""
    data, at = layout.data, layout.at + 5
    for _ in range(2):
        while at + 2 <= min(end, layout.at + _LONGEST_NAME) and data[at : at + 2] != b"\0\0":
            at += 2
        at += 2
    if at > end or not is_text(data[layout.at + 5 : at].replace(b"\0\0", b"\n\0"), "utf-16"):
        layout.unexplained(end, label)
        return
    mark_picture(layout, at, end, label)
