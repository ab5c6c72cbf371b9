"""One upload in depth: everything that its pictures show, gathered from its verdict and its stored bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streaming.errors import UserError
from streaming.look.evidence import ByteRun, Evidence, byte_runs, walk_bytes, weigh
from streaming.look.reference import Reference, show_reference
from streaming.look.sound import CloseUp, Envelope, close_up, envelope, where_to_look
from streaming.look.stored import NotStoredError, read_stored
from udfs.classify import Decoder
from udfs.decode import Decoded
from udfs.errors import TrackError
from udfs.landmark_index import LandmarkIndex
from udfs.track import Track


@dataclass(frozen=True)
class Depth:
    """What is known of one upload; where there is no sound to show, `silent_because` says why."""

    row: dict[str, Any]
    silent_because: str = ""
    size: int = 0
    runs: Sequence[ByteRun] = ()
    envelope: Envelope | None = None
    close_up: CloseUp | None = None
    evidence: Evidence | None = None
    reference: Reference | None = None


@dataclass(frozen=True)
class Lens:
    """What looking needs: a decoder for strangers' files, and, where there are, index and recordings."""

    decode: Decoder
    lake: str | None = None
    index: LandmarkIndex | None = None
    recordings: Path | None = None

    def look(self, row: dict[str, Any]) -> Depth:
        """Look at the upload that a verdict is about; never raises for what is in it."""
        try:
            track = read_stored(row, self.lake)
        except NotStoredError as error:
            return Depth(row, str(error))
        runs, size = byte_runs(walk_bytes(track), len(track.data)), len(track.data)
        try:
            decoded = self.decode(track)
        except TrackError as error:
            return Depth(row, f"no decoder makes sound of it: {error}", size, runs)
        return self._listen(row, track, decoded, runs)

    def _listen(self, row: dict[str, Any], track: Track, decoded: Decoded, runs: list[ByteRun]) -> Depth:
        whole, evidence = envelope(decoded.samples, decoded.sample_rate), weigh(track, decoded)
        first = where_to_look(row, whole.seconds, evidence.data_from)
        part = close_up(decoded.mono(), decoded.sample_rate, first)
        return Depth(
            row,
            size=len(track.data),
            runs=runs,
            envelope=whole,
            close_up=part,
            evidence=evidence,
            reference=show_reference(row, part, self.index, self.recordings),
        )


def open_index_to_look(name: str | Path | None) -> LandmarkIndex | None:
    """Open an index that is a folder; None for none, and for one of Delta tables, which no single machine holds.

    Raises
    ------
    UserError
        When there is no index there.
    """
    from streaming.index_place import is_catalogue
    from udfs.index_files import IndexRefusedError
    from udfs.landmark_index import open_index

    if name is None or is_catalogue(name):
        return None
    try:
        return open_index(name)
    except (IndexRefusedError, OSError) as error:
        raise UserError(f"--index {name}: {error}") from error
