"""Chains of frames that know their own length: MPEG audio and ADTS."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from udfs.container import id3, tail
from udfs.container.layout import Layout, TooManyPartsError
from udfs.container.noise import holds_program
from udfs.container.spans import ContainerReport

MOST_HEADERS = 2_000_000  # that lead nowhere; a file of any other kind has one in two thousand bytes
MOST_FRAMES = 4_000_000  # a day of sound
NEIGHBOURS = 50  # frames by which the length of one that was cut into is judged
SURE = 4  # frames in a row that make a chain; other data leads on from one header to the next by chance only
SURE_AGAIN = 2  # of those that go on after damage as they did before it
SURE_OTHER = 32  # of another stream behind damage; a program's table of jumps was taken for a dozen frames of Layer I


@dataclass(frozen=True)
class FrameFormat:
    """How a kind of frame is recognised.

    Parameters
    ----------
    header
        Matches what can be a header.
    length
        (data, at) -> the frame's whole length, 0 when there is no frame.
    same_stream
        (data, at, other) -> whether two headers can be of one stream.
    longest
        Most bytes of one frame.
    """

    container: str
    header: re.Pattern[bytes]
    length: Callable[[bytes, int], int]
    same_stream: Callable[[bytes, int, int], bool]
    longest: int


class ChainFinder:
    """Looks for chains of frames, up to `MOST_HEADERS` headers that lead nowhere."""

    def __init__(self, data: bytes, frames: FrameFormat, end: int) -> None:
        self._data = data
        self._frames = frames
        self._end = end
        self._left = MOST_HEADERS

    def find(self, start: int, before: int | None = None, known: int | None = None) -> int:
        """Where the next chain of `SURE` frames begins (two count if they end just where the data does); -1 if none.

        With `before`, one that begins there or later is none; `known` is where a frame of the stream before
        a damaged place begins.
        """
        data, frames, end = self._data, self._frames, self._end
        for match in frames.header.finditer(data, start, end):
            at, count = match.start(), 0
            if before is not None and at >= before:
                return -1
            sure = SURE
            if known is not None and at > start:
                sure = SURE_AGAIN if frames.same_stream(data, known, at) else SURE_OTHER
            while count < sure and at < end:
                length = frames.length(data, at)
                if not length or not frames.same_stream(data, match.start(), at):
                    break
                at += length
                count += 1
            if count >= sure or (count >= 2 and at == end and sure <= SURE):
                return match.start()
            self._left -= 1
            if self._left < 0:
                return -1
        return -1


def find_chain(data: bytes, frames: FrameFormat, start: int, before: int | None = None) -> int:
    """Where the first chain of frames begins, before `before` if that is said; -1 if nowhere."""
    return ChainFinder(data, frames, len(data)).find(start, before=before)


def walk_chain(
    layout: Layout, frames: FrameFormat, codec: str, mark_first: Callable[[Layout, int], None] | None = None
) -> ContainerReport:
    """Account for a file that is a chain of frames between tags, damaged places included.

    `mark_first` may mark a first frame that holds numbers about the stream instead of sound.
    """
    data = layout.data
    tags = tail.peel(data, layout.at, layout.size)
    end = tags[0][0] if tags else layout.size
    label = f"{codec} frames"
    began, count, first = False, 0, 0
    finder = ChainFinder(data, frames, end)
    while layout.at < end:
        start = finder.find(layout.at, known=first if began else None)
        if start < 0:
            break
        if start > layout.at:
            _mark_gap(layout, frames, start, began, label)
        if mark_first is not None and not began:
            mark_first(layout, min(start + frames.length(data, start), end))
        began = True
        at = first = start
        while at < end:
            length = frames.length(data, at)
            if not length or not frames.same_stream(data, first, at):
                break
            if at + length > end:
                layout.lie("container.truncated", "the last frame is cut short")
            at = min(at + length, end)
            count += 1
            if count > MOST_FRAMES:
                layout.sound(at, label)
                raise TooManyPartsError
        layout.sound(at, label)
    if began and layout.at < end:
        _mark_rest(layout, frames, end, label)
    tail.walk_tail(layout, tags)
    return layout.report(frames.container, codec)


def _mark_gap(layout: Layout, frames: FrameFormat, start: int, began: bool, label: str) -> None:
    """Bytes before a chain: the rest of a frame where a stream was cut into, zeros, a tag, or something else."""
    data = layout.data
    if id3.tag_length(data, layout.at) and layout.at + id3.tag_length(data, layout.at) <= start:
        id3.walk_id3v2(layout, start)
    gap = data[layout.at : start]
    if not any(gap):
        layout.padding(start, "zeros between frames")
    elif not began and len(gap) < _longest_rest(data, frames, start) and not holds_program(gap):
        layout.lie("container.starts_mid_frame", f"{len(gap)} bytes before the first whole frame")
        layout.sound(start, label)
    else:
        if began:
            layout.lie("container.damaged", f"{len(gap)} bytes between frames at byte {layout.at}")
        layout.unexplained(start, "between frames" if began else "before the first frame")


def _longest_rest(data: bytes, frames: FrameFormat, start: int) -> int:
    """How many bytes a frame may have that was cut into before `start`: twice as many as those that follow."""
    longest, at = 0, start
    for _ in range(NEIGHBOURS):
        length = frames.length(data, at)
        if not length:
            break
        longest, at = max(longest, length), at + length
    return min(frames.longest, 2 * longest)


def _mark_rest(layout: Layout, frames: FrameFormat, end: int, label: str) -> None:
    """Bytes behind the last frame: a frame that was cut inside its header, zeros, or something else."""
    data = layout.data
    if id3.tag_length(data, layout.at):
        id3.walk_id3v2(layout, end)
    rest = data[layout.at : end]
    if len(rest) < 4 and rest[:1] == b"\xff":
        layout.lie("container.truncated", "the last frame is cut short")
        layout.sound(end, label)
    else:
        layout.behind(end, "the last frame")
