"""Listening as Spark's ``transformWithState`` wants it: a thin shell around `streaming.listen.broadcast`.

State of a broadcast (partition key, upload id) is one text. A timer ends what plays when nothing more comes, and gives
up chunks that are missing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pyspark.sql import Row
from pyspark.sql.streaming.stateful_processor import (
    ExpiredTimerInfo,
    StatefulProcessor,
    StatefulProcessorHandle,
    TimerValues,
)
from pyspark.sql.types import StringType

from streaming import __version__
from streaming.chunk import DEFAULT_LIMITS, Chunk
from streaming.listen.broadcast import Broadcast, Result
from streaming.listen.tables import CHANGES, PLAYS, change_row, play_row
from streaming.rejections import Code, Rejection, reject
from streaming.schemas import fields
from streaming.sinks import REJECTIONS
from streaming.wire import parse
from udfs.classify import Decoder
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import identify
from udfs.samples import DecodeLimits
from udfs.sandbox import SandboxedDecoder
from udfs.spectrum import RATE

TEXT = fields(("text", StringType()))
HEARD = fields(("kind", StringType()), ("body", StringType()))
HeardRow = Row(*HEARD.names)
KEPT_BYTES = 4096  # of a record that is rejected

_ears: dict[str, tuple[LandmarkIndex, Decoder]] = {}  # the worker's own, by the index that it opened


@dataclass(frozen=True)
class Ear:
    """Says what to listen with; small, and pickled to the workers."""

    index: str
    manifest: bytes
    min_score: float

    def open(self) -> tuple[LandmarkIndex, Decoder]:
        """Open the index as it was when the job began, and a decoder; once a worker."""
        name = f"{self.index} {hashlib.sha256(self.manifest).hexdigest()}"
        if name not in _ears:
            _ears[name] = (open_index(self.index, self.manifest), SandboxedDecoder(DecodeLimits(max_seconds=3600)))
        return _ears[name]


class ListenProcessor(StatefulProcessor):
    """Feeds a broadcast's records and timers to a `Broadcast`.

    Parameters
    ----------
    ear
        What to listen with.
    silence_ms
        How long to wait for what is missing, and for more.
    marker_ms
        How long a broadcast that fell silent is remembered; at least the stream's retention.
    """

    def __init__(self, ear: Ear, silence_ms: int, marker_ms: int) -> None:
        self._ear = ear
        self._silence_ms = silence_ms
        self._marker_ms = marker_ms

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Name the state; called once a task."""
        self._handle = handle
        self._state = handle.getValueState("broadcast", TEXT, self._marker_ms)

    def handleInputRows(self, key: Any, rows: Iterator[Any], timerValues: TimerValues) -> Iterator[Row]:  # noqa: N802, N803
        """Listen to what came in this batch."""
        channel, broadcast_id = key
        good: list[tuple[Chunk, int]] = []
        for row in rows:
            chunk = parse(bytes(row.data), channel, DEFAULT_LIMITS)
            if isinstance(chunk, Rejection):
                yield _rejected(chunk, row, channel)
            elif not broadcast_id:
                yield _rejected(reject(Code.UNKNOWN_FORMAT, "A broadcast's records are v1."), row, channel)
            else:
                good.append((chunk, int(row.arrived_us)))
        if not good:
            return
        broadcast = self._recall(channel, broadcast_id)
        yield from self._tell(broadcast, broadcast.take(good), channel, broadcast_id)
        self._remember(broadcast, timerValues.getCurrentProcessingTimeInMs())

    def handleExpiredTimer(  # noqa: N802 - Spark calls it by these names
        self,
        key: Any,
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: N803
    ) -> Iterator[Row]:
        """Go on behind what is missing; where nothing is, the broadcast has fallen silent."""
        channel, broadcast_id = key
        broadcast = self._recall(channel, broadcast_id)
        waiting = bool(broadcast.order.waiting)
        result = broadcast.give_up_waiting() if waiting else broadcast.fall_silent()
        yield from self._tell(broadcast, result, channel, broadcast_id)
        if waiting:
            self._remember(broadcast, timerValues.getCurrentProcessingTimeInMs())
        else:
            self._state.update((broadcast.to_text(),))

    def _recall(self, channel: str, broadcast_id: str) -> Broadcast:
        index, decoder = self._ear.open()
        search = partial(identify, sample_rate=RATE, index=index, min_score=self._ear.min_score)
        text = self._state.get()
        return Broadcast(f"{channel}\n{broadcast_id}", decoder, search, text[0] if text else None)

    def _remember(self, broadcast: Broadcast, now_ms: int) -> None:
        self._state.update((broadcast.to_text(),))
        for timer in list(self._handle.listTimers()):
            self._handle.deleteTimer(timer)
        self._handle.registerTimer(now_ms + self._silence_ms)

    def _tell(self, broadcast: Broadcast, result: Result, channel: str, broadcast_id: str) -> Iterator[Row]:
        index, _ = self._ear.open()
        told = (channel, broadcast_id, broadcast.began_us or 0, index.sha256)
        for change in result.heard.changes:
            yield HeardRow(CHANGES, json.dumps(change_row(change, *told)))
        for play in result.heard.plays:
            yield HeardRow(PLAYS, json.dumps(play_row(play, *told)))
        for fault in result.faults:
            body = {
                "reason": fault.code,
                "message": f"Chunk {fault.index}: {fault.detail}",
                "upload_id": broadcast_id,
                "partition_key": channel,
                "rejected_at": datetime.now(UTC).isoformat(),
                "code_version": __version__,
            }
            yield HeardRow(REJECTIONS, json.dumps(body))


def _rejected(rejection: Rejection, row: Any, channel: str) -> Row:
    data = bytes(row.data)
    body = {
        "reason": str(rejection.code),
        "message": rejection.message,
        "data": base64.b64encode(data[:KEPT_BYTES]).decode(),
        "data_truncated": len(data) > KEPT_BYTES,
        "data_length": len(data),
        "data_sha256": hashlib.sha256(data).hexdigest(),
        "upload_id": rejection.upload_id,
        "partition_key": channel,
        "stream": row.stream,
        "sequence_number": row.sequence_number,
        "arrived_at": datetime.fromtimestamp(row.arrived_us / 1e6, UTC).isoformat(),
        "rejected_at": datetime.now(UTC).isoformat(),
        "code_version": __version__,
    }
    return HeardRow(REJECTIONS, json.dumps(body))
