"""FLV: a row of tags of sound, pictures, and script data in AMF0."""

from __future__ import annotations

import struct

from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport, SpanKind
from udfs.container.text import is_text

_HEAD = 11  # bytes of a tag's header
_SOUND, _PICTURES, _SCRIPT = 8, 9, 18
_CODECS = {
    0: "pcm_s16", 1: "adpcm_swf", 2: "mp3", 3: "pcm_s16", 4: "nellymoser", 5: "nellymoser", 6: "nellymoser", 7: "alaw",
    8: "ulaw", 10: "aac", 11: "speex", 14: "mp3",
}  # fmt: skip
DEEPEST = 16  # objects in objects
_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED, _ARRAY, _OBJECT_END, _LIST, _DATE, _LONG = (
    *(0, 1, 2, 3, 5, 6, 8),
    *(9, 10, 11, 12),
)
_FIXED = {_BOOLEAN: 1, _NULL: 0, _UNDEFINED: 0}
LEAST, MOST = 1e-6, 2.0**53  # of a number that is a time, a rate, a place: bytes read as one are seldom in between


def walk_flv(layout: Layout) -> ContainerReport:
    """Account for every byte of an FLV file that begins at `layout.at`."""
    data, start, codec = layout.data, layout.at, ""
    begin = start + int.from_bytes(data[start + 5 : start + 9], "big")
    layout.structure(start + 9, "FLV")
    layout.padding(min(begin, layout.size), "FLV header")
    last = 0  # length of the tag before
    while layout.at + 4 <= layout.size and int.from_bytes(data[layout.at : layout.at + 4], "big") == last:
        layout.structure(layout.at + 4, "FLV")
        at = layout.at
        kind = data[at] & 0x1F if at < layout.size else 0
        if kind not in (_SOUND, _PICTURES, _SCRIPT) or data[at] & 0xC0 or data[at + 8 : at + 11].strip(b"\0"):
            break
        last = _HEAD + int.from_bytes(data[at + 1 : at + 4], "big")
        end = at + last
        if end > layout.size or at + _HEAD > layout.size:
            layout.lie("container.truncated", "the last tag is cut short")
            end = layout.size
        if kind == _SOUND and at + _HEAD < end:
            codec = codec or _CODECS.get(data[at + _HEAD] >> 4, "")
        _walk_tag(layout, kind, end)
    layout.behind(layout.size, "the last tag")
    return layout.report("flv", codec)


def _walk_tag(layout: Layout, kind: int, end: int) -> None:
    if kind == _PICTURES:
        layout.mark(end, SpanKind.OTHER_STREAM, "FLV pictures")
        return
    layout.structure(min(end, layout.at + _HEAD), "FLV")
    if kind == _SOUND:
        layout.sound(end, "FLV sound")
    else:
        content = layout.data[layout.at : end]
        finish = _script_end(content)
        layout.tag_if(finish == len(content), end, "FLV script")


def _script_end(content: bytes) -> int:
    """Where AMF0 values end that hold nothing but numbers and texts; -1 where they are none."""
    at = 0
    while 0 <= at < len(content):
        at = _value_end(content, at, 0)
    return at


def _value_end(content: bytes, at: int, depth: int) -> int:
    kind = content[at] if at < len(content) else -1
    at += 1
    if kind in _FIXED:
        return at + _FIXED[kind]
    if kind in (_NUMBER, _DATE):
        end = at + (10 if kind == _DATE else 8)
        return end if end <= len(content) and _is_number(content[at : at + 8]) else -1
    if kind == _STRING:
        return _text_end(content, at, 2)
    if kind == _LONG:
        return _text_end(content, at, 4)
    if depth >= DEEPEST:
        return -1
    if kind in (_OBJECT, _ARRAY):
        return _object_end(content, at + (4 if kind == _ARRAY else 0), depth)
    if kind == _LIST:
        return _list_end(content, at, depth)
    return -1


def _text_end(content: bytes, at: int, width: int) -> int:
    end = at + width + int.from_bytes(content[at : at + width], "big")
    text = content[at + width : end]
    return end if end <= len(content) and is_text(text) else -1


def _object_end(content: bytes, at: int, depth: int) -> int:
    """Names and values up to an empty name and the mark of an end; some writers leave that out at the very end."""
    while 0 <= at < len(content):
        if content[at : at + 3] == b"\0\0\x09":
            return at + 3
        at = _text_end(content, at, 2)
        if at >= 0:
            at = _value_end(content, at, depth + 1)
    return at


def _list_end(content: bytes, at: int, depth: int) -> int:
    """A counted row of values, as keyframe tables are."""
    count = int.from_bytes(content[at : at + 4], "big")
    at += 4
    for _ in range(min(count, len(content))):
        at = _value_end(content, at, depth + 1)
        if at < 0:
            break
    return at


def _is_number(content: bytes) -> bool:
    number = abs(struct.unpack(">d", content)[0])
    return bool(number == 0 or LEAST <= number <= MOST)
