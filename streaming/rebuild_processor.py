"""The rebuild as Spark's ``transformWithState`` wants it: a thin shell around `streaming.rebuild`.

State of a group (partition key, upload id), all of it text, because a binary state value is pickled character by
character in the JVM when Python reads it:

- ``upload``: the open upload's progress, as JSON;
- ``finished``: the marker of the last finished upload, which expires by itself;
- ``chunks``: where the open upload's payloads lie in the spool, a JSON text for each batch that brought some, by the
  lowest chunk index of that batch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from pyspark.sql import Row
from pyspark.sql.streaming.stateful_processor import (
    ExpiredTimerInfo,
    MapState,
    StatefulProcessor,
    StatefulProcessorHandle,
    TimerValues,
    ValueState,
)
from pyspark.sql.types import IntegerType, StringType

from streaming.arrival import Arrival, read_content
from streaming.open_upload import FinishedUpload, OpenUpload
from streaming.outcomes import Outcome
from streaming.places import Place
from streaming.pressure import read_changes
from streaming.rebuild import Group, Rebuilder
from streaming.schemas import OUTCOME, fields
from streaming.spool import Piece

TEXT = fields(("text", StringType()))
INDEX = fields(("index", IntegerType()))
OutcomeRow = Row(*OUTCOME.names)


class ShelfInState:
    """The payloads' places in a MapState of the group: one entry a batch, however many chunks it brought."""

    def __init__(self, chunks: MapState) -> None:
        self._chunks = chunks

    def put(self, payloads: Mapping[int, Piece]) -> None:
        """Add payloads by chunk index."""
        places = [(index, piece.file, piece.start, piece.length) for index, piece in payloads.items()]
        self._chunks.updateValue((min(payloads),), (json.dumps(places, separators=(",", ":")),))

    def take(self) -> dict[int, Piece]:
        """Give all payloads by chunk index."""
        texts = [text for _, (text,) in self._chunks.iterator()]
        return {index: Piece(*place) for text in texts for index, *place in json.loads(text)}

    def clear(self) -> None:
        """Forget all payloads."""
        self._chunks.clear()


class RebuildProcessor(StatefulProcessor):
    """Feeds a group's rows and timers to a `Rebuilder` and keeps what it wants remembered.

    Parameters
    ----------
    rebuilder
        The rebuild itself; pickled to the workers.
    marker_ttl_ms
        How long finished uploads are remembered, in ms; at least the stream's retention.
    checkpoint
        Where the driver says whether uploads get less time; read once a task. None = they never do.
    """

    def __init__(self, rebuilder: Rebuilder, marker_ttl_ms: int, checkpoint: Place | None = None) -> None:
        self._rebuilder = rebuilder
        self._marker_ttl_ms = marker_ttl_ms
        self._checkpoint = checkpoint

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Name the state variables; called once a task."""
        self._handle = handle
        if self._checkpoint is not None:
            self._rebuilder.patience.changes = read_changes(self._checkpoint)
        self._upload: ValueState = handle.getValueState("upload", TEXT)
        self._finished: ValueState = handle.getValueState("finished", TEXT, self._marker_ttl_ms)
        self._shelf = ShelfInState(handle.getMapState("chunks", INDEX, TEXT))

    def handleInputRows(self, key: Any, rows: Iterator[Any], timerValues: TimerValues) -> Iterator[Row]:  # noqa: N802, N803
        """Take all records of the group in this batch: Spark calls this once a group and batch."""
        arrivals = (
            Arrival(read_content(row.content), row.head, row.stream, row.sequence_number, row.arrived_us)
            for row in rows
        )
        group = self._recall(key[0])
        timer_ms = group.open.timer_ms if group.open else None
        now_ms = timerValues.getCurrentProcessingTimeInMs()
        for outcome in self._rebuilder.rebuild(group, arrivals, self._shelf, now_ms):
            yield _to_row(key[0], outcome)
        self._remember(group, timer_ms)

    def handleExpiredTimer(  # noqa: N802 - Spark calls it by these names
        self,
        key: Any,
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: N803
    ) -> Iterator[Row]:
        """Close the group's upload, or give it a later timer; Spark deletes the expired one itself."""
        group = self._recall(key[0])
        now_ms = timerValues.getCurrentProcessingTimeInMs()
        for outcome in self._rebuilder.expire(group, self._shelf, now_ms):
            yield _to_row(key[0], outcome)
        self._remember(group, expiredTimerInfo.getExpiryTimeInMs())

    def _recall(self, partition_key: str) -> Group:
        upload, finished = self._upload.get(), self._finished.get()
        return Group(
            partition_key,
            open=OpenUpload.from_text(upload[0]) if upload else None,
            finished=FinishedUpload.from_text(finished[0]) if finished else None,
            shelved=upload is not None,
        )

    def _remember(self, group: Group, timer_ms: int | None) -> None:
        """Write back what changed; `timer_ms` is the timer that the group has so far."""
        if not group.changed:
            return
        if group.open is not None:
            self._upload.update((group.open.to_text(),))
        elif timer_ms is not None:
            self._upload.clear()
        if group.ended and group.finished is not None:
            self._finished.update((group.finished.to_text(),))
        wanted = group.open.timer_ms if group.open else None
        if timer_ms != wanted:
            if timer_ms is not None:
                self._handle.deleteTimer(timer_ms)
            if wanted is not None:
                self._handle.registerTimer(wanted)


def _to_row(partition_key: str, outcome: Outcome) -> Row:
    return OutcomeRow(outcome.kind.value, partition_key, outcome.data, outcome.facts_json(time.time_ns() // 1000))
