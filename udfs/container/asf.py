"""ASF (WMA, WMV): objects by their identifiers; the packets of the data object are read in `asf_packets`."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from udfs.container import riff
from udfs.container.asf_packets import walk_packets
from udfs.container.asf_tags import walk_codecs, walk_description, walk_extended, walk_library
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport, SpanKind


def _guid(text: str) -> bytes:
    return UUID(text).bytes_le


HEADER = _guid("75b22630-668e-11cf-a6d9-00aa0062ce6c")
DATA = _guid("75b22636-668e-11cf-a6d9-00aa0062ce6c")
FILE_PROPERTIES = _guid("8cabdca1-a947-11cf-8ee4-00c00c205365")
STREAM_PROPERTIES = _guid("b7dc0791-a9b7-11cf-8ee6-00c00c205365")
EXTENSION = _guid("5fbf03b5-a92e-11cf-8ee3-00c00c205365")
EXTENDED_STREAM = _guid("14e6a5cb-c672-4332-8399-a96952065b5a")
PADDING = _guid("1806d474-cadf-4509-a4ba-9aabcb96aae8")
PLACEHOLDER = _guid("d9aade20-7c17-4f9c-bc28-8555dd98e2a2")  # room for an index
_KINDS = {
    _guid("f8699e40-5b4d-11cf-a8fd-00805f5c442b"): SpanKind.SOUND,
    _guid("bc19efc0-5b4d-11cf-a8fd-00805f5c442b"): SpanKind.OTHER_STREAM,
    _guid("59dacfc0-59e6-11d0-a3ac-00a0c90348f6"): SpanKind.OTHER_STREAM,  # commands
}
_CODECS = {"wma": "wmav2", "0x0160": "wmav1", "0x0162": "wmapro", "0x0163": "wmalossless", "0x000a": "wmavoice"}
_TAGS: dict[bytes, Callable[[Layout, int], None]] = {
    _guid("75b22633-668e-11cf-a6d9-00aa0062ce6c"): walk_description,
    _guid("d2d0a440-e307-11d2-97f0-00a0c95ea850"): walk_extended,
    _guid("c5f8cbea-5baf-4877-8467-aa8c44fa4cca"): walk_library,
    _guid("44231c94-9498-49d1-a141-1d134e457054"): walk_library,
    _guid("86d15240-311d-11d0-a3a4-00a0c90348f6"): walk_codecs,
}
_NUMBERS = {  # objects of numbers and short names, with the most bytes that a file may have of each
    FILE_PROPERTIES: 80,
    _guid("75b22635-668e-11cf-a6d9-00aa0062ce6c"): 1024,  # error correction
    _guid("7bf875ce-468d-11d1-8d82-006097c9a2b2"): 1024,  # bit rates
    _guid("d6e229dc-35da-11d1-9034-00a0c90349be"): 1024,  # which streams exclude each other
    _guid("a08649cf-4775-4670-8a16-6e35357566cd"): 1024,
    _guid("d1465a40-5a79-4338-b71b-e36b8fd6c249"): 1024,
    _guid("d4fed15b-88d3-454f-81f0-ed5c45999e24"): 1024,  # priorities
    _guid("a69609e6-517b-11d2-b6af-00c04fd908e9"): 1024,  # shared bandwidth
    _guid("7c4346a9-efe0-4bfc-b229-393ede415c85"): 4096,  # languages
    _guid("d6e229df-35da-11d1-9034-00a0c90349be"): 1024,  # parameters of the indexes
    _guid("6b203bad-3f11-48e4-aca8-d7613de2cfa7"): 1024,
    _guid("f55e496d-9797-4b5d-8c8b-604dfe9bfb24"): 1024,
    _guid("26f18b5d-4584-47ec-9f5f-0e651f0452c9"): 64,  # compatibility
    _guid("1efb1a30-0b62-11d0-a39b-00a0c90348f6"): 4096,  # commands
    _guid("f487cd01-a951-11cf-8ee6-00c00c205365"): 4096,  # markers
    _guid("33000890-e5b1-11cf-89f4-00a0c90349cb"): 256 << 10,  # indexes
    _guid("d6e229d3-35da-11d1-9034-00a0c90349be"): 256 << 10,
    _guid("feb103f8-12ad-4c64-840f-2a1d2f7ad48c"): 256 << 10,
    _guid("3cb73fd0-0c4a-4803-953d-edf7b6228f0c"): 256 << 10,
}
_MOST_STREAM_PROPERTIES = 8192
_OBJECT = 24  # bytes of an object's identifier and size


class _Walk:
    """What the header says of the data: how long its packets are, and what each stream is."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.packet = 0
        self.kinds: dict[int, SpanKind] = {}
        self.codec = ""


def walk_asf(layout: Layout) -> ContainerReport:
    """Account for every byte of an ASF file that begins at `layout.at`."""
    walk, data = _Walk(layout), layout.data
    while layout.at + _OBJECT <= layout.size:
        name, size = data[layout.at : layout.at + 16], _size_at(data, layout.at)
        known = name in (HEADER, DATA) or name in _NUMBERS
        end = layout.at + size
        if name == DATA and (size < 50 or end > layout.size):  # a broadcast's has no size
            if size >= 50:
                layout.lie("container.truncated", f"the data object promises {size} bytes")
            end = layout.size
        if not known or size < _OBJECT or end > layout.size:
            break
        if name == HEADER:
            layout.structure(layout.at + 30, "ASF header")
            _walk_objects(walk, end)
            layout.unexplained(end, "ASF header")
        elif name == DATA:
            layout.structure(min(layout.at + 50, end), "ASF data")
            walk_packets(layout, end, walk.packet, walk.kinds)
        else:
            _walk_object(walk, name, end)
    layout.behind(layout.size, "the last object")
    return layout.report("asf", walk.codec)


def _size_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at + 16 : at + 24], "little")


def _walk_objects(walk: _Walk, end: int) -> None:
    layout = walk.layout
    while layout.at + _OBJECT <= end:
        size = _size_at(layout.data, layout.at)
        if size < _OBJECT or layout.at + size > end:
            return
        _walk_object(walk, layout.data[layout.at : layout.at + 16], layout.at + size)


def _walk_object(walk: _Walk, name: bytes, end: int) -> None:
    layout, data = walk.layout, walk.layout.data
    at = layout.at + _OBJECT
    layout.structure(at, "ASF")
    if name == FILE_PROPERTIES and end - at >= 80:
        walk.packet = int.from_bytes(data[at + 68 : at + 72], "little")
    if name == STREAM_PROPERTIES:
        _learn_stream(walk, data[at:end])
        layout.numbers(end, "ASF stream properties", _MOST_STREAM_PROPERTIES)
    elif name == EXTENSION:
        layout.structure(min(at + 22, end), "ASF")
        _walk_objects(walk, end)
    elif name == EXTENDED_STREAM:
        _walk_extended_stream(walk, end)
    elif name in (PADDING, PLACEHOLDER):
        layout.padding(end, "ASF padding")
    elif name in _TAGS:
        _TAGS[name](layout, end)
    elif name in _NUMBERS:
        layout.numbers(end, f"ASF object {name[:4].hex()}", _NUMBERS[name])
    layout.unexplained(end, "ASF object")


def _learn_stream(walk: _Walk, content: bytes) -> None:
    """Kind, number and format of a stream."""
    if len(content) < 54:
        return
    kind = _KINDS.get(content[:16], SpanKind.UNEXPLAINED)
    walk.kinds[content[48] & 0x7F] = kind
    if kind is SpanKind.SOUND and not walk.codec:
        codec = riff.codec_of(content[54:])
        walk.codec = _CODECS.get(codec, codec)


def _walk_extended_stream(walk: _Walk, end: int) -> None:
    """64 bytes of numbers, names, extensions of the payloads, and at times a stream's properties as an object."""
    layout, data = walk.layout, walk.layout.data
    inner = data.find(STREAM_PROPERTIES, layout.at, end)
    finish = inner if inner >= 0 and inner + _size_at(data, inner) == end else end
    layout.numbers(finish, "ASF extended stream properties", _MOST_STREAM_PROPERTIES)
    if finish < end:
        _walk_object(walk, STREAM_PROPERTIES, end)
