"""Three plain containers of chunks: Sony Wave64, Apple's CAF, Sun/NeXT AU."""

from __future__ import annotations

from udfs.container import riff
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport, SpanKind
from udfs.container.text import is_text

W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of every chunk's identifier, behind its four letters

_CAF_BINARY = {  # chunks of numbers, with the most bytes that are believed
    b"desc": 32, b"chan": 4096, b"pakt": 16 << 20, b"kuki": 64 << 10, b"mark": 64 << 10, b"regn": 64 << 10,
    b"inst": 64, b"smpl": 4096, b"ovvw": 4 << 20, b"peak": 4096, b"edct": 4096, b"umid": 64,
}  # fmt: skip
_AU_CODECS = {
    1: "ulaw", 2: "pcm_s8", 3: "pcm_s16", 4: "pcm_s24", 5: "pcm_s32", 6: "pcm_f32", 7: "pcm_f64", 23: "g721",
    25: "g723", 26: "g723", 27: "alaw",
}  # fmt: skip


def walk_w64(layout: Layout) -> ContainerReport:
    """Account for every byte of a Wave64 file: RIFF with identifiers of 16 bytes and sizes of eight."""
    data = layout.data
    layout.structure(layout.at + 40, "W64")
    while layout.at + 24 <= layout.size and data[layout.at + 4 : layout.at + 16] == _W64_TAIL:
        at, name = layout.at, data[layout.at : layout.at + 4]
        size = int.from_bytes(data[at + 16 : at + 24], "little")
        end = at + size
        if size < 24:
            break
        label = f"W64 {name.decode('latin-1')}"
        if end > layout.size:
            layout.lie("container.truncated", f"the file ends inside its {label} chunk")
            end = layout.size
        layout.structure(at + 24, label)
        if name == b"data":
            layout.sound(end, label)
        elif name in (b"fmt ", b"fact") and size <= 128:
            layout.structure(end, label)
        elif name in riff.ZERO_CHUNKS:
            layout.padding(end, label)
        layout.unexplained(end, label)
        layout.padding(end + -size % 8, "W64 alignment")
    return _finish(layout, "w64", "")


def walk_caf(layout: Layout) -> ContainerReport:
    """Account for every byte of a CAF file."""
    data, codec = layout.data, ""
    layout.structure(layout.at + 8, "CAF")
    while layout.at + 12 <= layout.size:
        at, name = layout.at, data[layout.at : layout.at + 4]
        size = int.from_bytes(data[at + 4 : at + 12], "big", signed=True)
        if not (name.isascii() and name.isalnum()) or size < -1 or (size == -1 and name != b"data"):
            break
        label = f"CAF {name.decode('ascii')}"
        end = at + 12 + size if size >= 0 else layout.size
        if end > layout.size:
            layout.lie("container.truncated", f"the file ends inside its {label} chunk")
            end = layout.size
        layout.structure(at + 12, label)
        if name == b"data":
            layout.structure(min(layout.at + 4, end), label)
            layout.sound(end, label)
        elif name == b"free":
            layout.padding(end, label)
        elif name == b"info":
            layout.tag_if(is_text(data[at + 16 : end].replace(b"\0", b" ")), end, label)
        elif name in _CAF_BINARY:
            codec = data[at + 20 : at + 24].decode("latin-1").strip() if name == b"desc" else codec
            layout.numbers(end, label, _CAF_BINARY[name])
        layout.unexplained(end, label)
    return _finish(layout, "caf", codec)


def walk_au(layout: Layout) -> ContainerReport:
    """Account for every byte of an AU file: a header, a text, samples."""
    data, at = layout.data, layout.at
    offset, size, coding = (int.from_bytes(data[at + n : at + n + 4], "big") for n in (4, 8, 12))
    layout.structure(at + 24, "AU")
    annotation = data[layout.at : at + offset]
    if any(annotation):
        layout.tag_if(is_text(annotation), at + offset, "AU annotation")
    layout.padding(at + offset, "AU annotation")
    end = layout.size if size == 0xFFFFFFFF else at + offset + size
    if end > layout.size:
        layout.lie("container.truncated", f"the header promises {size} bytes of sound")
    codec = _AU_CODECS.get(coding, f"au_{coding}")
    layout.mark(end, SpanKind.SOUND if coding in _AU_CODECS else SpanKind.UNEXPLAINED, f"AU {codec}")
    return _finish(layout, "au", codec)


def _finish(layout: Layout, container: str, codec: str) -> ContainerReport:
    layout.behind(layout.size, "the end")
    return layout.report(container, codec)
