"""Arrivals of one group -> recipes of tracks, verdicts without a track, and rejections. Pure: no Spark, no clock.

A group is all records of one partition key and upload id (`streaming.wire.route`; the id is "" for legacy and for
whatever cannot be parsed). Any order, any split into batches and any number of duplicates give the same recipe.

Payloads lie in the spool and are not touched here; where they lie waits on a `Shelf` while an upload is unfinished, and
one that is whole within a batch needs not even that. Nothing done for a chunk depends on how many there are. Only
legacy has to be read, because inflating alone tells its end: it is tried when the cheap look at the last bytes
(`may_end_legacy`) says that the end can be there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from streaming.arrival import TAIL, Arrival, SpooledChunk, Unusable
from streaming.assemble import ReadPieces, Recipe, read_and_join
from streaming.chunk import MIB
from streaming.inflate import may_end_legacy
from streaming.open_upload import FinishedUpload, OpenUpload
from streaming.outcomes import Kind, Outcome
from streaming.patience import Patience
from streaming.rejections import Code, Rejection, reject
from streaming.settings import Settings
from streaming.spool import Piece
from streaming.wire_legacy import legacy_upload_id
from udfs.errors import NoTrackError

MOST_MISSING_RANGES = 1_000
MOST_TRIES = 16  # one slice in fifty looks as if the stream ended with it: enough for two hours of legacy sound


@dataclass(frozen=True, slots=True)
class RebuildLimits:
    """How much one upload may take. Sizes in bytes, times in milliseconds of processing time."""

    max_upload_bytes: int = 256 * MIB  # of the payloads as carried, and of the track after inflating
    max_chunks: int = 16_384
    timeout_ms: int = 600_000  # without a new chunk
    max_open_ms: int = 3_600_000  # from the first chunk on, however busy
    rejected_bytes: int = 65_536  # how much of a rejected record is kept


def limits_of(settings: Settings) -> RebuildLimits:
    """Give the limits that a job's settings say."""
    return RebuildLimits(
        max_upload_bytes=settings.max_upload_bytes,
        max_chunks=settings.max_upload_chunks,
        timeout_ms=int(settings.timeout_seconds * 1000),
        max_open_ms=int(settings.max_open_seconds * 1000),
        rejected_bytes=settings.max_rejected_bytes,
    )


class Shelf(Protocol):
    """Where the places of an open upload's payloads wait between batches."""

    def put(self, payloads: Mapping[int, Piece]) -> None:
        """Add payloads by chunk index, at least one; none of them is there already."""

    def take(self) -> dict[int, Piece]:
        """Give all payloads by chunk index."""

    def clear(self) -> None:
        """Forget all payloads."""


@dataclass
class Group:
    """A group's memory, and this batch's payloads, which are not on the shelf (yet)."""

    partition_key: str
    open: OpenUpload | None = None
    finished: FinishedUpload | None = None
    shelved: bool = False  # whether `open` was kept by an earlier batch, its payloads on the shelf
    changed: bool = False  # whether `open` has to be remembered anew
    ended: bool = False  # whether `finished` has to be
    fresh: dict[int, Piece] = field(default_factory=dict)


class Rebuilder:
    """Turns a group's records and timers into outcomes.

    Parameters
    ----------
    limits
        What an upload may take.
    read
        Reads pieces of the spool.
    starts_ms
        When each run of the job on this checkpoint began (`streaming.starts`): time that the job stood still does not
        count against an upload.
    """

    def __init__(self, limits: RebuildLimits, read: ReadPieces, starts_ms: Sequence[int] = ()) -> None:
        self._limits = limits
        self._read = read
        self.patience = Patience(limits.timeout_ms, limits.max_open_ms, starts_ms)

    def rebuild(self, group: Group, arrivals: Iterable[Arrival], shelf: Shelf, now_ms: int) -> Iterator[Outcome]:
        """Take a batch's records of a group, changing `group` and `shelf`.

        Parameters
        ----------
        group
            What is remembered; `group.open.timer_ms` says afterwards when `expire` is to be called.
        arrivals
            The group's records, in any order.
        shelf
            Where the payloads' places wait.
        now_ms
            The batch's time.

        Yields
        ------
        Outcome
            At most one verdict or track for each upload, one rejection for each unused record.
        """
        for arrival in sorted(arrivals, key=lambda each: each.place):
            if isinstance(arrival.content, Unusable):
                yield _reject_unusable(arrival, arrival.content)
            else:
                yield from self._take(group, arrival.content, arrival, shelf, now_ms)
        if group.changed:
            yield from self._finish(group, shelf)
            yield from self._keep(group, shelf, now_ms)

    def expire(self, group: Group, shelf: Shelf, now_ms: int) -> Iterator[Outcome]:
        """Close the group's upload if its time is over, else move its timer."""
        upload = group.open
        if upload is None:
            return
        group.changed = True
        if now_ms < min(self.patience.deadlines(upload, now_ms)):
            upload.timer_ms = self.patience.next_look(upload, now_ms)
            return
        yield from self._finish(group, shelf, last_chance=True)
        if group.open is not None:
            code, text = self.patience.why_over(upload, now_ms)
            yield self._decide(group, upload, shelf, NoTrackError("incomplete", code, text))

    def _take(
        self, group: Group, chunk: SpooledChunk, arrival: Arrival, shelf: Shelf, now_ms: int
    ) -> Iterator[Outcome]:
        """Put one chunk where it belongs."""
        if _is_late(group, chunk):
            late = chunk.upload_id or (group.finished.upload_id if group.finished else None)
            yield self._reject(arrival, reject(Code.LATE, upload_id=late), chunk)
            return
        if _may_begin_next(group, chunk):
            yield from self._finish(group, shelf)
        if group.open is None:
            upload_id = chunk.upload_id or legacy_upload_id(group.partition_key, arrival.sequence_number)
            group.open = OpenUpload.begin(chunk, upload_id, arrival.stream, arrival.place, now_ms)
        upload = group.open
        received = upload.received
        refused = _add(group, upload, chunk, self._limits.max_upload_bytes)
        if refused is not None:
            yield self._reject(arrival, refused, chunk)
            return
        group.changed = True
        upload.first, upload.last = min(upload.first, arrival.place), max(upload.last, arrival.place)
        if upload.received > received:  # a copy of a chunk keeps no upload open
            upload.active_ms = now_ms
        too_large = self._exceeds(upload)
        if too_large is not None:
            yield self._decide(group, upload, shelf, too_large)

    def _exceeds(self, upload: OpenUpload) -> NoTrackError | None:
        limits = self._limits
        claimed = max(upload.carried_bytes, upload.track_bytes or 0)
        if claimed > limits.max_upload_bytes:
            return NoTrackError("reject", "upload.too_large", f"{claimed} bytes, of at most {limits.max_upload_bytes}")
        chunks = max(upload.count, upload.top + 1)
        if chunks > limits.max_chunks:
            return NoTrackError("reject", "upload.too_many_chunks", f"{chunks} chunks, of at most {limits.max_chunks}")
        return None

    def _finish(self, group: Group, shelf: Shelf, last_chance: bool = False) -> Iterator[Outcome]:
        """Close the open upload if it is whole; for the `last_chance`, a legacy one is tried whatever it looks."""
        upload = group.open
        if upload is None or not (upload.whole or (upload.legacy and (last_chance or upload.may_be_whole))):
            return
        payloads = (shelf.take() if group.shelved else {}) | group.fresh
        recipe = make_recipe(upload, payloads)
        try:
            ended = not upload.legacy or self._has_ended(recipe)
        except NoTrackError as error:
            yield self._decide(group, upload, shelf, error)
            return
        if not ended:
            # Only a higher slice can bring the end. Tries are few, since each may inflate a whole upload, and strangers
            # could else ask for one with every small record. A longer stream gets its verdict at the timeout.
            upload.may_end, upload.tries, group.changed = False, upload.tries + 1, True
        else:
            facts = {
                **_describe(group, upload),
                "recipe": recipe.to_text(),
                "encoding": upload.encoding,
                "sample_rate": upload.sample_rate,
                "channels": upload.channels,
                "chunks_expected": upload.received,
            }
            self._close(group, upload, shelf)
            yield Outcome(Kind.TRACK, None, facts)

    def _has_ended(self, recipe: Recipe) -> bool:
        """Say whether a legacy upload's gzip stream ends with these slices; they are joined again to be judged."""
        return read_and_join(recipe, self._read, self._limits.max_upload_bytes) is not None

    def _keep(self, group: Group, shelf: Shelf, now_ms: int) -> Iterator[Outcome]:
        """Shelve what came for an upload that is not whole yet."""
        upload = group.open
        if upload is None:
            return
        if group.fresh:
            shelf.put(group.fresh)
            group.fresh = {}
        if not group.shelved:
            group.shelved = True
            upload.timer_ms = self.patience.next_look(upload, now_ms)
            yield Outcome(Kind.OPENED, None, {"upload_id": upload.upload_id})

    def _decide(self, group: Group, upload: OpenUpload, shelf: Shelf, error: NoTrackError) -> Outcome:
        """Close an upload without a track."""
        missing = [] if upload.whole else upload.missing(MOST_MISSING_RANGES)
        facts = {
            **_describe(group, upload),
            "decision": error.decision,
            "reason": error.code,
            "message": str(error),
            "chunks_expected": upload.count or None,
            "missing": [{"first": first, "last": last} for first, last in missing],
        }
        self._close(group, upload, shelf)
        return Outcome(Kind.VERDICT, None, facts)

    def _close(self, group: Group, upload: OpenUpload, shelf: Shelf) -> None:
        if group.shelved:
            shelf.clear()
        group.open, group.finished = None, FinishedUpload.of(upload, group.finished)
        group.fresh, group.shelved, group.changed, group.ended = {}, False, True, True

    def _reject(self, arrival: Arrival, rejection: Rejection, chunk: SpooledChunk) -> Outcome:
        """Reject a record that was spooled, as what it says does not fit."""
        (data,) = self._read([chunk.record])
        return _reject_unusable(
            replace(arrival, head=bytes(data[: self._limits.rejected_bytes])), Unusable.of(rejection, data)
        )


def make_recipe(upload: OpenUpload, payloads: Mapping[int, Piece]) -> Recipe:
    """Put an upload's pieces in order; of a legacy one, those that have no gap from 0 on."""
    count = _prefix(payloads) if upload.legacy else upload.count
    pieces = tuple(payloads[index] for index in range(count))
    return Recipe(pieces, upload.format, upload.compression, upload.track_bytes, upload.track_sha256)


def _reject_unusable(arrival: Arrival, unusable: Unusable) -> Outcome:
    head = arrival.head or b""
    facts = {
        **asdict(unusable),
        "data_truncated": len(head) < unusable.data_length,
        "stream": arrival.stream,
        "sequence_number": arrival.sequence_number,
        "arrived_us": arrival.arrived_us,
    }
    return Outcome(Kind.REJECTION, head, facts)


def _prefix(payloads: Mapping[int, Piece]) -> int:
    """Count the payloads that have no gap from 0 on."""
    count = 0
    while count in payloads:
        count += 1
    return count


def _is_late(group: Group, chunk: SpooledChunk) -> bool:
    """Say whether a chunk belongs to an upload that this group finished, or for legacy begins one of the last few."""
    finished = group.finished
    if finished is None:
        return False
    if chunk.upload_id:
        return True
    if group.open is None and chunk.index > 0:
        return True  # only another slice 0 opens the key's next legacy upload
    earlier = chunk.index == 0 and chunk.digest in finished.earlier
    return earlier or finished.seen.get(chunk.index) == chunk.digest


def _may_begin_next(group: Group, chunk: SpooledChunk) -> bool:
    """Say whether a legacy slice 0 differs from the open upload's, which then had better be whole."""
    upload = group.open
    return upload is not None and upload.legacy and chunk.index == 0 and not _same_payload(upload, chunk)


def _same_payload(upload: OpenUpload, chunk: SpooledChunk) -> bool:
    """Say whether a chunk has the bytes of the one that came before; True if none did."""
    return chunk.index not in upload.seen or upload.seen[chunk.index] == chunk.digest


def _add(group: Group, upload: OpenUpload, chunk: SpooledChunk, max_bytes: int) -> Rejection | None:
    """Add a chunk to its upload, or say why it does not fit."""
    contradiction = _contradict(upload, chunk)
    if contradiction:
        return reject(Code.MISMATCH, contradiction, upload.upload_id)
    if not _same_payload(upload, chunk):
        return reject(Code.CONFLICT, f"It is chunk {chunk.index}.", upload.upload_id)
    if chunk.index in upload.seen:
        upload.duplicates += 1
    else:
        group.fresh[chunk.index] = chunk.payload
        upload.seen[chunk.index] = chunk.digest
        upload.carried_bytes += chunk.payload.length
        if chunk.index > upload.top:
            upload.top = chunk.index
            upload.may_end = upload.legacy and upload.tries < MOST_TRIES and _may_end(chunk, max_bytes)
    upload.count = upload.count or chunk.count
    if chunk.track_sha256 is not None:
        upload.track_bytes, upload.track_sha256 = chunk.track_bytes, chunk.track_sha256
    return None


def _contradict(upload: OpenUpload, chunk: SpooledChunk) -> str:
    """Say what of a chunk contradicts its upload; "" if nothing does."""
    told = (chunk.format, chunk.encoding, chunk.compression, chunk.sample_rate, chunk.channels)
    if told != (upload.format, upload.encoding, upload.compression, upload.sample_rate, upload.channels):
        return f"Told here: {', '.join(str(value) for value in told)}."
    if upload.count and chunk.count not in (0, upload.count):
        return f"It says {chunk.count} chunks, another said {upload.count}."
    if upload.count and chunk.index >= upload.count:
        return f"It is chunk {chunk.index}, of {upload.count}."
    if chunk.count and upload.top >= chunk.count:
        return f"It says {chunk.count} chunks, but chunk {upload.top} is here."
    announced = (chunk.track_bytes, chunk.track_sha256)
    if None not in (chunk.track_sha256, upload.track_sha256) and announced != (upload.track_bytes, upload.track_sha256):
        return "It announces another length or SHA-256 of the track."
    return ""


def _may_end(chunk: SpooledChunk, max_bytes: int) -> bool:
    """Say whether a legacy upload can end with this slice; one too short to tell may."""
    tail = bytes.fromhex(chunk.tail)
    return len(tail) < TAIL or may_end_legacy(tail, max_bytes)


def _describe(group: Group, upload: OpenUpload) -> dict[str, Any]:
    """Give the facts that every finished upload's row has."""
    return {
        "upload_id": upload.upload_id,
        "name": upload.name or None,
        "opened_batch": upload.opened_batch if group.shelved else None,
        "chunks_received": upload.received,
        "chunks_duplicate": upload.duplicates,
        "stream": upload.stream,
        "first_sequence_number": upload.first[2],
        "last_sequence_number": upload.last[2],
        "first_arrival_us": upload.first[0],
        "last_arrival_us": upload.last[0],
    }
