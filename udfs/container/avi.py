"""AVI, OpenDML included: lists of chunks, the streams' own by their numbers, and indexes whose entries are checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from udfs.container import riff, tail
from udfs.container.layout import STRAY, Layout
from udfs.container.spans import ContainerReport, SpanKind
from udfs.container.text import is_text

_STREAM_CHUNK = re.compile(rb"(\d\d)(?:wb|dc|db|pc|tx|sb|iv|AC|__)")
_INDEX_CHUNK = re.compile(rb"ix\d\d|\d\dix")
_HEADERS = {  # chunks of numbers, with the most bytes that a file may have of each
    b"avih": 64, b"strh": 4096, b"strf": 16 << 10, b"dmlh": 256, b"vprp": 4096, b"strd": 4096,
}  # fmt: skip
_FLAGS = 0x0FFF0331  # of an index entry: list, keyframe, no time, parts, and what compressors keep to themselves
_MOST_UNUSED = 1 << 20  # of an index that was made before its entries were known
_RECORD = int.from_bytes(b"rec ", "little")
_TEXTS = {b"strn", b"ISFT", b"IDIT"}
_KINDS = {b"auds": SpanKind.SOUND, b"vids": SpanKind.OTHER_STREAM, b"txts": SpanKind.OTHER_STREAM,
          b"mids": SpanKind.OTHER_STREAM, b"iavs": SpanKind.SOUND}  # fmt: skip
MOST_STREAMS = 100
_MOST_INDEXES = 512  # of a gigabyte each
DEEPEST = 4


@dataclass
class _Walk:
    layout: Layout
    kinds: list[SpanKind] = field(default_factory=list)  # by stream number
    codec: str = ""


def walk_avi(layout: Layout) -> ContainerReport:
    """Account for every byte of an AVI file that begins at `layout.at`."""
    data, walk = layout.data, _Walk(layout)
    while data[layout.at : layout.at + 4] == b"RIFF" and data[layout.at + 8 : layout.at + 12] in (b"AVI ", b"AVIX"):
        size = int.from_bytes(data[layout.at + 4 : layout.at + 8], "little")
        end = layout.at + 8 + size + size % 2
        if size in riff.OPEN_SIZES:
            end = layout.size
        elif end > layout.size + STRAY:
            layout.lie("container.truncated", f"the header promises {size} bytes, {layout.size - layout.at} are there")
        layout.structure(layout.at + 12, "AVI")
        _walk_chunks(walk, min(end, layout.size), 0)
    tail.walk_behind_chunks(layout)
    return layout.report("avi", walk.codec)


def _walk_chunks(walk: _Walk, end: int, depth: int) -> None:
    """Mark chunks one after another up to `end`; stops where none is."""
    layout, data = walk.layout, walk.layout.data
    while layout.at + 8 <= end:
        at = layout.at
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        finish = at + 8 + size
        is_list = name == b"LIST" and size >= 4 and depth < DEEPEST
        if finish > end:
            if end != layout.size or not (is_list or _STREAM_CHUNK.match(name)):
                break
            layout.lie("container.truncated", "the file ends inside a chunk")
            finish = end
        if is_list and data[at + 8 : at + 12] != b"INFO":
            layout.structure(at + 12, "AVI")
            _walk_chunks(walk, finish, depth + 1)
            layout.unexplained(finish, "AVI list")
        elif not _walk_chunk(walk, name, finish):
            break
        if finish % 2 and finish < end:
            layout.structure(finish + 1, "AVI")


def _walk_chunk(walk: _Walk, name: bytes, end: int) -> bool:
    """Mark one chunk, header included; says whether it was one."""
    layout, data = walk.layout, walk.layout.data
    stream = _STREAM_CHUNK.match(name)
    if stream is not None:
        number = int(stream[1])
        kind = walk.kinds[number] if number < len(walk.kinds) else SpanKind.UNEXPLAINED
        if kind is SpanKind.SOUND and walk.codec.startswith("pcm"):  # its headers are no part of the samples
            layout.structure(layout.at + 8, "AVI")
        layout.mark(end, kind, f"AVI stream {number}")
        return True
    label = f"AVI {name.decode('latin-1')}"
    if name == b"idx1" or _INDEX_CHUNK.match(name) or name == b"indx":
        layout.structure(layout.at + 8, label)
        _walk_index(layout, end, label, name)
    elif name in _HEADERS:
        if name in (b"strh", b"strf"):
            _learn_stream(walk, name, data[layout.at + 8 : end])
        layout.structure(layout.at + 8, label)
        layout.numbers(end, label, _HEADERS[name])
    elif name in _TEXTS:
        layout.structure(layout.at + 8, label)
        layout.tag_if(is_text(data[layout.at : end]), end, label)
    elif name in riff.ZERO_CHUNKS:  # muxers keep room in them for an index, and leave its first words there
        layout.structure(min(layout.at + 8 + STRAY, end), label)
        layout.padding(end, label)
    elif riff.is_chunk_name(name):
        riff.walk_chunk(layout, end)
    else:
        return False
    return True


def _learn_stream(walk: _Walk, name: bytes, content: bytes) -> None:
    """Header and format of a stream: what it is, and its codec when it is sound."""
    if name == b"strh" and len(walk.kinds) < MOST_STREAMS:
        walk.kinds.append(_KINDS.get(content[:4], SpanKind.UNEXPLAINED))
    elif name == b"strf" and not walk.codec and walk.kinds and walk.kinds[-1] is SpanKind.SOUND:
        walk.codec = riff.codec_of(content)


def _walk_index(layout: Layout, end: int, label: str, name: bytes) -> None:
    """Entries must be chunk names, flags, places and sizes of this file: else they are not explained."""
    content, size = layout.data[layout.at : end], layout.size
    if name == b"idx1":
        entries = np.frombuffer(content, "<u4", len(content) // 16 * 4).reshape(-1, 4)
        names = set(np.unique(entries[:, 0]).tolist()) if len(entries) else set()
        known = all(_STREAM_CHUNK.match(each.to_bytes(4, "little")) or each == _RECORD for each in names)
        sane = not (entries[:, 1] & ~np.uint32(_FLAGS)).any() and not (entries[:, 2:] > size).any()
        if known and sane:
            layout.structure(layout.at + 16 * len(entries), label)
        layout.padding(end, label)
        return
    width, used = 4 * int.from_bytes(content[:2], "little"), int.from_bytes(content[4:8], "little")
    finish = 24 + width * used
    if width not in (8, 12, 16) or finish > len(content) or len(content) < 24:
        layout.unexplained(end, label)
        return
    entries = np.frombuffer(content, "<u4", width // 4 * used, 24).reshape(used, -1)
    base = int.from_bytes(content[12:20], "little")
    if width == 16:  # places of other indexes in eight bytes, their sizes, their length in the stream's unit
        places = entries[:, 0].astype(np.int64) | entries[:, 1].astype(np.int64) << 32
        sane = used <= _MOST_INDEXES and not (np.diff(places, prepend=0) < 0).any()
    else:
        sane = base <= size and not (entries[:, 0] > size).any() and not (entries[:, 1] & 0x7FFFFFFF > size).any()
    if sane:
        layout.structure(layout.at + finish, label)
        if name == b"indx" and end - layout.at <= _MOST_UNUSED and not any(content[finish:]):
            layout.structure(end, label)
    layout.padding(end, label)
