"""A stored upload's own bytes, found from its verdict."""

from __future__ import annotations

from typing import Any

from streaming.errors import UserError
from streaming.places import open_place
from udfs.track import Encoding, Track


class NotStoredError(UserError):
    """The upload's bytes are not there to be looked at; the message says why."""


def read_stored(verdict: dict[str, Any], lake: str | None = None) -> Track:
    """Read the upload that a verdict is about, as it was stored.

    Parameters
    ----------
    verdict
        A row of ``verdicts``.
    lake
        Where to look if the lake was moved since the verdict named the place.

    Raises
    ------
    NotStoredError
        It was not kept, or is not there any more.
    """
    stored_at = verdict.get("stored_at")
    if not stored_at:
        raise NotStoredError("the upload is not stored (the job keeps what it refuses with --quarantine alone)")
    place, _, name = str(stored_at).rpartition("/")
    places = [place, *([f"{lake.rstrip('/')}/tracks"] if lake else [])]
    data = next((data for one in places if (data := open_place(one).read(name)) is not None), None)
    if data is None:
        raise NotStoredError(f"there is nothing at {stored_at} any more")
    if verdict["container"] == "raw" and "." not in name:  # with an ending it is a safe copy, which is a file
        return Track(data, Encoding.F32LE, verdict["sample_rate"], verdict["channels"])
    return Track(data)
