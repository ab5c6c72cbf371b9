"""RIFF/WAVE with its 64-bit kin (RF64, BW64), chunk by chunk."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from udfs.container import id3, mpeg_audio, ogg, tail
from udfs.container.frame_chain import find_chain
from udfs.container.layout import STRAY, Layout
from udfs.container.pictures import is_bitmap
from udfs.container.spans import ContainerReport, SpanKind
from udfs.container.text import is_text

CODECS = {
    0x0001: "pcm", 0x0002: "adpcm_ms", 0x0003: "pcm_f", 0x0006: "alaw", 0x0007: "ulaw", 0x0011: "adpcm_ima",
    0x0014: "g723", 0x0031: "gsm", 0x0040: "g721", 0x0050: "mp2", 0x0055: "mp3", 0x0064: "g726", 0x00FF: "aac",
    0x0161: "wma", 0x674F: "vorbis", 0x6751: "vorbis", 0x6771: "vorbis", 0xF1AC: "flac", 0xFFFE: "extensible",
}  # fmt: skip
OPEN_SIZES = {0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF}  # what writers put that cannot go back to the header
LONGEST_FORMAT = 128  # bytes of the format chunk: ADPCM's coefficients are the most that codecs keep there
MOST_UNKNOWN_NUMBERS = 4096  # bytes of unknown chunks that are believed to be numbers
SPARSE = 0.4  # share of zeros from which on they may be
SHORT_TEXT = 256  # bytes of text that an unknown chunk may hold; of 2,000 real files none has more
_CHUNK_ID = re.compile(rb"[A-Za-z0-9_ .\-\xa9]{4}")

# Chunks of numbers and short lists, with the most bytes their specification or their programs allow.
BINARY_CHUNKS = {
    b"fact": 64, b"cue ": 24 * 4096, b"smpl": 64 << 10, b"inst": 64, b"plst": 64 << 10, b"PEAK": 4096, b"acid": 64,
    b"strc": 64 << 10, b"minf": 64, b"elm1": 4096, b"regn": 8192, b"umid": 64, b"chna": 128 << 10, b"ds64": 4096,
    b"levl": 4 << 20, b"LGWV": 1 << 20, b"ovwf": 1 << 20, b"MEXT": 64, b"slnt": 64, b"clm ": 256, b"Cr8r": 512,
    b"tlst": 8192, b"wvsp": 64, b"LGBM": 4096, b"SAUR": 4096, b"bvdm": 64, b"cset": 16, b"muma": 512, b"CHNK": 64,
    b"dbmd": 64 << 10, b"Smed": 1 << 20, b"SMED": 1 << 20, b"ResU": 64 << 10, b"AFAn": 64 << 10, b"SNDM": 4096,
    b"EVNT": 256 << 10, b"kyma": 64 << 10, b"elmo": 4096, b"CDif": 1024, b"logw": 4096, b"rlnd": 4096, b"iSFT": 512,
    b"DGDA": 1 << 20,
}  # fmt: skip
_STREAMS = {"vorbis", "mp2", "mp3"}  # codecs whose samples are frames or pages
TEXT_CHUNKS = {
    b"iXML",
    b"aXML",
    b"axml",
    b"_PMX",
    b"XMP ",
    b"afsp",
    b"note",
    b"ISFT",
    b"IART",
    b"ICMT",
    b"INAM",
    b"bxml",
}
ZERO_CHUNKS = {b"JUNK", b"junk", b"FLLR", b"PAD ", b"pad ", b"FILL", b"JUNQ", b"filr", b"FLUF"}


def walk_wave(layout: Layout) -> ContainerReport:
    """Account for every byte of a WAVE file that begins at `layout.at`."""
    data, start = layout.data, layout.at
    wide = data[start : start + 4] in (b"RF64", b"BW64")
    declared = int.from_bytes(data[start + 4 : start + 8], "little")
    layout.structure(start + 12, "RIFF")
    sizes = _wide_sizes(data, start) if wide else {}
    codec = ""
    while layout.at + 8 <= layout.size:
        at = layout.at
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if not _CHUNK_ID.match(name) or _is_tag(data, at):
            break
        if wide and size == 0xFFFFFFFF:
            size = sizes.get(name, size)
        if name == b"data":
            _walk_data(layout, size, codec, declared)
            continue
        end = at + 8 + size
        if end > layout.size:
            if not _is_known(name):
                break
            layout.lie("container.truncated", f"the file ends inside its {name.decode('latin-1')} chunk")
            end = layout.size
        if name == b"fmt ":
            codec = codec_of(data[at + 8 : end])
        walk_chunk(layout, end)
        _walk_pad_byte(layout, end)
    tail.walk_behind_chunks(layout)
    if not wide and declared not in OPEN_SIZES and start + declared > layout.size + STRAY:
        layout.lie("container.truncated", f"the header promises {declared + 8} bytes, there are {layout.size - start}")
    return layout.report("rf64" if wide else "wav", codec)


def _wide_sizes(data: bytes, start: int) -> dict[bytes, int]:
    """The 64-bit sizes of RF64's ds64 chunk, by chunk."""
    data = data[start : start + 4096]
    if data[12:16] != b"ds64" or len(data) < 48:
        return {}
    _, data_size = struct.unpack_from("<QQ", data, 20)
    sizes = {b"data": data_size}
    for n in range(min(int.from_bytes(data[44:48], "little"), 64)):
        entry = data[48 + 12 * n : 60 + 12 * n]
        if len(entry) == 12:
            sizes[entry[:4]] = int.from_bytes(entry[4:], "little")
    return sizes


def _is_tag(data: bytes, at: int) -> bool:
    return data[at : at + 3] == b"TAG" or data[at : at + 8] == b"APETAGEX" or id3.tag_length(data, at) > 0


def is_chunk_name(name: bytes) -> bool:
    """Whether four bytes can name a chunk."""
    return _CHUNK_ID.match(name) is not None


def _is_known(name: bytes) -> bool:
    return name in BINARY_CHUNKS or name in TEXT_CHUNKS or name in ZERO_CHUNKS or name in _WALKERS


def _walk_pad_byte(layout: Layout, end: int) -> None:
    """Chunks begin at even offsets; some writers forget."""
    follows = layout.data[end : end + 4]
    if layout.at == end and end % 2 and end < layout.size and not (_CHUNK_ID.match(follows) and _is_known(follows)):
        layout.structure(end + 1, "pad byte")


def codec_of(fmt: bytes) -> str:
    """The codec that a format chunk names; empty where it is too short."""
    if len(fmt) < 16:
        return ""
    tag, bits = struct.unpack_from("<H12xH", fmt)
    if tag == 0xFFFE and len(fmt) >= 26:
        tag = int.from_bytes(fmt[24:26], "little")
    name = CODECS.get(tag, f"0x{tag:04x}")
    if name == "pcm":
        return f"pcm_u{bits}" if bits <= 8 else f"pcm_s{bits}"
    return f"pcm_f{bits}" if name == "pcm_f" else name


def _walk_data(layout: Layout, size: int, codec: str, riff_size: int) -> None:
    """The samples. A size that was never filled in, or that the file does not reach, means: to the end."""
    layout.structure(layout.at + 8, "RIFF data")
    left = layout.size - layout.at
    end = layout.at + size
    is_open = size in OPEN_SIZES or (size >= 0x7FFFFF00 and size > left)
    follows_chunk = _CHUNK_ID.match(layout.data[layout.at : layout.at + 4])
    if is_open and (size or riff_size in OPEN_SIZES or riff_size <= 36 + 64 or not follows_chunk):
        end = layout.size
    elif size > left:
        layout.lie("container.truncated", f"the data chunk promises {size} bytes, {left} are there")
        end = layout.size
    if end >= layout.size:
        tags = tail.peel(layout.data, layout.at, layout.size) if size > left else []
        _walk_samples(layout, tags[0][0] if tags else layout.size, codec)
        tail.walk_tail(layout, tags)
    else:
        _walk_samples(layout, end, codec)
        _walk_pad_byte(layout, end)


def _walk_samples(layout: Layout, end: int, codec: str) -> None:
    """Mark samples; a stream with a structure of its own is walked by it."""
    start = layout.at
    part = Layout(layout.data[start:end] if codec in _STREAMS else b"", layout)
    if codec == "vorbis" and part.data.startswith(b"OggS"):
        ogg.walk_ogg(part)
    elif codec in ("mp2", "mp3") and (first := find_chain(part.data, mpeg_audio.FRAMES, 0)) >= 0:
        mpeg_audio.walk_mpeg_audio(part, first)
    layout.embed(part, lambda offset: start + offset)
    layout.sound(end, f"RIFF data {codec}")


def walk_chunk(layout: Layout, end: int) -> None:
    """Mark one chunk, header included, from `layout.at` to `end`."""
    name = layout.data[layout.at : layout.at + 4]
    label = f"RIFF {name.decode('latin-1')}"
    layout.structure(layout.at + 8, label)
    content = layout.data[layout.at : end]
    if name in _WALKERS:
        _WALKERS[name](layout, end)
    elif name in ZERO_CHUNKS:
        layout.padding(end, label)
    elif name in TEXT_CHUNKS:
        layout.tag_if(is_text(content), end, label)
    elif name in BINARY_CHUNKS:
        layout.numbers(end, label, BINARY_CHUNKS[name])
    elif len(content) <= SHORT_TEXT and is_text(content):
        layout.tag(end, label)
    elif content.count(0) > SPARSE * len(content):
        layout.numbers(end, "RIFF numbers", MOST_UNKNOWN_NUMBERS)  # every editor of the 1990s had a chunk of its own
    layout.unexplained(end, label)


def walk_chunks(layout: Layout) -> None:
    """Mark a row of chunks without samples, and what lies behind it."""
    while layout.at + 8 <= layout.size and _CHUNK_ID.match(layout.data, layout.at):
        at = layout.at
        end = at + 8 + int.from_bytes(layout.data[at + 4 : at + 8], "little")
        if end > layout.size or layout.data[at : at + 4] == b"data" or _is_tag(layout.data, at):
            break
        walk_chunk(layout, end)
        _walk_pad_byte(layout, end)
    tail.walk_behind_chunks(layout)


def walk_wrapped_wave(layout: Layout, end: int) -> None:
    """Mark a WAVE's header, or what was behind its samples, that a lossless codec keeps to give the file back."""
    start = layout.at
    part = Layout(layout.data[start:end], layout)
    if part.data[:4] in (b"RIFF", b"RF64") and part.data[8:12] == b"WAVE":
        walk_wave(part)
    else:
        walk_chunks(part)
    for span in part.spans:  # samples have no place here, and what the header says of their length is right elsewhere
        kind = SpanKind.UNEXPLAINED if span.kind is SpanKind.SOUND else span.kind
        layout.mark(start + span.end, kind, f"wrapped {span.name}")


def _walk_fmt(layout: Layout, end: int) -> None:
    """16 bytes, and as many more as the extension says (at most a few; codecs keep tables there)."""
    extension = layout.data[layout.at + 16 : layout.at + 18]
    length = 16 + (2 + int.from_bytes(extension, "little") if len(extension) == 2 else 0)
    layout.structure(min(end, layout.at + min(max(length, 18), LONGEST_FORMAT)), "RIFF fmt ")
    layout.padding(end, "RIFF fmt ")


def _walk_list(layout: Layout, end: int) -> None:
    """INFO: texts by four-letter names. adtl: labels and notes of cue points."""
    kind = layout.data[layout.at : layout.at + 4]
    layout.structure(min(layout.at + 4, end), "RIFF LIST")
    while layout.at + 8 <= end:
        at = layout.at
        name, size = layout.data[at : at + 4], int.from_bytes(layout.data[at + 4 : at + 8], "little")
        finish = at + 8 + size
        if finish > end or not _CHUNK_ID.match(name):
            break
        label = f"LIST/{kind.decode('latin-1')} {name.decode('latin-1')}"
        skipped = {b"labl": 4, b"note": 4, b"ltxt": 20}.get(name, 0) if kind == b"adtl" else 0
        content = _without_leftover(layout.data[at + 8 + skipped : finish])
        layout.structure(at + 8, "RIFF LIST")
        layout.tag_if(kind in (b"INFO", b"adtl") and is_text(content), finish, label)
        if finish % 2 and finish < end and not _CHUNK_ID.match(layout.data, finish):
            layout.structure(finish + 1, "pad byte")
    layout.padding(end, f"LIST/{kind.decode('latin-1')}")


def _without_leftover(text: bytes) -> bytes:
    """Texts of fixed length: what old programs left behind the closing zero, as far as it is too short for anything."""
    said, _, leftover = text.partition(b"\0")
    return said if len(leftover) < STRAY else text


def _walk_bext(layout: Layout, end: int) -> None:
    """Broadcast extension: 602 bytes of texts, numbers and reserved zeros, then the coding history."""
    content = layout.data[layout.at : end]
    texts = [content[0:256], content[256:288], content[288:320], content[320:338], content[602:]]
    known = len(content) >= 602 and all(is_text(text.replace(b"\0", b" ")) for text in texts)
    layout.tag_if(known and len(content[422:602].strip(b"\0")) <= 16, end, "RIFF bext")


def _walk_cart(layout: Layout, end: int) -> None:
    content = layout.data[layout.at : end]
    texts = [content[0:680], content[748:1772], content[1772:]]
    layout.tag_if(len(content) >= 2048 and all(is_text(text.replace(b"\0", b" ")) for text in texts), end, "RIFF cart")


def _walk_id3(layout: Layout, end: int) -> None:
    if id3.tag_length(layout.data, layout.at):
        id3.walk_id3v2(layout, end)
    layout.padding(end, "RIFF id3")


def _walk_disp(layout: Layout, end: int) -> None:
    """A clipboard format's number and its content: text, or a bitmap without its file header."""
    content = layout.data[layout.at : end]
    if content[:4] == b"\x08\0\0\0":
        layout.mark(end, SpanKind.PICTURE if is_bitmap(content[4:]) else SpanKind.UNEXPLAINED, "RIFF DISP")
    else:
        layout.tag_if(content[:4] == b"\1\0\0\0" and is_text(content[4:]), end, "RIFF DISP")


_WALKERS: dict[bytes, Callable[[Layout, int], None]] = {
    b"fmt ": _walk_fmt,
    b"LIST": _walk_list,
    b"list": _walk_list,
    b"bext": _walk_bext,
    b"cart": _walk_cart,
    b"id3 ": _walk_id3,
    b"ID3 ": _walk_id3,
    b"ID32": _walk_id3,
    b"DISP": _walk_disp,
}
