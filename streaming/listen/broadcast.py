"""One broadcast, listened to: chunks in, in any order, plays and changes out; what is remembered is plain text.

chunks -> order -> sound -> windows -> matches -> sightings -> plays
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from streaming.chunk import DEFAULT_LIMITS, Chunk
from streaming.inflate import InflateError
from streaming.listen.order import Order
from streaming.listen.plays import Heard, Tracker, sightings_of
from streaming.listen.slices import Rest
from streaming.listen.sound import decode_chunk
from streaming.listen.windows import Sound, Windows, rounded
from streaming.wire_v1 import encode_v1, parse_v1
from udfs.classify import Decoder
from udfs.errors import TrackError
from udfs.findings import Match

Identify = Callable[[Sound], list[Match]]
LONGEST_GAP_MS = 3_600_000


@dataclass(frozen=True)
class Fault:
    """A chunk whose sound could not be had."""

    index: int
    code: str
    detail: str


@dataclass
class Result:
    """What a broadcast gave."""

    heard: Heard = field(default_factory=Heard)
    faults: list[Fault] = field(default_factory=list)

    def add(self, heard: Heard) -> None:
        """Take what came of a window."""
        self.heard.plays += heard.plays
        self.heard.changes += heard.changes


class Broadcast:
    """Listens to one broadcast.

    Parameters
    ----------
    name
        Its channel and upload id: ids of plays are made from it.
    decoder, identify
        How chunks become sound, and windows matches.
    text
        What `to_text` gave: go on from there.
    """

    def __init__(self, name: str, decoder: Decoder, identify: Identify, text: str | None = None) -> None:
        state = {} if text is None else json.loads(text)
        self._decoder, self._identify = decoder, identify
        self._tracker = Tracker(name, state.get("lines"))
        self._windows = Windows.from_state(state["windows"]) if state else Windows()
        kind, head, data, *counts = state.get("rest", ("", "", ""))
        self._rest = Rest(kind, base64.b64decode(head), base64.b64decode(data), *counts)
        self._chunk_ms = int(state.get("chunk_ms", 0))
        self.began_us: int | None = state.get("began_us")
        self.order: Order[tuple[Chunk, int]] = Order(int(state.get("next", 0)), late=int(state.get("late", 0)))
        for index, (record, arrived_us) in state.get("waiting", {}).items():
            chunk = parse_v1(base64.b64decode(record), DEFAULT_LIMITS)
            assert isinstance(chunk, Chunk)  # noqa: S101 - it was one when it was written down
            self.order.waiting[int(index)] = ((chunk, arrived_us), len(chunk.payload))

    def to_text(self) -> str:
        """Write down what is remembered."""
        waiting = {
            index: (_base64(encode_v1(chunk)), arrived_us)
            for index, ((chunk, arrived_us), _) in self.order.waiting.items()
        }
        rest = self._rest
        state = {
            "next": self.order.next,
            "late": self.order.late,
            "waiting": waiting,
            "windows": self._windows.to_state(),
            "rest": (rest.kind, _base64(rest.head), _base64(rest.data), rest.heard, rest.owed),
            "chunk_ms": self._chunk_ms,
            "began_us": self.began_us,
            "lines": self._tracker.to_text(),
        }
        return json.dumps(state, separators=(",", ":"))

    def take(self, chunks: Iterable[tuple[Chunk, int]]) -> Result:
        """Take chunks, each with its arrival in microseconds since the epoch."""
        result = Result()
        for chunk, arrived_us in chunks:
            for missing, item in self.order.put(chunk.index, (chunk, arrived_us), len(chunk.payload)):
                self._hear(missing, *item, result)
        return result

    def give_up_waiting(self) -> Result:
        """Go on behind chunks that are missing."""
        result = Result()
        for missing, item in self.order.give_up():
            self._hear(missing, *item, result)
        return result

    def fall_silent(self) -> Result:
        """Nothing more comes, for now or for good: end what plays."""
        result = Result()
        self._listen(self._windows.flush(), result)
        self._end(result)
        return result

    def _hear(self, missing: int, chunk: Chunk, arrived_us: int, result: Result) -> None:
        if missing:
            self._leave_out(missing * self._chunk_ms, result)
        try:
            mono, self._rest = decode_chunk(chunk, self._rest, self._decoder)
        except (TrackError, InflateError) as error:
            detail = error.detail if isinstance(error, TrackError) else str(error)
            result.faults.append(Fault(chunk.index, str(error.code), detail))
            self._leave_out(self._chunk_ms, result)
            return
        before = self._windows.end_ms
        self._listen(self._windows.feed(rounded(mono)), result)
        self._chunk_ms = self._windows.end_ms - before
        if self.began_us is None:
            self.began_us = arrived_us - self._windows.end_ms * 1000
        if chunk.count and chunk.index == chunk.count - 1:
            self._listen(self._windows.flush(), result)
            self._end(result)

    def _leave_out(self, milliseconds: int, result: Result) -> None:
        self._rest = self._rest.behind_gap()
        self._listen(self._windows.skip(min(milliseconds, LONGEST_GAP_MS)), result)

    def _listen(self, windows: Iterator[tuple[int, Sound]], result: Result) -> None:
        for start_ms, mono in windows:
            result.add(self._tracker.hear(start_ms, sightings_of(self._identify(mono), start_ms)))

    def _end(self, result: Result) -> None:
        result.add(self._tracker.finish())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
