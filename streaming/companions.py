"""What goes along with a running query: metrics of its batches and publishers of its verdicts.

Each has threads of its own and takes no part in a batch: one that fails or hangs is complained of, and the job goes on.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from streaming.metrics import BatchMetrics, Counted, measure
from streaming.metrics_exporters import Exporter, open_exporter
from streaming.publisher import Publisher
from streaming.publisher_targets import open_target
from streaming.settings import Settings
from streaming.telling import tell

QUEUED_BATCHES = 1000  # while an exporter hangs; older ones are dropped then
FLUSH_SECONDS = 30.0  # for publishers and exporters at the job's end; what is left is published by the next run
EVENT_SECONDS = 5.0
REMEMBERED = 100  # batches whose counts wait for Spark's event


class Companions:
    """The metrics and publishers of one job.

    Parameters
    ----------
    settings
        The job's: ``metrics``, ``publish`` and what these need.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Opened here, so that a name that is none stops the start.
        self._exporters = [open_exporter(text, settings.name) for text in settings.metrics]
        self._stop = threading.Event()
        self._publishers = [Publisher(settings.lake, to, open_target(to), stop=self._stop) for to in settings.publish]
        self._publishing = [
            threading.Thread(target=self._publish, args=(publisher,), name="publisher", daemon=True)
            for publisher in self._publishers
        ]
        self._meter = Meter(self._exporters, settings.trigger_seconds, self.publisher_behind)

    def note(self, batch_id: int, counted: Counted) -> None:
        """Take what a batch's rows gave, once they are in the tables."""
        self._meter.note(batch_id, counted)

    def publisher_behind(self) -> float | None:
        """Give the age of the oldest verdict that some target has not taken, in seconds; None without publishers."""
        return max((publisher.tally.behind_seconds for publisher in self._publishers), default=None)

    @contextmanager
    def along(self, spark: SparkSession) -> Iterator[None]:
        """Run beside what happens inside; the tables are there already."""
        if self._exporters:
            spark.streams.addListener(self._meter)
        for thread in self._publishing:
            thread.start()
        try:
            yield
        finally:
            for publisher in self._publishers:
                publisher.finish.set()
            for thread in self._publishing:
                thread.join(FLUSH_SECONDS)
            self._stop.set()
            if self._exporters:
                self._meter.close(FLUSH_SECONDS)
                spark.streams.removeListener(self._meter)

    def _publish(self, publisher: Publisher) -> None:
        try:
            publisher.run()
        except Exception as error:  # the job does not depend on it; its state is in the lake
            tell(f"publishing stopped: {error}")


class Meter(StreamingQueryListener):
    """Turns Spark's progress events into metrics and hands them to the exporters, in a thread of its own."""

    def __init__(self, exporters: Sequence[Exporter], trigger_seconds: float, publisher_behind: Any) -> None:
        self._exporters = exporters
        self._trigger_seconds = trigger_seconds
        self._publisher_behind = publisher_behind
        self._counted: dict[int, Counted] = {}
        self._waiting: queue.Queue[BatchMetrics | None] = queue.Queue(QUEUED_BATCHES)
        self._thread = threading.Thread(target=self._export, name="metrics", daemon=True)
        self._thread.start()

    def note(self, batch_id: int, counted: Counted) -> None:
        """Keep a batch's counts until Spark's event of the same batch comes."""
        self._counted[batch_id] = counted
        for old in sorted(self._counted)[:-REMEMBERED]:
            self._counted.pop(old, None)

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802 - Spark's name
        """Spark calls it; nothing to measure yet."""

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """Measure a batch. An event of a batch that was only looked for and found empty has no counts."""
        try:
            progress = json.loads(event.progress.json)
            counted = self._counted.pop(int(progress["batchId"]), Counted())
            self.take(measure(progress, counted, self._trigger_seconds, self._publisher_behind()))
        except Exception as error:  # an exception here would go into Spark's listener bus and be lost
            tell(f"a batch could not be measured: {type(error).__name__}: {error}")

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """Spark calls it; an idle job's timers still make batches, and those are measured."""

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """Spark calls it; the end is the platform's to tell."""

    def take(self, metrics: BatchMetrics) -> None:
        """Queue a batch for the exporters; the oldest gives way when they hang."""
        while True:
            try:
                self._waiting.put_nowait(metrics)
            except queue.Full:
                self._waiting.get_nowait()
            else:
                return

    def close(self, seconds: float) -> None:
        """Export what waits, for so long at most, and let go.

        Spark's event of the last batch comes a moment after its end.
        """
        late = time.monotonic() + EVENT_SECONDS
        while self._counted and time.monotonic() < late:
            time.sleep(0.05)
        self._waiting.put(None)
        self._thread.join(seconds)
        for exporter in self._exporters:
            exporter.close()

    def _export(self) -> None:
        while (metrics := self._waiting.get()) is not None:
            for exporter in self._exporters:
                try:
                    exporter.export(metrics)
                except Exception as error:  # a target that is down: the next batch tries again
                    tell(f"{type(exporter).__name__} failed: {type(error).__name__}: {error}")
