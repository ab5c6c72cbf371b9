"""Matroska and WebM: EBML elements, blocks by their track, tags and attachments."""

from __future__ import annotations

from dataclasses import dataclass, field

from udfs.container.id3 import mark_picture
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport, SpanKind
from udfs.container.text import is_text

EBML = 0x1A45DFA3
SEGMENT, CLUSTER, BLOCK_GROUP = 0x18538067, 0x1F43B675, 0xA0
SIMPLE_BLOCK, BLOCK = 0xA3, 0xA1
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE, CODEC = 0xAE, 0xD7, 0x83, 0x86
ATTACHED_DATA, VOID, CRC = 0x465C, 0xEC, 0xBF
MASTERS = {
    EBML, SEGMENT, CLUSTER, BLOCK_GROUP, TRACK_ENTRY,
    0x114D9B74, 0x4DBB,  # SeekHead, Seek
    0x1549A966, 0x1654AE6B, 0xE0, 0xE1, 0x6D80, 0x6240, 0x5034, 0x5035,  # Info, Tracks, Video, Audio, encodings
    0x1C53BB6B, 0xBB, 0xB7,  # Cues
    0x1941A469, 0x61A7,  # Attachments
    0x1043A770, 0x45B9, 0xB6, 0x80, 0x8F,  # Chapters
    0x1254C367, 0x7373, 0x63C0, 0x67C8, 0x55B0, 0x75A1, 0xA6, 0x41E4,  # Tags, colour, additions
}  # fmt: skip
TEXTS = {0x4487, 0x45A3, 0x447A, 0x447B, 0x7BA9, 0x4D80, 0x5741, 0x4660, 0x466E, 0x467E, 0x85, 0x536E, CODEC, 0x258688}
PRIVATE, BINARY_TAG = 0x63A2, 0x4485
LONGEST = {PRIVATE: 1 << 20, 0x73A4: 16, 0x53AB: 8}  # codec setup, identifiers
DEEPEST = 8


@dataclass
class _Walk:
    layout: Layout
    kinds: dict[int, SpanKind] = field(default_factory=dict)  # by track number
    codec: str = ""
    number: int = 0  # of the track that is being described


def walk_matroska(layout: Layout) -> ContainerReport:
    """Account for every byte of a Matroska or WebM file that begins at `layout.at`."""
    walk = _Walk(layout)
    _walk_elements(walk, layout.size, 0)
    return layout.report("matroska", walk.codec)


def read_number(data: bytes, at: int, end: int, keep_marker: bool) -> tuple[int, int] | None:
    """A variable-length number as (value, length); -1 is the size that is not known."""
    if at >= end or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    if at + length > end:
        return None
    value = int.from_bytes(data[at : at + length], "big")
    if keep_marker:
        return value, length
    value &= (1 << 7 * length) - 1
    return (-1 if value == (1 << 7 * length) - 1 else value), length


def _walk_elements(walk: _Walk, end: int, depth: int) -> None:
    """Mark elements one after another up to `end`; stops where none is."""
    layout = walk.layout
    while layout.at < end:
        name = read_number(layout.data, layout.at, end, keep_marker=True)
        size = read_number(layout.data, layout.at + name[1], end, keep_marker=False) if name else None
        if name is None or size is None or (depth == 0 and name[0] not in (EBML, SEGMENT, VOID)):
            return
        content = layout.at + name[1] + size[1]
        finish = content + size[0] if size[0] >= 0 else end
        if finish > end:
            if end != layout.size:
                return
            layout.lie("container.truncated", "the file ends inside an element")
            finish = end
        layout.structure(content, "Matroska")
        _walk_element(walk, name[0], finish, depth)
        layout.unexplained(finish, f"Matroska element {name[0]:#x}")


def _walk_element(walk: _Walk, name: int, end: int, depth: int) -> None:
    layout, data = walk.layout, walk.layout.data
    content = data[layout.at : min(end, layout.at + 256)]
    if name in (TRACK_NUMBER, TRACK_TYPE, CODEC):
        _learn_track(walk, name, content)
    if name in MASTERS and depth < DEEPEST:
        _walk_elements(walk, end, depth + 1)
    elif name in (SIMPLE_BLOCK, BLOCK):
        number = read_number(data, layout.at, end, keep_marker=False)
        kind = walk.kinds.get(number[0] if number else -1, SpanKind.UNEXPLAINED)
        layout.mark(end, kind, "Matroska sound" if kind is SpanKind.SOUND else "Matroska blocks")
    elif name in TEXTS:
        layout.tag_if(is_text(data[layout.at : end]), end, "Matroska text")
    elif name == ATTACHED_DATA:
        mark_picture(layout, layout.at, end, "Matroska attachment")
    elif name == VOID:
        layout.padding(end, "Matroska void")
    elif end - layout.at <= LONGEST.get(name, 16 if name == CRC else 8):
        layout.structure(end, "Matroska")


def _learn_track(walk: _Walk, name: int, content: bytes) -> None:
    """A track's number stands before its type in what every muxer writes."""
    if name == CODEC:
        text = content.decode("latin-1").strip("\0")
        walk.codec = walk.codec or (text[2:].lower().replace("/", "_") if text.startswith("A_") else "")
        return
    value = int.from_bytes(content[:8], "big")
    if name == TRACK_NUMBER:
        walk.number = value
    else:
        if len(walk.kinds) < 256:
            walk.kinds[walk.number] = SpanKind.SOUND if value == 2 else SpanKind.OTHER_STREAM
