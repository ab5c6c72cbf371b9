"""What may be listened to: accepted uploads alone, as a safe copy without anything of the stranger's file.

A browser or a notebook never gets the uploaded bytes. It gets the decoded samples as new FLAC, cut to some minutes,
without tags; what was refused is not played at all, because its samples are data.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Any

from streaming.look.stored import read_stored
from udfs.classify import Decoder
from udfs.decode import Decoded
from udfs.errors import TrackError
from udfs.findings import Decision
from udfs.sanitise import extension_for, write_safe_copy

LONGEST_S = 600


def may_be_played(row: dict[str, Any]) -> bool:
    """Whether an upload is sound, let in, and kept."""
    return row.get("decision") == Decision.ACCEPT.value and bool(row.get("stored_at"))


def safe_sound(row: dict[str, Any], decode: Decoder, lake: str | None = None) -> tuple[bytes, str] | None:
    """Give an upload's safe copy and its media type; None for what may not be played or makes no sound.

    Raises
    ------
    NotStoredError
        When it was kept and is not there any more.
    """
    if not may_be_played(row):
        return None
    try:
        decoded = decode(read_stored(row, lake))
    except TrackError:
        return None
    return encode(decoded)


def encode(decoded: Decoded) -> tuple[bytes, str]:
    """Encode the first `LONGEST_S` seconds of a decoded track anew."""
    frames = LONGEST_S * decoded.sample_rate
    with tempfile.TemporaryFile(prefix="soundgate-") as file:
        write_safe_copy(replace(decoded, samples=decoded.samples[:frames], tags={}), file)
        file.seek(0)
        return file.read(), f"audio/{extension_for(decoded)}"
