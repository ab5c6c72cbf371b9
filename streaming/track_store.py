"""Keeps tracks under their content's hash, never under anything a user wrote."""

from __future__ import annotations

from dataclasses import dataclass

from streaming.places import Place
from udfs.findings import Decision
from udfs.track import Track


@dataclass(frozen=True)
class TrackStore:
    """Where judged tracks go; None = those are not kept.

    Writing the same track again, by a retry or another upload, changes nothing.
    """

    accepted: Place | None
    quarantine: Place | None

    def keep(self, track: Track, decision: Decision) -> str | None:
        """Store a track as its decision says; gives where it is, or None when it is not kept.

        Raises
        ------
        OSError
            When the place cannot be written: that stops the batch, because nothing is wrong with the track.
        """
        place = self.accepted if decision is Decision.ACCEPT else self.quarantine
        return None if place is None else place.write(track.sha256, track.data)
