"""Keeps tracks under their content's hash, never under anything a user wrote."""

from __future__ import annotations

import mmap
import tempfile
from dataclasses import dataclass

from streaming.places import Place, open_place
from streaming.settings import Settings
from udfs.decode import Decoded
from udfs.findings import Decision
from udfs.sanitise import extension_for, write_safe_copy
from udfs.track import Track


@dataclass(frozen=True)
class TrackStore:
    """Where judged tracks go; None = those are not kept.

    With `safe_copies` an accepted track's safe copy is kept instead of the track (udfs.sanitise), under the track's own
    hash and the copy's ending. Writing the same track again, by a retry or another upload, changes nothing.
    """

    accepted: Place | None
    quarantine: Place | None
    safe_copies: bool = False

    def keep(self, track: Track, decision: Decision, decoded: Decoded | None) -> str | None:
        """Store a track as its decision says; gives where it is, or None when it is not kept.

        Raises
        ------
        OSError
            When the place cannot be written: that stops the batch, because nothing is wrong with the track.
        """
        place = self.accepted if decision is Decision.ACCEPT else self.quarantine
        if place is None:
            return None
        if self.safe_copies and decision is Decision.ACCEPT:
            if decoded is None:
                raise ValueError("an accepted track has samples")
            return _keep_safe_copy(place, track, decoded)
        return place.write(track.sha256, track.data)


def open_store(settings: Settings) -> TrackStore:
    """Open where the settings say that tracks go."""
    return TrackStore(
        accepted=open_place(f"{settings.lake}/tracks") if settings.store_accepted else None,
        quarantine=open_place(settings.quarantine) if settings.quarantine else None,
        safe_copies=settings.store_safe_copies,
    )


def _keep_safe_copy(place: Place, track: Track, decoded: Decoded) -> str:
    """Write a safe copy, unless there is one: its dither is drawn anew each time, and one copy is enough."""
    name = f"{track.sha256}.{extension_for(decoded)}"
    if (there := place.locate(name)) is not None:
        return there
    with tempfile.TemporaryFile(prefix="soundgate-") as file:  # hours of sound need not be in memory
        write_safe_copy(decoded, file)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as copy:
            return place.write(name, copy)
