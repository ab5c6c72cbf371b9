"""The pitch track of sound, as CSV in Sonic Annotator's layout: a line a frame that has a pitch, seconds and Hz."""

from __future__ import annotations

from udfs.decode import Decoded
from udfs.features.annotation_csv import write_lines
from udfs.features.extract import extract_features
from udfs.track import Track

LONGEST_MS = 30 * 60 * 1000  # pYIN takes a twentieth of the sound's time on one core; a call of a function has 300 s


def write_pitch(track: Track, decoded: Decoded) -> bytes | None:
    """Follow the pitch of a track by pYIN; None for one that is too long for it."""
    if decoded.facts.duration_ms > LONGEST_MS:
        return None
    return "".join(write_lines(extract_features(track, decoded, ("pitch",)), "pitch")).encode()
