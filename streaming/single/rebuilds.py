"""Works on a queue's requests: fetch an upload from its stream, rebuild it, judge it, write its verdict."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streaming.assemble import Assembler
from streaming.files.consumer import Worked
from streaming.files.object_events import EventError
from streaming.files.queue import Received
from streaming.outcomes import Kind, Outcome
from streaming.places import Folder
from streaming.rebuild import limits_of
from streaming.settings import Settings
from streaming.single.find_records import Record
from streaming.single.lake import Name, VerdictLake, name_of
from streaming.single.rebuild_key import Rebuilt, rebuild_key, take_in
from streaming.single.request import Request, parse_request
from streaming.single.verdict_row import make_row
from streaming.spool import Spool
from streaming.track_store import open_store
from udfs.errors import NoTrackError
from udfs.row import Judge, judge_row, undecided
from udfs.track import Encoding, Track

FIRST_WAIT_SECONDS = 30  # before an upload that is not whole is looked for again; each time twice as long
MOST_WAIT_SECONDS = 900
MARGIN_SECONDS = 60

FindRecords = Callable[[Collection[str], int], Iterable[Record]]


@dataclass
class Done:
    """Counts of a run.

    Attributes
    ----------
    requests
        Messages that asked for an upload.
    written
        Verdicts by decision.
    known
        Uploads that had their verdict already.
    waiting
        How often an upload was not whole, or not there yet, and its message was put off.
    gone
        Partition keys of which the stream had no record any more.
    refused
        Messages that cannot be used, each time that one came.
    """

    requests: int = 0
    written: Counter[str] = field(default_factory=Counter)
    known: int = 0
    waiting: int = 0
    gone: list[str] = field(default_factory=list)
    refused: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the counts as ``--json`` prints them."""
        return {**vars(self), "written": dict(sorted(self.written.items()))}


class Rebuilds:
    """Works on requests.

    Parameters
    ----------
    find
        Gives the records of some partition keys from a time on (ms since the epoch).
    from_beginning
        Whether `find` gives all that there is, whatever the time.
    judge
        What judges.
    lake
        Where verdicts go.
    settings
        The job's.
    """

    def __init__(
        self, find: FindRecords, from_beginning: bool, judge: Judge, lake: VerdictLake, settings: Settings
    ) -> None:
        self._find = find
        self._from_beginning = from_beginning
        self._judge = judge
        self._lake = lake
        self._settings = settings
        self._keep = open_store(settings).keep
        self._limits = limits_of(settings)
        self.done = Done()

    def work(self, messages: Sequence[Received]) -> Worked:
        """Rebuild and judge what some messages ask for; raises what stops the run, with no message done."""
        worked = Worked()
        asked: list[tuple[Received, Request]] = []
        for message in messages:
            try:
                asked.append((message, parse_request(message.body)))
            except EventError as error:
                self.done.refused += 1
                worked.refused.append((message, str(error)))
        if asked:
            self._answer(asked, worked)
        return worked

    def _answer(self, asked: Sequence[tuple[Received, Request]], worked: Worked) -> None:
        """Read the stream once for all requests, then see what became of each key."""
        keys = {request.partition_key for _, request in asked}
        window_ms = self._limits.max_open_ms + 1000 * MARGIN_SECONDS
        since_ms = min(message.sent_ms for message, _ in asked) - window_ms
        with tempfile.TemporaryDirectory(prefix="soundgate-rebuild-") as folder:
            spool = Spool(Folder(Path(folder)))
            arrivals = take_in(self._find(keys, since_ms), spool, self._limits)
            rebuilt = {
                key: rebuild_key(key, arrivals[key], self._limits, spool, _now_ms(), not self._from_beginning)
                for key in sorted(keys & arrivals.keys())
            }
            known = self._lake.known(rebuilt)
            rows = [row for key, one in rebuilt.items() for row in self._rows(key, one.outcomes, known, spool)]
        self._lake.add_missing(rows)
        self.done.written.update(row["decision"] for row in rows)
        for message, request in asked:
            self.done.requests += 1
            self._settle(message, request, rebuilt.get(request.partition_key), worked)

    def _settle(self, message: Received, request: Request, rebuilt: Rebuilt | None, worked: Worked) -> None:
        """Say what becomes of a message: done, or put off because its upload may yet become whole."""
        until_ms = message.sent_ms + self._limits.timeout_ms if rebuilt is None else rebuilt.open_until_ms
        left = 0 if until_ms is None else (until_ms - _now_ms()) / 1000
        if left > 0:
            wait = min(FIRST_WAIT_SECONDS * 2 ** (message.receives - 1), MOST_WAIT_SECONDS, left + 1)
            self.done.waiting += 1
            worked.later.append((message, int(wait) + 1))
            return
        if rebuilt is None:
            self.done.gone.append(request.partition_key)
        worked.done.append(message)

    def _rows(self, key: str, outcomes: Sequence[Outcome], known: set[Name], spool: Spool) -> Iterator[dict[str, Any]]:
        """Judge the tracks among a key's uploads that have no verdict, and lay out all verdicts."""
        assemble = Assembler(spool.read, self._settings.max_upload_bytes)
        for outcome in outcomes:
            if name_of({**outcome.facts, "partition_key": key}) in known:
                self.done.known += 1
                continue
            facts = {**outcome.facts, "decided_us": _now_ms() * 1000}
            judged = self._judge_track(facts, key, assemble) if outcome.kind is Kind.TRACK else None
            yield make_row(key, facts, judged, self._settings.sha256)

    def _judge_track(self, facts: dict[str, Any], key: str, assemble: Assembler) -> dict[str, Any]:
        try:
            data = assemble(facts["recipe"])
        except NoTrackError as error:
            return undecided(error)
        encoding = Encoding(facts["encoding"])
        samples = encoding is Encoding.F32LE
        rate, channels = (facts["sample_rate"], facts["channels"]) if samples else (None, None)
        track = Track(data, encoding, rate, channels, facts.get("name") or key.partition("/")[2] or key)
        return judge_row(self._judge, track, self._keep)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
