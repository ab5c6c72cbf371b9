"""Tell others of each final verdict, at least once, after it is in its table; nothing here can hold up a batch.

A publisher follows the verdict table's commits, in a thread or a process of its own, and remembers in the lake how far
a target has got. What a target does not take is tried again, with growing pauses, for as long as it lasts; what it
says it never will take is put aside in the lake, and the next one goes on. A receiver tells repetitions by the upload
id, which is the message's id.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from streaming.errors import UserError
from streaming.places import Place, open_place
from streaming.publisher_targets import Answer, Message, Target
from streaming.redaction import redact_url
from streaming.telling import tell
from streaming.verdict_feed import TABLE, VerdictFeed

FOLDER = "_soundgate/publisher"
# Which tables are published, and which of their columns are a message's id and what subscriptions filter by.
PUBLISHED = {"verdicts": ("upload_id", "decision"), "play_changes": ("change_id", "change")}
# What a receiver gets: all of a verdict but the long lists, which stay in the table for whoever asks.
LEFT_OUT = frozenset({"evidence", "candidates", "missing"})
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
LOOK_SECONDS = 2.0  # between two looks for a new commit
CHECK_LOG_SECONDS = 300.0  # between two listings of the log, which on S3 cost more than a look


@dataclass(frozen=True)
class Cursor:
    """How far a target has got: the version to read next, and how many of its rows are done already."""

    table_id: str
    version: int
    rows: int = 0


@dataclass
class Tally:
    """What a publisher has done so far."""

    taken: int = 0
    refused: int = 0
    retries: int = 0
    behind_seconds: float = 0.0  # age of the oldest commit that is not published
    trouble: str = ""  # the target's last words, while it does not take


class Publisher:
    """Publishes one table of a lake, the verdicts as a rule, to one target.

    Parameters
    ----------
    lake
        A folder or ``s3://bucket/prefix``.
    to
        The target's name as the user wrote it; the cursor is filed under its digest.
    target
        The target, opened.
    from_now
        Where there is no cursor yet: begin with the next commit instead of the first.
    stop
        Set by others: send nothing more.
    table
        One of `PUBLISHED`.
    """

    def __init__(
        self,
        lake: str,
        to: str,
        target: Target,
        from_now: bool = False,
        stop: threading.Event | None = None,
        table: str = TABLE,
    ) -> None:
        self._feed = VerdictFeed(lake, table)
        self._table = table
        self._place: Place = open_place(lake)
        filed = to if table == TABLE else f"{table} {to}"
        self._folder = f"{FOLDER}/{hashlib.sha256(filed.encode()).hexdigest()[:16]}"
        self._target = target
        self._from_now = from_now
        self._stop = stop or threading.Event()
        self.finish = threading.Event()  # set by others: publish what is there, then end
        self._check_log_at = 0.0
        self._shown_target = redact_url(to) if "://" in to else to
        self._lake_was_read = False  # before that, a lake that is not there is a name that is wrong
        self._oldest_at: float | None = None  # time of the oldest commit that is not published; None: all are
        self.tally = Tally()

    def run(self) -> Tally:
        """Follow the table until told to stop; a lake that cannot be read for a while is tried again."""
        cursor: Cursor | None = None
        pauses = growing_pauses()
        while not self._stop.is_set():
            last = self.finish.is_set()
            before = cursor
            try:
                cursor = self.catch_up(cursor)
                pauses = growing_pauses()
                if not self._stop.is_set():
                    self._note_trouble("", "")
            except Exception as error:  # the store behind the lake: it is back some time, with the same rows
                if isinstance(error, UserError) and not (self._lake_was_read and isinstance(error.__cause__, OSError)):
                    raise
                self._note_trouble("the lake cannot be read", f"{type(error).__name__}: {error}")
                self._stop.wait(next(pauses))
                cursor = None  # what was saved is what counts
            if last:
                break
            if cursor is not None and cursor == before:
                self._stop.wait(LOOK_SECONDS)
        return self.tally

    def catch_up(self, cursor: Cursor | None = None) -> Cursor:
        """Publish every commit that is there; returns where it got, which is where it was when the target is down."""
        cursor = cursor or self.load_cursor()
        self._lake_was_read = True
        while not self._stop.is_set():
            commit = self._feed.commit(cursor.version)
            if commit is None:
                self._check_log(cursor)
                self._note_behind(None)
                break
            self._note_behind(commit.at_ms / 1000)
            cursor = self._publish(self._feed.rows(commit), cursor)
            if self._stop.is_set():
                break
            cursor = self._save(replace(cursor, version=cursor.version + 1, rows=0))
        return cursor

    def publish_everything(self) -> Tally:
        """Publish every row that the table holds now, and go on from there the next time."""
        next_version = self._feed.latest() + 1
        cursor = Cursor(self._feed.table_id(), next_version)
        self._publish(self._feed.everything(), replace(cursor, version=-1), saving=False)
        if not self._stop.is_set():
            self._save(cursor)
        return self.tally

    def load_cursor(self) -> Cursor:
        """Read how far the target has got.

        Raises
        ------
        UserError
            When the lake's table is another one than then.
        """
        table_id = self._feed.table_id()
        data = self._place.read(f"{self._folder}/cursor.json")
        if data is None:
            return self._save(Cursor(table_id, self._feed.latest() + 1 if self._from_now else 0))
        cursor = Cursor(**json.loads(data))
        if cursor.table_id != table_id:
            raise UserError(
                f"the lake's table {self._table} was made anew since this target was last published to. To publish the "
                f"new one from its beginning, delete {self._folder}/cursor.json in the lake"
            )
        return cursor

    def _publish(self, rows: Iterable[dict[str, Any]], cursor: Cursor, saving: bool = True) -> Cursor:
        """Send a commit's rows from where the cursor stands, a few at a time; the cursor follows what is done."""
        left = islice(rows, cursor.rows, None)
        while group := [make_message(row, self._table) for row in islice(left, self._target.batch)]:
            self._deliver(group)
            if self._stop.is_set():
                break
            cursor = replace(cursor, rows=cursor.rows + len(group))
            if saving:
                self._save(cursor)
        return cursor

    def _deliver(self, group: list[Message]) -> None:
        """Send messages until each is taken or refused, however long that takes; returns early when told to stop."""
        pauses = growing_pauses()
        while group and not self._stop.is_set():
            again = []
            for message, sent in zip(group, self._target.send(group), strict=True):
                if sent.answer is Answer.TAKEN:
                    self.tally.taken += 1
                elif sent.answer is Answer.REFUSED:
                    self._put_aside(message, sent.why)
                else:
                    again.append(message)
                    self._note_trouble(f"{self._shown_target} does not take what is published", sent.why)
            if not again:
                self._note_trouble("", "")
                return
            self.tally.retries += 1
            self._note_behind(self._oldest_at)
            if len(again) < len(group):
                pauses = growing_pauses()  # the target works: it took some
            group = again
            self._stop.wait(next(pauses))

    def _note_behind(self, oldest_at: float | None) -> None:
        """Note the oldest commit that is not published; asked again while a target is down, for its age grows."""
        self._oldest_at = oldest_at
        self.tally.behind_seconds = 0.0 if oldest_at is None else max(0.0, time.time() - oldest_at)

    def _note_trouble(self, what: str, why: str) -> None:
        """Tell the operator of trouble that is new, and of its end; `why` is "" when all is well."""
        if why and why != self.tally.trouble:
            tell(f"{what}, and it is tried again until it works: {why}")
        if self.tally.trouble and not why:
            tell(f"publishing to {self._shown_target} goes on")
        self.tally.trouble = why

    def _put_aside(self, message: Message, why: str) -> None:
        self.tally.refused += 1
        aside = json.dumps({"why": why, "message": json.loads(message.body)})
        self._place.write(f"{self._folder}/refused/{message.id}.json", aside.encode())

    def _check_log(self, cursor: Cursor) -> None:
        """Tell a commit that is not there yet from one that is there no more."""
        if time.monotonic() < self._check_log_at:
            return
        self._check_log_at = time.monotonic() + CHECK_LOG_SECONDS
        latest = self._feed.latest()
        if latest >= cursor.version and self._feed.commit(cursor.version) is None:
            raise UserError(
                f"version {cursor.version} is no longer in the log of the table (it is at {latest}): nothing "
                "was published for longer than the log is kept. Publish all that the table holds now with "
                "`soundgate publish --all`"
            )

    def _save(self, cursor: Cursor) -> Cursor:
        self._place.write(f"{self._folder}/cursor.json", json.dumps(asdict(cursor)).encode())
        return cursor


def make_message(row: dict[str, Any], table: str = TABLE) -> Message:
    """Write a row as JSON; times as ISO 8601 in UTC."""
    body = {name: value for name, value in row.items() if name not in LEFT_OUT}
    names = PUBLISHED[table]
    text = json.dumps(body, default=write_time, ensure_ascii=True)
    return Message(str(row[names[0]]), str(row[names[1]]), text, names)


def write_time(value: object) -> str:
    """Write what JSON has no type for."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a verdict holds a {type(value).__name__}")


def growing_pauses(draw: Callable[[], float] = random.random) -> Iterator[float]:
    """Give pauses in seconds that double up to a limit, each shortened by chance, against marching in step."""
    pause = FIRST_PAUSE
    while True:
        yield pause * (0.5 + draw() / 2)
        pause = min(pause * 2, LONGEST_PAUSE)
