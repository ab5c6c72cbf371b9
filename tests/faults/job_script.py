"""The vocabulary of the fault tests, in the manner of Spark's StreamTest: a test is a script of actions.

    play(stage, Add(upload(1, sound)), Start(), Settle(), Crash("before rejections"), Start(), Settle(), Stop())

Every action works on the real query, its RocksDB state and its Delta tables. The clock is the one by which Spark times
batches, and so timers: `Advance` moves it, and no test waits for a timeout. A crash here ends the query at a named
point as an exception would, in seconds; tests/streaming/test_job_crash.py does so by SIGKILL of its process group.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from job_rig import Rig, make_rig
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from streaming.batch import BatchWriter
from streaming.errors import UserError
from streaming.ledger import Ledger
from streaming.producer import Record
from streaming.run import Job
from streaming.sinks import REJECTIONS, VERDICTS, Lake
from streaming.staging import Staging

PATIENCE_SECONDS = 3_600.0  # a busy machine's; nothing waits for so long where all is well
POLL_SECONDS = 0.2  # each look has the JVM write out a whole progress: at 0.05 that was a quarter of a script's CPU
STREAM_EXECUTION = "org.apache.spark.sql.execution.streaming.runtime.StreamExecution"

# Where a batch can end early, in its order: (class, method, table or None, whether before or after it).
POINTS: dict[str, tuple[type, str, str | None, str]] = {
    "before the rows are staged": (Staging, "write", None, "before"),
    "before verdicts": (Lake, "append", VERDICTS, "before"),
    "after verdicts": (Lake, "append", VERDICTS, "after"),  # the commit landed and its reply is lost
    "before rejections": (Lake, "append", REJECTIONS, "before"),
    "after rejections": (Lake, "append", REJECTIONS, "after"),
    "before the ledger": (Ledger, "post", None, "before"),
    "before the commit": (BatchWriter, "_write", None, "after"),  # `write` itself is bound when the query starts
}


class CrashedError(Exception):
    """The driver "died" at a point."""


@dataclass
class Stage:
    """What a script plays on: a job's folders, its clock, and the running job."""

    rig: Rig
    spark: SparkSession
    job: Job | None = None
    query: StreamingQuery | None = None
    clock: Any = None  # Spark's own ManualClock
    ahead_ms: int = 0  # how far the clock is ahead of real time, kept over restarts
    produced: list[Path] = field(default_factory=list)  # the record files added, in order

    @classmethod
    def make(cls, root: Path, index: Path, spark: SparkSession, **changes: Any) -> Stage:
        """Make an empty stage."""
        return cls(make_rig(root, index, **changes), spark)

    def close(self) -> None:
        """End a job that still runs."""
        if self.query is not None and self.query.isActive:
            self.query.stop()
        self.job = self.query = None

    def last(self, name: str) -> Any:
        """Give a field of the query's last progress; None before the first."""
        progress: Any = self.query.lastProgress if self.query is not None else None
        return None if progress is None else progress[name]

    def now_ms(self) -> int:
        """Give what the script's clock should show."""
        return time.time_ns() // 1_000_000 + self.ahead_ms


class Action:
    """One step of a script."""

    def play(self, stage: Stage) -> None:
        """Do it."""
        raise NotImplementedError


def play(stage: Stage, *script: Action) -> None:
    """Do a script's actions in order; one that fails says which it was."""
    for number, action in enumerate(script):
        try:
            action.play(stage)
        except BaseException as error:
            error.add_note(f"action {number} of the script: {action}")
            raise


@dataclass(frozen=True)
class Add(Action):
    """Put a record file into the inbox."""

    batch: Sequence[Record] = field(repr=False)

    def play(self, stage: Stage) -> None:
        """Write the file."""
        stage.produced.append(stage.rig.put(self.batch))


@dataclass(frozen=True)
class Start(Action):
    """Start the job, with other settings if some are said."""

    changes: dict[str, Any] = field(default_factory=dict)

    def play(self, stage: Stage) -> None:
        """Start the query and put it under the script's clock."""
        stage.job = Job(stage.spark, stage.rig.settings(**self.changes))
        stage.query = stage.job.start()
        jvm: Any = stage.spark.sparkContext._jvm
        stage.clock = jvm.org.apache.spark.util.ManualClock(stage.now_ms())
        _set_clock(stage.query, stage.clock)


def _set_clock(query: StreamingQuery, clock: Any) -> None:
    """Let a running query take the time from another clock: for its batches, and for when it triggers."""
    execution: Any = query._jsq.streamingQuery()
    kind = execution.getClass()
    while kind.getName() != STREAM_EXECUTION:
        kind = kind.getSuperclass()
    (own,) = (each for each in kind.getDeclaredFields() if each.getName().endswith("triggerClock"))
    own.setAccessible(True)
    own.set(execution, clock)


@dataclass(frozen=True)
class Advance(Action):
    """Move the job's clock, and wait for the batch that sees it and the one after."""

    seconds: float

    def play(self, stage: Stage) -> None:
        """Put the clock ahead; whoever waits sets it."""
        before = stage.last("batchId")
        stage.ahead_ms += int(self.seconds * 1000)
        _wait(stage, lambda: stage.last("batchId") is not None and stage.last("batchId") >= (before or 0) + 2)


@dataclass(frozen=True)
class Settle(Action):
    """Wait until everything that was added is read and what came of it is committed."""

    def play(self, stage: Stage) -> None:
        """Wait for an empty batch that began after now.

        The one that may be running now began before what was added; of a job just started, the first may be one that
        the run before had planned and not done.
        """
        before = stage.last("batchId")
        floor = None if before is None else before + 1

        def idle() -> bool:
            nonlocal floor
            batch_id = stage.last("batchId")
            if batch_id is None:
                return False
            floor = batch_id if floor is None else floor
            found_nothing_ever = "addBatch" not in stage.last("durationMs") and (before is None or not stage.produced)
            return found_nothing_ever or (batch_id > floor and stage.last("numInputRows") == 0)

        _wait(stage, idle)


@dataclass(frozen=True)
class Stop(Action):
    """Let the job end between two batches."""

    def play(self, stage: Stage) -> None:
        """Stop it as `soundgate run` does."""
        assert stage.job is not None
        stage.job.stop()
        stage.job = stage.query = None


@dataclass(frozen=True)
class FailNext(Action):
    """Have the next passing of a point raise; the job is not waited for."""

    point: str
    error: Exception

    def play(self, stage: Stage) -> None:
        """Arm the point; it disarms itself."""
        arm(self.point, self._raise)

    def _raise(self) -> None:
        raise self.error


@dataclass(frozen=True)
class Crash(Action):
    """Have the job die when it next passes a point, and wait for it."""

    point: str

    def play(self, stage: Stage) -> None:
        """Arm the point and wait for the end."""
        FailNext(self.point, CrashedError(self.point)).play(stage)
        query = stage.query
        assert query is not None
        _until(stage, lambda: not query.isActive)
        assert stage.job is not None
        assert isinstance(stage.job.writer.failure, CrashedError), stage.job.writer.failure
        stage.job = stage.query = None


@dataclass(frozen=True)
class ExpectFailure(Action):
    """The job, or its start, ends with an error that a user can read and that says this."""

    says: str
    start: Start | None = None

    def play(self, stage: Stage) -> None:
        """Start it if asked, wait for its end, and read what it says."""
        with pytest.raises(UserError, match=self.says):
            self._run(stage)
        stage.close()

    def _run(self, stage: Stage) -> None:
        if self.start is not None:
            self.start.play(stage)
        query, job = stage.query, stage.job
        assert query is not None
        assert job is not None
        _until(stage, lambda: not query.isActive)
        job.stop()


@dataclass(frozen=True)
class Expect(Action):
    """Look at the folders and tables."""

    check: Callable[[Rig], None]

    def play(self, stage: Stage) -> None:
        """Call the check."""
        self.check(stage.rig)


def arm(point: str, act: Callable[[], None]) -> None:
    """Do something once, when a point is next passed; the method is put back before that."""
    owner, method, table, when = POINTS[point]
    original = getattr(owner, method)

    def armed(*arguments: Any, **named: Any) -> Any:
        if table is not None and table not in arguments:
            return original(*arguments, **named)
        setattr(owner, method, original)
        if when == "before":
            act()
        result = original(*arguments, **named)
        if when == "after":
            act()
        return result

    setattr(owner, method, armed)


def same_inbox(rig: Rig, files: Sequence[Path]) -> None:
    """Give a rig the very record files of another: sequence numbers are in the rows."""
    rig.inbox.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(files):
        copy = rig.inbox / path.name
        copy.write_bytes(path.read_bytes())
        os.utime(copy, (1_700_000_000 + number,) * 2)


def _wait(stage: Stage, done: Callable[[], bool]) -> None:
    """Wait for the query; one that ends meanwhile says why."""
    query, job = stage.query, stage.job
    assert query is not None
    assert job is not None
    _until(stage, lambda: not query.isActive or done())
    if not query.isActive:
        job.stop()  # raises what it ended with
        raise AssertionError("the query ended by itself")
    job._note_progress(query)  # what `Job.watch` does now and then


def _until(stage: Stage, done: Callable[[], bool]) -> None:
    """Wait, and let the clock go on meanwhile: Spark waits on it for its next batch."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, "nothing happens"
        if stage.clock is not None:
            stage.clock.setTime(stage.now_ms())
        time.sleep(POLL_SECONDS)
