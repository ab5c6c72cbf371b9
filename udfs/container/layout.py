"""The pen that walkers write with: spans can only follow one another, so they cover a file without gap or overlap."""

from __future__ import annotations

from collections.abc import Callable

from udfs.container.numbers import are_numbers
from udfs.container.spans import ContainerReport, Span, SpanKind

# A hostile file can hold millions of tiny parts. Past the first number of spans neighbours of the harmless kinds are
# merged; past one of the others (marks are merged spans, too) the walk ends and the rest is one unexplained span.
COARSE_AFTER = 10_000
SPAN_LIMIT = 20_000
MARK_LIMIT = 1_200_000  # three hours of a film have as many, at two a packet
STRAY = 16  # fewer bytes than this behind an end hold nothing: pad bytes, a size that was rounded up
_COARSE = {SpanKind.STRUCTURE, SpanKind.SOUND, SpanKind.OTHER_STREAM}


class TooManyPartsError(Exception):
    """The file has more parts than any that was made to be played."""


class Layout:
    """Spans of `data` written so far, from 0 to `at`, and the lies met on the way.

    Parameters
    ----------
    data
        The whole file, or a part of it that was put together from pieces (an Ogg packet).
    whole
        The layout of the whole that a part belongs to.
    """

    def __init__(self, data: bytes, whole: Layout | None = None) -> None:
        self.data = data
        self._spent: dict[str, int] = whole._spent if whole is not None else {}
        self.at = 0
        self.spans: list[Span] = []
        self.lies: list[tuple[str, str]] = []
        self._marks = 0

    @property
    def size(self) -> int:
        """Bytes of `data`."""
        return len(self.data)

    def mark(self, end: int, kind: SpanKind, name: str) -> None:
        """Say what the bytes from `at` to `end` are; an end behind the data is cut, one before `at` does nothing."""
        end = min(end, self.size)
        if end <= self.at:
            return
        last = self.spans[-1] if self.spans else None
        self._marks += 1
        if len(self.spans) >= SPAN_LIMIT or self._marks > MARK_LIMIT:
            raise TooManyPartsError
        if len(self.spans) >= COARSE_AFTER and last is not None and kind in _COARSE and last.kind in _COARSE:
            kind, name = last.kind, last.name
        if last is not None and last.kind is kind and last.name == name:
            self.spans[-1] = Span(last.start, end, kind, name)
        else:
            self.spans.append(Span(self.at, end, kind, name))
        self.at = end

    def structure(self, end: int, name: str) -> None:
        """Mark headers and sizes."""
        self.mark(end, SpanKind.STRUCTURE, name)

    def sound(self, end: int, name: str) -> None:
        """Mark samples."""
        self.mark(end, SpanKind.SOUND, name)

    def tag(self, end: int, name: str) -> None:
        """Mark a known tag."""
        self.mark(end, SpanKind.TAG, name)

    def unexplained(self, end: int, name: str) -> None:
        """Mark what nothing accounts for."""
        self.mark(end, SpanKind.UNEXPLAINED, name)

    def padding(self, end: int, name: str) -> None:
        """Mark bytes that the format allows to be unused: padding as far as they are zero, unexplained otherwise."""
        end = min(end, self.size)
        if end > self.at:
            zero = not any(self.data[self.at : end].strip(b"\0"))
            self.mark(end, SpanKind.PADDING if zero else SpanKind.UNEXPLAINED, name)

    def tag_if(self, is_known: bool, end: int, name: str) -> None:
        """Mark a known tag if its content is what it should be, else unexplained bytes under that name."""
        self.mark(end, SpanKind.TAG if is_known else SpanKind.UNEXPLAINED, name)

    def numbers(self, end: int, name: str, most: int) -> None:
        """Mark a tag of numbers, of which a file may have `most` bytes under one name; what is more is unexplained."""
        spent = self._spent[name] = self._spent.get(name, 0) + end - self.at
        self.tag_if(spent <= most and are_numbers(self.data[self.at : end]), end, name)

    def behind(self, end: int, part: str) -> None:
        """Mark what lies behind a container's last `part`, up to `end`: zeros, a few stray bytes, or nothing known."""
        rest = self.data[self.at : end]
        if not any(rest):
            self.padding(end, "zeros behind the end")
        elif len(rest) < STRAY:
            self.structure(end, "stray bytes behind the end")
        else:
            self.lie("container.trailing_bytes", f"{len(rest)} bytes behind {part}")
            self.unexplained(end, "behind the end")

    def lie(self, code: str, detail: str) -> None:
        """Note a contradiction; the first of each code is kept."""
        if all(code != known for known, _ in self.lies):
            self.lies.append((code, detail))

    def embed(self, part: Layout, place: Callable[[int], int]) -> None:
        """Take over the spans of a part that was unpacked; `place` maps its offsets to this layout's, rising."""
        for span in part.spans:
            self.mark(place(span.end), span.kind, span.name)
        for code, detail in part.lies:
            self.lie(code, detail)

    def give_up(self) -> None:
        """Say that the rest has too many parts to tell them apart."""
        self.lie("container.too_many_parts", f"more than {len(self.spans)} parts in the first {self.at} bytes")
        if self.at < self.size:
            self.spans.append(Span(self.at, self.size, SpanKind.UNEXPLAINED, "too many parts"))
            self.at = self.size

    def report(self, container: str, codec: str) -> ContainerReport:
        """Close the layout: whatever was not marked is unexplained."""
        if self.at < self.size:
            self.lie("container.trailing_bytes", f"{self.size - self.at} bytes behind the end")
            self.unexplained(self.size, "behind the end")
        return ContainerReport(container, codec, tuple(self.spans), tuple(self.lies))
