"""The recording that a match names: as the index keeps it, and as it sounds where its file is at hand.

An index holds no sound, only the fingerprint; of that alone a picture can show where the reference stands out, which
is what the search compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from references.build import audio_files
from references.metadata import read_metadata
from references.reading import read_mono
from streaming.look.sound import CloseUp, close_up
from udfs.landmark_index import Generation, LandmarkIndex
from udfs.spectrum import FRAMES_PER_SECOND, RATE


@dataclass(frozen=True)
class Codes:
    """A reference's fingerprint: shape (bands, frames), lowest band first; 0 below its surroundings, 1 above, 2 far."""

    first: float  # where in the reference it begins, seconds
    seconds: float
    bands: NDArray[np.uint8]


@dataclass(frozen=True)
class Reference:
    """What is shown of the matched recording.

    It begins `first` seconds into the recording, which is heard `at` seconds into the upload; `speed` is the upload's
    against the recording's.
    """

    title: str
    first: float
    at: float
    speed: float
    codes: Codes | None = None
    sound: CloseUp | None = None


def show_reference(
    row: dict[str, Any], part: CloseUp, index: LandmarkIndex | None, recordings: Path | None
) -> Reference | None:
    """Give the reference under a close-up; None where there is no match, or neither its index nor its file.

    Parameters
    ----------
    row
        The verdict.
    part
        The upload's close-up.
    index
        What the match was found in, or a later state of it.
    recordings
        A folder with the recordings' own files.
    """
    if row.get("identity") != "match":
        return None
    speed = float(row.get("speed") or 1.0)
    begins = (row["reference_offset_ms"] - row["query_offset_ms"] * speed) / 1000 + part.first * speed
    first, at = max(0.0, begins), part.first + max(0.0, -begins) / speed
    seconds = (part.first + part.seconds - at) * speed
    path = find_recording(recordings, row["reference_id"]) if recordings else None
    sound = close_up(read_mono(path)[0], RATE, first, seconds) if path else None
    codes = find_codes(index, row["reference_id"], first, seconds) if index else None
    if sound is None and codes is None:
        return None
    return Reference(str(row.get("title") or row["reference_id"]), first, at, speed, codes, sound)


def find_recording(folder: Path, reference_id: str) -> Path | None:
    """Find a recording's file among those of a folder by its reference id, as the index was built of them."""
    files = audio_files([folder])
    ordered = sorted(files, key=lambda path: path.stem != reference_id)  # most are called as their id
    return next((path for path in ordered if read_metadata(path)["reference_id"] == reference_id), None)


def find_codes(index: LandmarkIndex, reference_id: str, first: float, seconds: float) -> Codes | None:
    """Read a part of a recording's fingerprint from the index; None where the index does not know it any more."""
    for generation in index.generations:
        for number in range(generation.recordings):
            if number not in generation.removed and generation.recording(number).reference_id == reference_id:
                return _read_codes(generation, number, first, seconds)
    return None


def _read_codes(generation: Generation, number: int, first: float, seconds: float) -> Codes:
    edge, end = int(generation.edges[number]), int(generation.edges[number + 1])
    start = min(end, edge + round(first * FRAMES_PER_SECOND))
    frames = np.arange(start, min(end, start + round(seconds * FRAMES_PER_SECOND)))
    planes = generation.planes.shape[1]
    signs, strong = (generation.planes[word, frames % planes, frames // planes] for word in (0, 1))
    bits = np.arange(64, dtype=np.uint64)[:, None]
    above, far = (signs >> bits) & np.uint64(1), (strong >> bits) & np.uint64(1)
    return Codes((start - edge) / FRAMES_PER_SECOND, len(frames) / FRAMES_PER_SECOND, (above + far).astype(np.uint8))
