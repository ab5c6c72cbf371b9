"""AIFF and AIFF-C, chunk by chunk."""

from __future__ import annotations

import re

from udfs.container import id3, tail
from udfs.container.layout import STRAY, Layout
from udfs.container.riff import MOST_UNKNOWN_NUMBERS, SPARSE
from udfs.container.spans import ContainerReport
from udfs.container.text import is_text

CODECS = {
    b"NONE": "pcm_s", b"twos": "pcm_s", b"sowt": "pcm_s", b"in24": "pcm_s", b"in32": "pcm_s", b"42ni": "pcm_s",
    b"23ni": "pcm_s", b"raw ": "pcm_u", b"fl32": "pcm_f32", b"FL32": "pcm_f32", b"fl64": "pcm_f64", b"FL64": "pcm_f64",
    b"ulaw": "ulaw", b"ULAW": "ulaw", b"alaw": "alaw", b"ALAW": "alaw", b"ima4": "adpcm_ima", b"GSM ": "gsm",
    b"MAC3": "mac3", b"MAC6": "mac6", b"QDMC": "qdm", b"QDM2": "qdm2",
}  # fmt: skip
_CHUNK_ID = re.compile(rb"[A-Za-z0-9_ .\-()\xa9]{4}")

TEXT_CHUNKS = {b"NAME", b"AUTH", b"(c) ", b"ANNO", b"iXML", b"axml", b"XMP "}
BINARY_CHUNKS = {
    b"FVER": 4, b"MARK": 64 << 10, b"INST": 20, b"AESD": 24, b"CHAN": 4096, b"PEAK": 4096, b"basc": 256,
    b"trns": 64 << 10, b"cate": 4096, b"LGWV": 1 << 20, b"COMT": 64 << 10, b"MIDI": 4096, b"SAXL": 64, b"ovwf": 1 << 20,
    b"dbmd": 64 << 10,
}  # fmt: skip
ZERO_CHUNKS = {b"FLLR", b"JUNK", b"PAD ", b"FILL"}


def walk_aiff(layout: Layout) -> ContainerReport:
    """Account for every byte of an AIFF or AIFF-C file that begins at `layout.at`."""
    data, start = layout.data, layout.at
    declared = int.from_bytes(data[start + 4 : start + 8], "big")
    layout.structure(start + 12, "FORM")
    codec = ""
    while layout.at + 8 <= layout.size and _CHUNK_ID.match(data, layout.at):
        if id3.tag_length(data, layout.at) or data[layout.at : layout.at + 3] == b"TAG":
            break
        at = layout.at
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        end = at + 8 + size
        if end > layout.size:
            if name == b"SSND" or name in BINARY_CHUNKS or name in TEXT_CHUNKS or name in ZERO_CHUNKS:
                layout.lie("container.truncated", f"the file ends inside its {name.decode('latin-1')} chunk")
                end = layout.size
            else:
                break
        if name == b"COMM":
            codec = _codec(data[at + 8 : end])
        walk_chunk(layout, end, codec)
        if end % 2 and end < layout.size and not (_CHUNK_ID.match(data, end) and data[end]):
            layout.structure(end + 1, "pad byte")
    tail.walk_behind_chunks(layout)
    if start + declared > layout.size + STRAY and declared < 0x7FFFFF00:
        layout.lie("container.truncated", f"the header promises {declared + 8} bytes, there are {layout.size - start}")
    return layout.report("aiff", codec)


def _codec(comm: bytes) -> str:
    bits = int.from_bytes(comm[6:8], "big")
    name = CODECS.get(comm[18:22], comm[18:22].decode("latin-1")) if len(comm) >= 22 else "pcm_s"
    return f"{name}{bits}" if name in ("pcm_s", "pcm_u") else name


def walk_chunk(layout: Layout, end: int, codec: str = "") -> None:
    """Mark one chunk, header included, from `layout.at` to `end`."""
    name = layout.data[layout.at : layout.at + 4]
    label = f"AIFF {name.decode('latin-1')}"
    layout.structure(layout.at + 8, label)
    content = layout.data[layout.at : end]
    if name == b"SSND":
        offset = int.from_bytes(content[:4], "big")
        layout.structure(min(layout.at + 8, end), label)
        layout.padding(min(layout.at + offset, end), f"{label} offset")
        layout.sound(end, f"{label} {codec}")
    elif name == b"COMM":
        layout.tag_if(len(content) <= 18 or is_text(content[23:]), end, label)
    elif name in TEXT_CHUNKS:
        layout.tag_if(is_text(content), end, label)
    elif name in BINARY_CHUNKS:
        layout.numbers(end, label, BINARY_CHUNKS[name])
    elif name in ZERO_CHUNKS:
        layout.padding(end, label)
    elif name in (b"ID3 ", b"id3 "):
        if id3.tag_length(layout.data, layout.at):
            id3.walk_id3v2(layout, end)
        layout.padding(end, label)
    elif name == b"APPL":
        layout.numbers(end, label, 0 if content[:4] == b"pdos" else 4096)
    elif content.count(0) > SPARSE * len(content):
        layout.numbers(end, "AIFF numbers", MOST_UNKNOWN_NUMBERS)
    layout.unexplained(end, label)
