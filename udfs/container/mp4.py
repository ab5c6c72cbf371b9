"""MP4, M4A and QuickTime: boxes, and the media data that the sample tables point to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from udfs.container import id3, mp4_tags, tail
from udfs.container.layout import STRAY, Layout
from udfs.container.mp4_samples import MOST_CHUNKS, Fragments, chunk_ranges
from udfs.container.numbers import are_numbers
from udfs.container.spans import ContainerReport, SpanKind
from udfs.container.text import is_text

DEEPEST = 12
MOST_BOXES = 300_000  # on the outermost level: two a fragment, and a fragment a frame, make hours of sound
_BOX_NAME = re.compile(rb"[\x20-\x7e\xa9]{4}")

_CONTAINERS = {
    b"moov", b"trak", b"edts", b"mdia", b"minf", b"dinf", b"stbl", b"mvex", b"moof", b"traf", b"mfra", b"gmhd", b"tref",
    b"sinf", b"schi", b"wave", b"ludt", b"rinf", b"strk", b"strd", b"clip", b"matt",
}  # fmt: skip
_NUMBERS = {  # boxes of numbers that players need or know, with the most bytes that are believed
    b"ftyp": 4096, b"styp": 4096, b"mvhd": 256, b"tkhd": 256, b"mdhd": 256, b"vmhd": 64, b"smhd": 64, b"nmhd": 64,
    b"sthd": 64, b"hmhd": 64, b"elst": 1 << 20, b"dref": 4096, b"stsd": 64 << 10, b"stts": 64 << 20, b"ctts": 64 << 20,
    b"stsc": 64 << 20, b"stsz": 64 << 20, b"stz2": 64 << 20, b"stco": 64 << 20, b"co64": 64 << 20, b"stss": 64 << 20,
    b"stps": 16 << 20, b"sdtp": 16 << 20, b"stsh": 1 << 20, b"stdp": 16 << 20, b"padb": 1 << 20, b"sgpd": 64 << 10,
    b"sbgp": 16 << 20, b"subs": 16 << 20, b"cslg": 64, b"iods": 256, b"mehd": 64, b"trex": 64, b"leva": 4096,
    b"mfhd": 64, b"tfhd": 64, b"tfdt": 64, b"trun": 64 << 20, b"saiz": 1 << 20, b"saio": 1 << 20, b"sidx": 4 << 20,
    b"ssix": 1 << 20, b"tfra": 16 << 20, b"mfro": 16, b"prft": 64, b"pdin": 4096, b"gmin": 64, b"tmcd": 256,
    b"chap": 4096, b"tapt": 64, b"clef": 64, b"prof": 64, b"enof": 64, b"load": 64, b"cprt": 4096, b"elng": 256,
    b"emsg": 64 << 10, b"tcmi": 256, b"text": 256, b"hint": 64, b"cdsc": 64, b"folw": 64, b"fall": 64, b"crgn": 64,
    b"frma": 64, b"schm": 4096, b"colr": 4 << 20, b"tlou": 4096, b"alou": 4096, b"ctab": 4096, b"meco": 64,
}  # fmt: skip
_CODECS = {
    b"mp4a": "aac", b"alac": "alac", b"Opus": "opus", b"fLaC": "flac", b".mp3": "mp3", b"ac-3": "ac3", b"ec-3": "eac3",
    b"sowt": "pcm_s16", b"twos": "pcm_s16", b"lpcm": "pcm", b"ipcm": "pcm", b"fpcm": "pcm_f32", b"in24": "pcm_s24",
    b"samr": "amr_nb", b"sawb": "amr_wb", b"ulaw": "ulaw", b"alaw": "alaw", b"ima4": "adpcm_ima", b"mp4s": "mpeg4",
}  # fmt: skip
_HANDLERS = {  # of streams that are known, and not sound
    b"vide", b"text", b"sbtl", b"subt", b"subp", b"clcp", b"tmcd", b"hint", b"meta", b"odsm", b"sdsm", b"auxv", b"pict",
}  # fmt: skip
MOST_ALIGNMENT = 512  # bytes of a file that may lie between chunks of samples, fewer than 16 in each place
MUXERS_WORD = 128  # bytes of free space in which a muxer names itself; a text of 300 passed for one
_FREE = {b"free", b"skip", b"wide", b"pnot"}


@dataclass
class _Track:
    """What a trak box has told so far."""

    handler: bytes = b""
    identifier: int = 0
    codec: str = ""
    tables: dict[bytes, bytes] = field(default_factory=dict)


@dataclass
class _Movie:
    tracks: list[_Track] = field(default_factory=list)
    fragments: Fragments = field(default_factory=Fragments)


def walk_mp4(layout: Layout) -> ContainerReport:
    """Account for every byte of an MP4, M4A or QuickTime file."""
    movie = _read_movie(layout.data)
    sounding = [track for track in movie.tracks if track.handler == b"soun"]
    tags = tail.peel(layout.data, layout.at, layout.size)
    end = tags[0][0] if tags else layout.size
    _walk_boxes(layout, end, _Media(movie, layout.size), depth=0)
    layout.behind(end, "the last box")
    tail.walk_tail(layout, tags)
    return layout.report("mp4", sounding[0].codec if sounding else "")


def box_at(data: bytes, at: int, end: int) -> tuple[bytes, int, int] | None:
    """The box at `at` as (name, where its content begins, where it ends), or None when there is none.

    An end behind the data is the caller's to judge.
    """
    if at + 8 > end or not _BOX_NAME.match(data, at + 4):
        return None
    size, name, content = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
    if size == 1:
        if at + 16 > end:
            return None
        size, content = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
    elif size == 0:
        size = end - at
    return (name, content, at + size) if at + size >= content else None


def _read_movie(data: bytes) -> _Movie:
    """First pass: the tracks' sample tables and the fragments, wherever in the file they are."""
    movie, at, boxes = _Movie(), 0, 0
    while boxes < MOST_BOXES and (box := box_at(data, at, len(data))) is not None:
        name, content, end = box
        if name == b"moov":
            _read_boxes(data, content, min(end, len(data)), movie, 1)
        elif name == b"moof":
            movie.fragments.read(data, at, content, min(end, len(data)))
        at = end
        boxes += 1
    return movie


def _read_boxes(data: bytes, at: int, end: int, movie: _Movie, depth: int) -> None:
    while depth < DEEPEST and (box := box_at(data, at, end)) is not None:
        name, content, finish = box
        finish = min(finish, end)
        if name == b"trak":
            movie.tracks.append(_Track())
        if name == b"trex":
            movie.fragments.defaults[int.from_bytes(data[content + 4 : content + 8], "big")] = int.from_bytes(
                data[content + 16 : content + 20], "big"
            )
        if movie.tracks:
            track = movie.tracks[-1]
            if name == b"hdlr" and not track.handler:
                track.handler = data[content + 8 : content + 12]
            elif name == b"tkhd":
                offset = content + (20 if data[content : content + 1] == b"\1" else 12)
                track.identifier = int.from_bytes(data[offset : offset + 4], "big")
            elif name == b"stsd":
                coding = data[content + 12 : content + 16]
                track.codec = _CODECS.get(coding, coding.decode("latin-1").strip())
            elif name in (b"stsz", b"stz2", b"stsc", b"stco", b"co64"):
                track.tables.setdefault(name, data[content:finish])
        if name in _CONTAINERS:
            _read_boxes(data, content, finish, movie, depth + 1)
        at = finish


class _Media:
    """Where the tracks' samples lie: sorted runs, each of one track."""

    def __init__(self, movie: _Movie, size: int) -> None:
        self._tracks = movie.tracks
        parts = []
        left = MOST_CHUNKS
        for number, track in enumerate(movie.tracks):
            tables = chunk_ranges(track.tables, size, left)
            left -= len(tables[0])
            for starts, ends in (tables, movie.fragments.ranges(track.identifier, size)):
                parts.append((starts, ends, np.full(len(starts), number, np.int64)))
        columns = (
            [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.empty(0, np.int64)] * 3
        )
        order = np.argsort(columns[0], kind="stable")
        starts, ends, owners = (column[order] for column in columns)
        # Neighbours of one track are joined, so that a long file gives few spans.
        breaks = np.flatnonzero((starts[1:] != ends[:-1]) | (owners[1:] != owners[:-1])) + 1
        first = np.concatenate(([0], breaks))[: len(starts)]
        last = np.concatenate((breaks, [len(starts)])) - 1
        self._starts, self._ends, self._owners = starts[first], ends[last[: len(first)]], owners[first]
        self._next = 0
        self.alignment_left = MOST_ALIGNMENT

    def within(self, at: int, end: int) -> Iterator[tuple[int, int, SpanKind, str]]:
        """Runs that begin before `end`, from the first that reaches behind `at`; called with rising places."""
        self._next = max(self._next, int(np.searchsorted(self._starts, at)) - 1)
        while self._next < len(self._starts) and self._starts[self._next] < end:
            begin, finish = int(self._starts[self._next]), int(self._ends[self._next])
            track = self._tracks[int(self._owners[self._next])]
            if track.handler == b"soun":
                yield max(begin, at), finish, SpanKind.SOUND, f"mdat {track.codec}"
            else:
                kind = SpanKind.OTHER_STREAM if track.handler in _HANDLERS else SpanKind.UNEXPLAINED
                yield max(begin, at), finish, kind, f"mdat {track.handler.decode('latin-1')}"
            if finish > end:
                return
            self._next += 1


def _walk_boxes(layout: Layout, end: int, media: _Media, depth: int) -> None:
    """Mark boxes one after another up to `end`; stops where none is."""
    data = layout.data
    while (box := box_at(data, layout.at, end)) is not None:
        name, content, finish = box
        if finish > end:
            if depth or (name not in (b"mdat", b"moov", b"moof") and name not in _NUMBERS and name not in _FREE):
                return
            layout.lie("container.truncated", f"the file ends inside its {name.decode('latin-1')} box")
            finish = end
        label = f"MP4 {name.decode('latin-1')}"
        layout.structure(content, label)
        if name == b"mdat":
            _walk_media(layout, finish, media)
        elif name in _CONTAINERS and depth < DEEPEST:
            _walk_boxes(layout, finish, media, depth + 1)
            layout.padding(finish, label)
        elif name == b"udta":
            mp4_tags.walk_user_data(layout, finish)
        elif name == b"meta":
            mp4_tags.walk_meta(layout, finish)
        elif name == b"hdlr":
            layout.tag_if(mp4_tags.is_handler(data[content:finish]), finish, label)
        elif name == b"uuid":
            mp4_tags.walk_uuid(layout, finish)
        elif name in _FREE:
            _walk_free(layout, finish, label)
        elif name in (b"url ", b"urn ", b"name", b"titl", b"auth"):
            layout.tag_if(is_text(data[content:finish].replace(b"\0", b" ")), finish, label)
        elif name == b"ID32":
            layout.structure(min(content + 6, finish), label)
            if id3.tag_length(data, layout.at):
                id3.walk_id3v2(layout, finish)
        elif name in _NUMBERS and finish - content <= _NUMBERS[name] and are_numbers(data[content:finish]):
            layout.structure(finish, label)
        layout.unexplained(finish, label)


def _walk_free(layout: Layout, end: int, label: str) -> None:
    """Free space: zeros, a muxer's word about itself, or what is left of a box that was here."""
    content = layout.data[layout.at : end]
    if content.strip(b"\0") and len(content) <= MUXERS_WORD and mp4_tags.has_words_only(content):
        layout.tag(end, label)
    else:
        layout.padding(end, label)


def _walk_media(layout: Layout, end: int, media: _Media) -> None:
    """Mark what the sample tables point to; what lies between is unexplained unless it is zero or next to nothing."""
    for start, finish, kind, name in media.within(layout.at, end):
        _walk_unused(layout, start, media)
        layout.mark(min(finish, end), kind, name)
    _walk_unused(layout, end, media)


def _walk_unused(layout: Layout, end: int, media: _Media) -> None:
    if 0 < end - layout.at < min(STRAY, media.alignment_left):
        media.alignment_left -= end - layout.at
        layout.structure(end, "MP4 mdat alignment")
    else:
        layout.padding(end, "MP4 mdat of no track")
