"""Which recordings play, from what is heard in one window after the other: sightings in, plays and changes out; pure.

A play is a stretch of one recording. What is heard is unsure at the edges, so

- a play is begun when `CONFIRMING` windows agree on recording and place, and then dated back to the first of them;
- it lasts through `BRIDGE_MS` without being heard (a voice over it, a quiet passage), and ends where it was last heard;
- the same recording at another place of itself is a return, a play of its own, when `RETURNING` windows agree on it
  (a refrain is taken for an earlier one now and then, in a window or two);
- of two recordings that claim the same sound that one is heard which was playing, or else the better match; two that
  overlap for a part, as in a cross-fade, are both heard.

Every rule looks at one window and what is remembered, so it makes no difference how windows are dealt out to batches.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from udfs.findings import Match

CONFIRMING = 2  # windows
RETURNING = 4
BRIDGE_MS = 20_000
SLACK_MS = 1_500  # by which two sightings of one play may disagree on where in the recording they are
DRIFT = 0.02  # and so much more of the time between them: speed is measured in short windows
SAME_SOUND = 0.5  # of the longer of two sightings
NAMESPACE = uuid.UUID("6f0b1a44-4d0c-5a3e-9f5e-2f1d7b6c8a90")


@dataclass(frozen=True)
class Sighting:
    """A recording heard in a window: from where to where in the broadcast, and at which place in itself it began."""

    reference_id: str
    start_ms: int
    end_ms: int
    place_ms: int
    score: float
    speed: float = 1.0
    title: str = ""
    artist: str = ""

    def place_at(self, moment_ms: int) -> float:
        """Where in the recording it would be at another moment."""
        return self.place_ms + (moment_ms - self.start_ms) * self.speed

    def continues(self, before: Sighting) -> bool:
        """Whether both can be of one play."""
        slack = SLACK_MS + DRIFT * abs(self.start_ms - before.start_ms)
        return abs(self.place_ms - before.place_at(self.start_ms)) <= slack


@dataclass(frozen=True)
class Play:
    """A stretch of one recording in a broadcast, in ms since the broadcast's beginning."""

    play_id: str
    reference_id: str
    title: str
    artist: str
    start_ms: int
    end_ms: int
    reference_start_ms: int
    reference_end_ms: int
    score: float  # the best of its windows
    windows: int


class ChangeKind(StrEnum):
    """What changed."""

    STARTED = "started"
    ENDED = "ended"


@dataclass(frozen=True)
class Change:
    """Something began or ended to play; `id` is the same whenever it is told again. `now` = what plays since."""

    id: str
    kind: ChangeKind
    at_ms: int
    play: Play
    now: tuple[str, ...]  # reference ids, the one that began last first


@dataclass
class Line:
    """What is remembered of one run of sightings that agree."""

    first: Sighting
    last: Sighting
    end_ms: int  # the latest moment at which it was heard
    best: float
    windows: int = 1
    playing: bool = False
    rival: Line | None = None  # the same recording, heard elsewhere in itself

    @classmethod
    def begin(cls, sighting: Sighting) -> Line:
        """Remember a first sighting."""
        return cls(sighting, sighting, sighting.end_ms, sighting.score)

    def extend(self, sighting: Sighting) -> None:
        """Take another sighting in."""
        self.last = sighting
        self.end_ms = max(self.end_ms, sighting.end_ms)
        self.best = max(self.best, sighting.score)
        self.windows += 1


@dataclass
class Heard:
    """What came of a window."""

    plays: list[Play] = field(default_factory=list)  # that are over
    changes: list[Change] = field(default_factory=list)


class Tracker:
    """Follows one broadcast.

    Parameters
    ----------
    broadcast
        Its name; ids of plays and changes are made from it.
    text
        What `to_text` gave: go on from there.
    """

    def __init__(self, broadcast: str, text: str | None = None) -> None:
        self._broadcast = broadcast
        self._lines: list[Line] = [] if text is None else [_to_line(value) for value in json.loads(text)]

    def to_text(self) -> str:
        """Write down what is remembered."""
        return json.dumps([asdict(line) for line in self._lines], separators=(",", ":"))

    def hear(self, window_ms: int, sightings: Sequence[Sighting]) -> Heard:
        """Take the sightings of the window that begins at `window_ms`; windows come in their order."""
        heard = Heard()
        self._end_silent(window_ms, heard)
        for sighting in self._choose(sightings):
            self._take(sighting, heard)
        return heard

    def finish(self) -> Heard:
        """End everything: the broadcast is over, or nobody knows what comes before what comes next."""
        heard = Heard()
        for line in sorted(self._lines, key=lambda one: one.end_ms):
            self._end(line, heard)
        return heard

    def now(self) -> tuple[str, ...]:
        """Give what plays, the one that began last first."""
        playing = [line for line in self._lines if line.playing]
        return tuple(one.first.reference_id for one in sorted(playing, key=lambda one: -one.first.start_ms))

    def _choose(self, sightings: Sequence[Sighting]) -> list[Sighting]:
        """Leave out recordings that claim a sound which another one has the better claim to."""

        def claim(sighting: Sighting) -> tuple[int, float, str]:
            lines = [line for line in self._lines if line.first.reference_id == sighting.reference_id]
            return (-max((1 + line.playing for line in lines), default=0), -sighting.score, sighting.reference_id)

        chosen: list[Sighting] = []
        for sighting in sorted(sightings, key=claim):
            rivals = [one for one in chosen if one.reference_id != sighting.reference_id]
            if not any(_shared(sighting, one) > SAME_SOUND for one in rivals):
                chosen.append(sighting)
        return sorted(chosen, key=lambda one: (one.start_ms, one.reference_id))

    def _take(self, sighting: Sighting, heard: Heard) -> None:
        line = next((one for one in self._lines if one.first.reference_id == sighting.reference_id), None)
        if line is None:
            self._lines.append(Line.begin(sighting))
        elif sighting.continues(line.last):
            line.extend(sighting)
            line.rival = None
            if not line.playing and line.windows >= CONFIRMING:
                self._start(line, heard)
        elif not line.playing:  # neither of two sightings is sure: the later one is what is followed
            self._lines[self._lines.index(line)] = Line.begin(sighting)
        elif line.rival is not None and sighting.continues(line.rival.last):
            line.rival.extend(sighting)
            if line.rival.windows >= RETURNING:
                self._return(line, line.rival, heard)
        else:
            line.rival = Line.begin(sighting)

    def _return(self, line: Line, rival: Line, heard: Heard) -> None:
        """End a play where the same recording began again."""
        line.end_ms = min(line.end_ms, max(rival.first.start_ms, line.last.end_ms))
        self._end(line, heard)
        self._lines.append(rival)
        self._start(rival, heard)

    def _start(self, line: Line, heard: Heard) -> None:
        line.playing = True
        heard.changes.append(self._change(ChangeKind.STARTED, line.first.start_ms, line))

    def _end_silent(self, window_ms: int, heard: Heard) -> None:
        for line in sorted(self._lines, key=lambda one: one.end_ms):
            alive = max(line.end_ms, line.rival.end_ms if line.rival else 0)
            if window_ms > alive + BRIDGE_MS:
                self._end(line, heard)

    def _end(self, line: Line, heard: Heard) -> None:
        self._lines.remove(line)
        if line.playing:
            heard.plays.append(self._play(line))
            heard.changes.append(self._change(ChangeKind.ENDED, line.end_ms, line))

    def _play(self, line: Line) -> Play:
        first = line.first
        name = f"{self._broadcast}\n{first.reference_id}\n{first.start_ms}"
        return Play(
            str(uuid.uuid5(NAMESPACE, name)),
            first.reference_id,
            first.title,
            first.artist,
            first.start_ms,
            line.end_ms,
            first.place_ms,
            round(line.last.place_at(line.end_ms)),
            line.best,
            line.windows,
        )

    def _change(self, kind: ChangeKind, at_ms: int, line: Line) -> Change:
        play = self._play(line)
        return Change(f"{play.play_id}-{kind.value}", kind, at_ms, play, self.now())


def sightings_of(matches: Sequence[Match], window_ms: int) -> list[Sighting]:
    """Place the matches of a window in the broadcast."""
    return [
        Sighting(
            match.reference_id,
            window_ms + match.query_offset_ms,
            window_ms + match.query_offset_ms + match.matched_ms,
            match.reference_offset_ms,
            float(match.score),
            float(match.speed),
            match.title,
            match.artist,
        )
        for match in matches
        if match.accepted
    ]


def _shared(one: Sighting, other: Sighting) -> float:
    """The share of the longer of two sightings in which both are."""
    common = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    longer = max(one.end_ms - one.start_ms, other.end_ms - other.start_ms)
    return common / longer if longer > 0 else 0.0


def _to_line(value: dict[str, Any]) -> Line:
    rival = value["rival"]
    line = Line(**{**value, "first": Sighting(**value["first"]), "last": Sighting(**value["last"]), "rival": None})
    return replace(line, rival=_to_line(rival) if rival else None)
