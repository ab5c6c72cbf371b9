"""All records of one partition key -> what their uploads are: tracks, verdicts without a track, or not whole yet.

The stream's own stages, called one after the other in one process: intake, rebuild, and the spool between them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from streaming.arrival import Arrival, SpooledChunk, read_content
from streaming.chunk import Format, WireLimits
from streaming.intake import Intake
from streaming.outcomes import Kind, Outcome
from streaming.rebuild import Group, Rebuilder, RebuildLimits
from streaming.single.find_records import Record
from streaming.spool import Piece, Spool
from streaming.wire import route

INTAKE_BYTES = 16 << 20  # of records that are taken in together


@dataclass
class Rebuilt:
    """What the records of a key gave.

    Attributes
    ----------
    outcomes
        Of uploads that are decided: tracks and verdicts.
    open_until_ms
        When the last of the uploads that are not whole will be given up, ms since the epoch; None = there is none.
    rejected
        How many records fit no upload; the job's table has them, if it read the stream.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    open_until_ms: int | None = None
    rejected: int = 0


class Shelf:
    """Payloads' places in memory; everything is here at once, so nothing waits for long."""

    def __init__(self) -> None:
        self._held: dict[int, Piece] = {}

    def put(self, payloads: Mapping[int, Piece]) -> None:
        """Add payloads by chunk index."""
        self._held.update(payloads)

    def take(self) -> dict[int, Piece]:
        """Give all payloads by chunk index."""
        return dict(self._held)

    def clear(self) -> None:
        """Forget all payloads."""
        self._held.clear()


def rebuild_key(
    key: str, arrivals: Iterable[Arrival], limits: RebuildLimits, spool: Spool, now_ms: int, cut: bool
) -> Rebuilt:
    """Rebuild the uploads of a partition key.

    Parameters
    ----------
    key
        The partition key.
    arrivals
        Its records, as `take_in` gives them.
    limits
        The job's.
    spool
        Where their bytes lie.
    now_ms
        The time, ms since the epoch.
    cut
        Whether the records begin somewhere amid the stream, so that the first ones may be the rest of an upload. Legacy
        slices before the first slice 0 are left out then: with those of the upload behind them they would make one.
    """
    groups: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        said = arrival.content
        upload_id = said.upload_id if isinstance(said, SpooledChunk) else (said.upload_id or "")
        groups[upload_id].append(arrival)
    rebuilt = Rebuilt()
    for upload_id, members in groups.items():
        members.sort(key=lambda each: each.place)
        kept = _from_first_slice(members) if cut and not upload_id else members
        if kept:
            _rebuild_group(Group(key), kept, Rebuilder(limits, spool.read), now_ms, rebuilt)
    return rebuilt


def _rebuild_group(group: Group, members: list[Arrival], rebuilder: Rebuilder, now_ms: int, rebuilt: Rebuilt) -> None:
    shelf = Shelf()
    arrived_ms = members[-1].arrived_us // 1000  # the time that counts: nobody waited for these records but we
    outcomes = [*rebuilder.rebuild(group, members, shelf, arrived_ms), *rebuilder.expire(group, shelf, now_ms)]
    rebuilt.outcomes += [each for each in outcomes if each.kind in (Kind.TRACK, Kind.VERDICT)]
    rebuilt.rejected += sum(each.kind is Kind.REJECTION for each in outcomes)
    if group.open is not None:
        until = min(rebuilder.patience.deadlines(group.open, now_ms))
        rebuilt.open_until_ms = max(rebuilt.open_until_ms or 0, until)


def _from_first_slice(members: list[Arrival]) -> list[Arrival]:
    """Leave out legacy slices before the first slice 0; where there is none, nothing is."""
    for number, arrival in enumerate(members):
        said = arrival.content
        if isinstance(said, SpooledChunk) and said.format == Format.LEGACY and said.index == 0:
            return members[number:]
    return members


def take_in(records: Iterable[Record], spool: Spool, limits: RebuildLimits) -> dict[str, list[Arrival]]:
    """Parse records and put their bytes into a spool; gives arrivals by partition key."""
    intake = Intake(spool, lambda: 0, WireLimits(), limits.rejected_bytes)
    arrivals: dict[str, list[Arrival]] = defaultdict(list)
    for batch in intake(_to_batches(records)):
        for row in batch.to_pylist():
            content = read_content(row["content"])
            arrival = Arrival(content, row["head"], row["stream"], row["sequence_number"], row["arrived_us"])
            arrivals[row["partition_key"]].append(arrival)
    return arrivals


def _to_batches(records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    held: list[Record] = []
    size = 0
    for record in records:
        held.append(record)
        size += len(record.data)
        if size >= INTAKE_BYTES:
            yield _to_batch(held)
            held, size = [], 0
    if held:
        yield _to_batch(held)


def _to_batch(records: list[Record]) -> pa.RecordBatch:
    """Lay records out as `streaming.sources.group_records` does."""
    columns = {
        "partition_key": pa.array([each.partition_key for each in records], pa.string()),
        "upload_id": pa.array([route(each.data) for each in records], pa.string()),
        "data": pa.array([each.data for each in records], pa.binary()),
        "stream": pa.array([each.stream for each in records], pa.string()),
        "sequence_number": pa.array([each.sequence_number for each in records], pa.string()),
        "arrived_us": pa.array([each.arrived_us for each in records], pa.int64()),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
