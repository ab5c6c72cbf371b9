"""Records of one group -> tracks, verdicts without a track, and rejections. Pure: no Spark, no clock, no I/O.

A group is all records of one partition key and upload id (`streaming.wire.route`; the id is "" for legacy and for
whatever cannot be parsed). Any order, any split into batches and any number of duplicates give the same bytes.

The payloads of an unfinished upload wait on a `Shelf`; an upload that is whole within one batch never touches it.
Nothing done for a chunk depends on how many there are, but for legacy, where only inflating tells the end and is
tried when the cheap look at the last bytes (`may_end_legacy`) says that it can be there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from streaming.chunk import MIB, Chunk, Compression, WireLimits
from streaming.inflate import InflateError, inflate_legacy, inflate_member, may_end_legacy
from streaming.open_upload import FinishedUpload, OpenUpload, Place, digest_payload
from streaming.outcomes import Kind, Outcome
from streaming.patience import Patience
from streaming.rejections import Code, Rejection, reject
from streaming.wire import parse
from streaming.wire_legacy import legacy_upload_id

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


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record of the group, with its provenance."""

    data: bytes
    stream: str
    sequence_number: str
    arrived_us: int

    @property
    def place(self) -> Place:
        """Where it stands in the order that records are taken in."""
        return (self.arrived_us, len(self.sequence_number), self.sequence_number)


class Shelf(Protocol):
    """Where an open upload's payloads wait between batches."""

    def put(self, payloads: Mapping[int, bytes]) -> None:
        """Add payloads by chunk index."""

    def take(self) -> dict[int, bytes]:
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
    fresh: dict[int, bytes] = field(default_factory=dict)


class UploadError(Exception):
    """An upload that is decided without a track: the `decision`, a reason `code`, and the detail as its text."""

    def __init__(self, decision: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.decision = decision
        self.code = code


class Rebuilder:
    """Turns a group's records and timers into outcomes.

    Parameters
    ----------
    limits
        What an upload may take.
    wire
        What a record may claim.
    starts_ms
        When each run of the job on this checkpoint began (`streaming.starts`): time that the job stood still does not
        count against an upload.
    """

    def __init__(self, limits: RebuildLimits, wire: WireLimits, starts_ms: Sequence[int] = ()) -> None:
        self._limits = limits
        self._wire = wire
        self.patience = Patience(limits.timeout_ms, limits.max_open_ms, starts_ms)

    def rebuild(self, group: Group, arrivals: Iterable[Arrival], shelf: Shelf, now_ms: int) -> Iterator[Outcome]:
        """Take a batch's records of a group, changing `group` and `shelf`.

        Parameters
        ----------
        group
            What is remembered; `group.open.timer_ms` says afterwards when `expire` is to be called.
        arrivals
            The records, in any order.
        shelf
            Where payloads wait.
        now_ms
            The batch's time.

        Yields
        ------
        Outcome
            At most one verdict or track for each upload, one rejection for each unused record.
        """
        for arrival in sorted(arrivals, key=lambda each: each.place):
            chunk = parse(arrival.data, group.partition_key, self._wire)
            if isinstance(chunk, Rejection):
                yield self._reject(arrival, chunk)
            else:
                yield from self._take(group, chunk, arrival, shelf, now_ms)
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
            yield self._decide(group, upload, shelf, UploadError("incomplete", code, text))

    def _take(self, group: Group, chunk: Chunk, arrival: Arrival, shelf: Shelf, now_ms: int) -> Iterator[Outcome]:
        """Put one chunk where it belongs."""
        if _is_late(group, chunk):
            late = chunk.upload_id or (group.finished.upload_id if group.finished else None)
            yield self._reject(arrival, reject(Code.LATE, upload_id=late))
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
            yield self._reject(arrival, refused)
            return
        group.changed = True
        upload.first, upload.last = min(upload.first, arrival.place), max(upload.last, arrival.place)
        if upload.received > received:  # a copy of a chunk keeps no upload open
            upload.active_ms = now_ms
        too_large = self._exceeds(upload)
        if too_large is not None:
            yield self._decide(group, upload, shelf, too_large)

    def _exceeds(self, upload: OpenUpload) -> UploadError | None:
        limits = self._limits
        claimed = max(upload.carried_bytes, upload.track_bytes or 0)
        if claimed > limits.max_upload_bytes:
            return UploadError("reject", "upload.too_large", f"{claimed} bytes, of at most {limits.max_upload_bytes}")
        chunks = max(upload.count, upload.top + 1)
        if chunks > limits.max_chunks:
            return UploadError("reject", "upload.too_many_chunks", f"{chunks} chunks, of at most {limits.max_chunks}")
        return None

    def _finish(self, group: Group, shelf: Shelf, last_chance: bool = False) -> Iterator[Outcome]:
        """Close the open upload if it is whole; for the `last_chance`, a legacy one is tried whatever it looks."""
        upload = group.open
        if upload is None or not (upload.whole or (upload.legacy and (last_chance or upload.may_be_whole))):
            return
        payloads = (shelf.take() if group.shelved else {}) | group.fresh
        try:
            track = join(upload, payloads, self._limits.max_upload_bytes)
        except UploadError as error:
            yield self._decide(group, upload, shelf, error)
            return
        if track is None:
            # Only a higher slice can bring the end. Tries are few, since each may inflate a whole upload, and strangers
            # could else ask for one with every small record. A longer stream gets its verdict at the timeout.
            upload.may_end, upload.tries, group.changed = False, upload.tries + 1, True
        else:
            facts = {
                **_describe(group, upload),
                "encoding": upload.encoding,
                "sample_rate": upload.sample_rate,
                "channels": upload.channels,
                "chunks_expected": upload.received,
            }
            self._close(group, upload, shelf)
            yield Outcome(Kind.TRACK, track, facts)

    def _keep(self, group: Group, shelf: Shelf, now_ms: int) -> Iterator[Outcome]:
        """Shelve what came for an upload that is not whole yet."""
        upload = group.open
        if upload is None:
            return
        shelf.put(group.fresh)
        _digest_fresh(group, upload)
        group.fresh = {}
        if not group.shelved:
            group.shelved = True
            upload.timer_ms = self.patience.next_look(upload, now_ms)
            yield Outcome(Kind.OPENED, None, {"upload_id": upload.upload_id})

    def _decide(self, group: Group, upload: OpenUpload, shelf: Shelf, error: UploadError) -> Outcome:
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
        if upload.legacy:
            _digest_fresh(group, upload)
        if group.shelved:
            shelf.clear()
        group.open, group.finished = None, FinishedUpload.of(upload, group.finished)
        group.fresh, group.shelved, group.changed, group.ended = {}, False, True, True

    def _reject(self, arrival: Arrival, rejection: Rejection) -> Outcome:
        kept = arrival.data[: self._limits.rejected_bytes]
        facts = {
            "reason": rejection.code,
            "message": rejection.message,
            "upload_id": rejection.upload_id,
            "data_truncated": len(kept) < len(arrival.data),
            "data_length": len(arrival.data),
            "data_sha256": hashlib.sha256(arrival.data).hexdigest(),
            "stream": arrival.stream,
            "sequence_number": arrival.sequence_number,
            "arrived_us": arrival.arrived_us,
        }
        return Outcome(Kind.REJECTION, kept, facts)


def join(upload: OpenUpload, payloads: Mapping[int, bytes], max_bytes: int) -> bytes | None:
    """Join payloads to the track, inflating and checking.

    Returns
    -------
    bytes or None
        The track; None for a legacy upload whose stream has not ended.

    Raises
    ------
    UploadError
        The payloads do not make the track that was announced.
    """
    try:
        if upload.legacy:
            return inflate_legacy([payloads[index] for index in range(_prefix(payloads))], max_bytes)
        pieces = (payloads[index] for index in range(upload.count))
        track = _inflate(pieces, max_bytes) if upload.compression == Compression.GZIP else b"".join(pieces)
    except InflateError as error:
        if error.code is Code.INFLATED_TOO_LARGE:
            raise UploadError("reject", "upload.too_large", str(error)) from error
        raise UploadError("review", "error.upload_corrupt", str(error)) from error
    if upload.track_bytes is not None and len(track) != upload.track_bytes:
        raise UploadError("review", "error.upload_length", f"{len(track)} bytes, {upload.track_bytes} were announced")
    if upload.track_sha256 is not None and hashlib.sha256(track).hexdigest() != upload.track_sha256:
        raise UploadError("review", "error.upload_digest", "the track's SHA-256 is not the one that was announced")
    return track


def _inflate(payloads: Iterable[bytes], max_bytes: int) -> bytes:
    track = bytearray()
    for payload in payloads:
        track += inflate_member(payload, max_bytes - len(track))
    return bytes(track)


def _prefix(payloads: Mapping[int, bytes]) -> int:
    """Count the payloads that have no gap from 0 on."""
    count = 0
    while count in payloads:
        count += 1
    return count


def _is_late(group: Group, chunk: Chunk) -> bool:
    """Say whether a chunk belongs to an upload that this group finished, or for legacy begins one of the last few."""
    finished = group.finished
    if finished is None:
        return False
    if chunk.upload_id:
        return True
    if group.open is None and chunk.index > 0:
        return True  # only another slice 0 opens the key's next legacy upload
    digest = digest_payload(chunk.payload)
    return finished.seen.get(chunk.index) == digest or (chunk.index == 0 and digest in finished.earlier)


def _may_begin_next(group: Group, chunk: Chunk) -> bool:
    """Say whether a legacy slice 0 differs from the open upload's, which then had better be whole."""
    upload = group.open
    return upload is not None and upload.legacy and chunk.index == 0 and not _same_payload(group, upload, chunk)


def _same_payload(group: Group, upload: OpenUpload, chunk: Chunk) -> bool:
    """Say whether a chunk has the bytes of the one that came before; True if none did."""
    if chunk.index in group.fresh:
        return group.fresh[chunk.index] == chunk.payload
    return chunk.index not in upload.seen or upload.seen[chunk.index] == digest_payload(chunk.payload)


def _add(group: Group, upload: OpenUpload, chunk: Chunk, max_bytes: int) -> Rejection | None:
    """Add a chunk to its upload, or say why it does not fit."""
    contradiction = _contradict(upload, chunk)
    if contradiction:
        return reject(Code.MISMATCH, contradiction, upload.upload_id)
    if not _same_payload(group, upload, chunk):
        return reject(Code.CONFLICT, f"It is chunk {chunk.index}.", upload.upload_id)
    if chunk.index in upload.seen:
        upload.duplicates += 1
    else:
        group.fresh[chunk.index] = chunk.payload
        upload.seen[chunk.index] = 0  # the digest is worked out when the payload has to be shelved
        upload.carried_bytes += len(chunk.payload)
        if chunk.index > upload.top:
            upload.top = chunk.index
            upload.may_end = (
                upload.legacy
                and upload.tries < MOST_TRIES
                and (len(chunk.payload) < 4 or may_end_legacy(chunk.payload, max_bytes))
            )
    upload.count = upload.count or chunk.count
    if chunk.track_sha256 is not None:
        upload.track_bytes, upload.track_sha256 = chunk.track_bytes, chunk.track_sha256
    return None


def _contradict(upload: OpenUpload, chunk: Chunk) -> str:
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


def _digest_fresh(group: Group, upload: OpenUpload) -> None:
    upload.seen.update((index, digest_payload(payload)) for index, payload in group.fresh.items())


def _describe(group: Group, upload: OpenUpload) -> dict[str, Any]:
    """Give the facts that every finished upload's row has."""
    return {
        "upload_id": upload.upload_id,
        "name": upload.name or None,
        "was_open": group.shelved,
        "chunks_received": upload.received,
        "chunks_duplicate": upload.duplicates,
        "stream": upload.stream,
        "first_sequence_number": upload.first[2],
        "last_sequence_number": upload.last[2],
        "first_arrival_us": upload.first[0],
        "last_arrival_us": upload.last[0],
    }
