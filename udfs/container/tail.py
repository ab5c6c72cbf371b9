"""Tags that are put behind any audio file: ID3v1, APE, Lyrics3, an ID3v2 tag with a footer. Peeled from the end."""

from __future__ import annotations

from collections.abc import Callable

from udfs.container import ape, id3
from udfs.container.layout import Layout
from udfs.container.text import is_text

MOST_TAGS = 16  # more tags behind one another than any program writes


def peel(data: bytes, start: int, end: int) -> list[tuple[int, int, Callable[[Layout, int], None]]]:
    """Find the tags that end at `end`, outermost last.

    Returns
    -------
    list
        (start, end, walker) of each tag in file order; the sound ends where the first begins.
    """
    tags: list[tuple[int, int, Callable[[Layout, int], None]]] = []
    while len(tags) < MOST_TAGS:
        found = _last_tag(data, start, end)
        if found is None:
            break
        begin, walker = found
        tags.append((begin, end, walker))
        end = begin
    return tags[::-1]


def walk_tail(layout: Layout, tags: list[tuple[int, int, Callable[[Layout, int], None]]]) -> None:
    """Mark peeled tags; what lies between `layout.at` and the first of them must have been marked before."""
    for start, end, walker in tags:
        if layout.at == start:
            walker(layout, end)


def _last_tag(data: bytes, start: int, end: int) -> tuple[int, Callable[[Layout, int], None]] | None:
    if end - start >= 128 and data[end - 128 : end - 125] == b"TAG":
        if end - start >= 355 and data[end - 355 : end - 351] == b"TAG+":
            return end - 355, _walk_enhanced_id3v1
        return end - 128, lambda layout, _: id3.walk_id3v1(layout)
    begin = ape.tag_start(data, start, end)
    if begin is not None:
        return begin, ape.walk_ape
    begin = _lyrics_start(data, start, end)
    if begin is not None:
        return begin, _walk_lyrics
    if end - start >= 20 and data[end - 10 : end - 7] == b"3DI":
        begin = end - 20 - max(0, id3.synchsafe(data[end - 4 : end]))
        if begin >= start and id3.tag_length(data, begin) == end - begin:
            return begin, id3.walk_id3v2
    return None


def _walk_enhanced_id3v1(layout: Layout, end: int) -> None:
    layout.tag_if(is_text(layout.data[layout.at : end].replace(b"\0", b" ")), end, "ID3v1 enhanced")


def _lyrics_start(data: bytes, start: int, end: int) -> int | None:
    if data[end - 9 : end] == b"LYRICS200" and data[end - 15 : end - 9].isdigit():
        begin = end - 15 - int(data[end - 15 : end - 9])
    elif data[end - 9 : end] == b"LYRICSEND":
        begin = data.rfind(b"LYRICSBEGIN", max(start, end - 5200), end)
    else:
        return None
    return begin if begin >= start and data[begin : begin + 11] == b"LYRICSBEGIN" else None


def _walk_lyrics(layout: Layout, end: int) -> None:
    layout.tag_if(is_text(layout.data[layout.at : end]), end, "Lyrics3")


def walk_behind_chunks(layout: Layout) -> None:
    """Account for what lies behind a RIFF or AIFF file's last chunk: tags, zeros, or bytes that nothing explains."""
    tags = peel(layout.data, layout.at, layout.size)
    start = tags[0][0] if tags else layout.size
    if id3.tag_length(layout.data, layout.at):
        id3.walk_id3v2(layout, start)
    layout.behind(start, "the last chunk")
    walk_tail(layout, tags)
