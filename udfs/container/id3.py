"""ID3 tags: v2.2 to v2.4 frame by frame, and the 128 bytes of v1."""

from __future__ import annotations

import re
import zlib

import numpy as np

from udfs.container.layout import Layout
from udfs.container.pictures import picture_end
from udfs.container.spans import SpanKind
from udfs.container.text import decode_picture, is_text

MAX_INFLATED = 4 << 20  # of a compressed frame

# Private frames that shops, players and rippers write, with the most bytes that a file may have of each.
KNOWN_PRIVATE = {
    b"WM/": 8192,
    b"PeakValue": 64,
    b"AverageLevel": 64,
    b"Google/": 2048,
    b"www.amazon.com": 4096,
    b"XMP": 1 << 20,
    b"iTunes": 512,
    b"TRAKTOR4": 256 << 10,
    b"com.apple.streaming.transportStreamTimestamp": 4096,
    b"ZuneCollectionID": 64,
    b"contentgroup@emusic.com": 256,
}
KNOWN_OBJECTS = {b"Serato ": 32 << 10, b"RealJukebox:Metadata": 4096}
BINARY_FRAMES = {  # numbers and lists with a form of their own; a file may have so many bytes of each
    "PCNT": 16, "CNT": 16, "POPM": 512, "POP": 512, "RVAD": 64, "RVA": 64, "RVA2": 1024, "XRVA": 1024, "RVRB": 12,
    "REV": 12, "EQUA": 256, "EQU2": 1024, "EQU": 256, "ETCO": 4096, "ETC": 4096, "SYTC": 4096, "STC": 4096,
    "MLLT": 8192, "MLL": 8192, "RBUF": 16, "BUF": 16, "POSS": 16, "SEEK": 4, "ASPI": 1024, "GRID": 256,
    "UFID": 4096, "UFI": 4096, "RGAD": 16, "PCST": 4, "MCDI": 2048, "MCI": 2048, "OWNE": 512, "LINK": 512, "XSOP": 512,
}  # fmt: skip
_FRAME_ID = re.compile(rb"[A-Z][A-Z0-9]{2}[A-Z0-9 ]")
_FRAME_ID_V22 = re.compile(rb"[A-Z][A-Z0-9]{2}")


def synchsafe(data: bytes) -> int:
    """A big-endian number of seven bits a byte; -1 where a byte has its eighth bit set."""
    number = 0
    for byte in data:
        if byte & 0x80:
            return -1
        number = number << 7 | byte
    return number


def tag_length(data: bytes, at: int) -> int:
    """Whole length of the ID3v2 tag that begins at `at`, header and footer included; 0 when none does."""
    head = data[at : at + 10]
    if len(head) < 10 or not head.startswith(b"ID3") or not 2 <= head[3] <= 4 or head[4] == 0xFF:
        return 0
    size = synchsafe(head[6:10])
    return 0 if size < 0 else 10 + size + (10 if head[3] == 4 and head[5] & 0x10 else 0)


def walk_id3v1(layout: Layout) -> None:
    """Mark the 128 bytes at `layout.at` as ID3v1 (whatever its fields hold, they are too short to carry anything)."""
    layout.tag(layout.at + 128, "ID3v1")


def walk_id3v2(layout: Layout, end: int) -> None:
    """Mark the ID3v2 tag at `layout.at`, frame by frame, at most to `end`."""
    data, start = layout.data, layout.at
    finish = min(start + tag_length(data, start), end)
    version, flags = data[start + 3], data[start + 5]
    if start + tag_length(data, start) > end:
        layout.lie("container.truncated", "the ID3v2 tag is longer than the file")
    layout.structure(start + 10, "ID3v2")
    frames_end = finish - 10 if version == 4 and flags & 0x10 else finish
    if flags & 0x80 and version < 4 and frames_end > layout.at:  # the whole tag has zeros put in behind each 0xFF
        raw = np.frombuffer(data, np.uint8, frames_end - layout.at, layout.at)
        kept = np.flatnonzero(~np.concatenate(([False], (raw[:-1] == 0xFF) & (raw[1:] == 0))))
        part, base = Layout(raw[kept].tobytes(), layout), layout.at
        _walk_frames(part, part.size, version, flags)
        places = np.append(kept, len(raw))
        layout.embed(part, lambda offset: base + int(places[offset]))
    else:
        _walk_frames(layout, frames_end, version, flags)
    layout.structure(finish, "ID3v2 footer")


def _walk_frames(layout: Layout, end: int, version: int, flags: int) -> None:
    data = layout.data
    if flags & 0x40 and version >= 3 and layout.at + 4 <= end:
        length = data[layout.at : layout.at + 4]
        extended = int.from_bytes(length, "big") + 4 if version == 3 else synchsafe(length)
        if 4 <= extended <= 64:
            layout.structure(min(layout.at + extended, end), "ID3v2 extended header")
    header = 6 if version == 2 else 10
    pattern = _FRAME_ID_V22 if version == 2 else _FRAME_ID
    plain_sizes = version == 4 and _sizes_are_plain(data, layout.at, end)
    while layout.at + header < end and pattern.match(data, layout.at):
        at = layout.at
        name = data[at : at + (3 if version == 2 else 4)].decode("ascii")
        size_field = data[at + len(name) : at + 2 * len(name)]
        size = int.from_bytes(size_field, "big") if version < 4 or plain_sizes else synchsafe(size_field)
        if size < 0 or at + header + size > end:
            break
        layout.structure(at + header, "ID3v2 frame")
        frame_flags = 0 if version == 2 else data[at + 9]
        _walk_frame(layout, at + header + size, name, version, frame_flags)
    layout.padding(end, "ID3v2 padding")


def _sizes_are_plain(data: bytes, at: int, end: int) -> bool:
    """Old iTunes wrote v2.4 frames with plain sizes: true when only those lead from frame to frame."""

    def leads_on(plain: bool) -> bool:
        here = at
        while here + 10 < end and _FRAME_ID.match(data, here):
            size_field = data[here + 4 : here + 8]
            size = int.from_bytes(size_field, "big") if plain else synchsafe(size_field)
            if size < 0 or here + 10 + size > end:
                return False
            here += 10 + size
        return here + 10 >= end or data[here] == 0

    return not leads_on(plain=False) and leads_on(plain=True)


def _walk_frame(layout: Layout, end: int, name: str, version: int, flags: int) -> None:
    start = layout.at
    if (version == 4 and flags & 0x04) or (version == 3 and flags & 0x40):
        layout.unexplained(end, f"ID3v2 {name} encrypted")
        return
    if (version == 4 and flags & 0x40) or (version == 3 and flags & 0x20):  # group identity byte
        layout.structure(min(start + 1, end), "ID3v2 frame")
    if (version == 4 and flags & 0x01) or (
        version == 3 and flags & 0x80
    ):  # length before compression or unsynchronising
        layout.structure(min(layout.at + 4, end), "ID3v2 frame")
    compressed = bool((version == 4 and flags & 0x08) or (version == 3 and flags & 0x80))
    unsynchronised = bool(version == 4 and flags & 0x02)
    if not compressed and not unsynchronised:
        _mark_content(layout, end, name, version)
        return
    content: bytes | None = layout.data[layout.at : end]
    if content and unsynchronised:
        content = content.replace(b"\xff\x00", b"\xff")
    if content and compressed:
        content = inflate(content)
    part = Layout(content or b"", layout)
    _mark_content(part, part.size, name, version)
    hidden = content is None or any(span.kind is SpanKind.UNEXPLAINED for span in part.spans)
    shown = SpanKind.PICTURE if any(span.kind is SpanKind.PICTURE for span in part.spans) else SpanKind.TAG
    layout.mark(end, SpanKind.UNEXPLAINED if hidden else shown, f"ID3v2 {name}")


def inflate(content: bytes, limit: int = MAX_INFLATED) -> bytes | None:
    """A zlib stream inflated; None when it is none, is more than `limit` bytes, or has bytes behind its end."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(content, limit)
    except zlib.error:
        return None
    return inflated if stream.eof and not stream.unused_data.strip(b"\0") else None


def _mark_content(layout: Layout, end: int, name: str, version: int) -> None:
    content = layout.data[layout.at : end]
    label = f"ID3v2 {name}"
    if name in ("APIC", "PIC"):
        _mark_picture(layout, end, label, version)
    elif name in ("CHAP", "CTOC"):
        _mark_chapter(layout, end, name, version)
    elif name in ("PRIV", "GEOB", "GEO"):
        _mark_private(layout, end, name)
    elif name in BINARY_FRAMES:
        layout.numbers(end, label, BINARY_FRAMES[name])
    elif name in ("SYLT", "SLT"):
        layout.tag_if(_is_timed_text(content), end, label)
    elif name[0] == "W" and name not in ("WXXX", "WXX"):
        layout.tag_if(is_text(content), end, label)
    elif name[0] == "T" or name in ("COMM", "COM", "USLT", "ULT", "WXXX", "WXX", "USER", "IPLS", "IPL", "GRP1", "MVNM",
                                    "MVIN", "NCON", "XDOR", "XSOA", "XSOT"):  # fmt: skip
        layout.tag_if(_is_encoded_text(content, name), end, label)
    else:
        layout.unexplained(end, label)


def _is_encoded_text(content: bytes, name: str) -> bool:
    """Text behind its encoding byte, with a language and a short description before it in some frames."""
    if not content:
        return True
    encoding, body = content[0], content[1:]
    if encoding > 3:
        return is_text(content)
    if name in ("COMM", "COM", "USLT", "ULT", "USER"):
        body = body[3:]
    if encoding in (0, 3):
        return all(_is_value(part) for part in body.split(b"\0"))
    if len(body) % 2 and body.endswith(b"\0"):
        body = body[:-1]
    units = np.frombuffer(body[: len(body) & ~1], "<u2")
    parts = np.split(units, np.flatnonzero(units == 0) + 1) if len(units) < 1 << 19 else [units]
    known = "utf-16" if encoding == 1 else "utf-16-be"
    return len(parts) < 4096 and all(is_text(part[part != 0].tobytes(), known) for part in parts if len(part))


def _is_value(text: bytes) -> bool:
    return is_text(text) or decode_picture(text) is not None


def _is_timed_text(content: bytes) -> bool:
    """Synchronised lyrics: pieces of text, each ended by a zero and a time of four bytes."""
    if len(content) < 6 or content[0] > 3:
        return False
    if content[0] in (1, 2):
        return len(content) <= 64 << 10
    body = content[6:]
    _, _, body = body.partition(b"\0")
    pieces = re.findall(rb"([^\0]*)\0[\s\S]{4}", body)
    return is_text(b"\n".join(pieces)) and sum(len(piece) + 5 for piece in pieces) >= len(body) - 8


def _mark_private(layout: Layout, end: int, name: str) -> None:
    """Private frames and objects, by who owns them."""
    content = layout.data[layout.at : end]
    if name == "PRIV":
        owner, _, body = content.partition(b"\0")
        known, names = KNOWN_PRIVATE, [owner]
    else:  # encoding, MIME type, file name, description, object
        body = content
        known, names = KNOWN_OBJECTS, content[1:256].split(b"\0")[:3]
    for prefix, most in known.items():
        if any(each.startswith(prefix) for each in names):
            label = f"ID3v2 {name} {prefix.decode('ascii').strip()}"
            if prefix in (b"XMP", b"www.amazon.com"):
                layout.tag_if(len(body) <= most and is_text(body), end, label)
            else:
                layout.numbers(end, label, most)
            return
    layout.unexplained(end, f"ID3v2 {name}")


def _mark_picture(layout: Layout, end: int, label: str, version: int) -> None:
    """Encoding, MIME type (three letters in v2.2), kind, description, then the picture itself."""
    data, at = layout.data, layout.at
    mime_end = at + 3 if version == 2 else data.find(b"\0", at + 1, end)
    encoding = data[at] if at < end else 0
    wide = encoding in (1, 2)
    description = mime_end + 2
    picture = description
    if mime_end >= 0:
        terminator = b"\0\0" if wide else b"\0"
        found = data.find(terminator, description, min(end, description + 1024))
        while wide and found >= 0 and (found - description) % 2:
            found = data.find(terminator, found + 1, min(end, description + 1024))
        picture = found + len(terminator) if found >= 0 else description
    if mime_end < 0 or picture > end or not is_text(data[at + 1 : mime_end]):
        layout.unexplained(end, label)
        return
    if data[at + 1 : mime_end] == b"-->":
        layout.tag_if(is_text(data[picture:end]), end, label)
        return
    mark_picture(layout, picture, end, label)


def mark_picture(layout: Layout, start: int, end: int, label: str) -> None:
    """Mark a picture from `start`, what is before it as its tag, and what is behind it as what it is."""
    finish = picture_end(layout.data, start, end)
    if finish is None:
        if start < end:
            layout.unexplained(end, label)
        layout.tag(end, label)
        return
    layout.tag(start, label)
    layout.mark(finish, SpanKind.PICTURE, label)
    layout.padding(end, f"{label} behind the picture")


def _mark_chapter(layout: Layout, end: int, name: str, version: int) -> None:
    """Chapters: an identifier, times or child identifiers, and frames of their own."""
    data = layout.data
    identifier = data.find(b"\0", layout.at, min(end, layout.at + 256))
    if identifier < 0:
        layout.unexplained(end, f"ID3v2 {name}")
        return
    at = identifier + 17
    if name == "CTOC":
        entries, at = data[identifier + 2] if identifier + 2 < end else 0, identifier + 3
        for _ in range(entries):
            at = data.find(b"\0", at, end) + 1 or end
    layout.tag_if(is_text(data[layout.at : identifier]), min(at, end), f"ID3v2 {name}")
    header, here = 10, layout.at
    while here + header < end and _FRAME_ID.match(data, here) and data[here : here + 4] not in (b"CHAP", b"CTOC"):
        size_bytes = data[here + 4 : here + 8]
        size = synchsafe(size_bytes) if version == 4 else int.from_bytes(size_bytes, "big")
        if size < 0 or here + header + size > end:
            break
        layout.structure(here + header, "ID3v2 frame")
        _walk_frame(layout, here + header + size, data[here : here + 4].decode("ascii"), version, data[here + 9])
        here = layout.at
    layout.padding(end, f"ID3v2 {name}")
