"""The opened reference index: what is known, memory-mapped and shared by all workers of a host.

A generation's recordings lie one behind the other on one time line of codes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs import fingerprint
from udfs.index_files import GENERATIONS, GenerationEntry, IndexRefusedError, check_quickly, read_manifest
from udfs.postings import Postings

CATALOGUE = "catalogue.jsonl"
ARRAYS = {"planes": "uint64", "edges": "uint32", "lines": "uint64"}
POSTINGS = {"places": "uint16", "offsets": "uint16", "bases": "int64"}  # of a large generation, see udfs.postings
SAMPLE_PIECE = 512  # frames
SAMPLE_PIECES = 128  # of a time line, evenly spread: what chance is measured on
SHORT = 1 << 14  # frames, 13 minutes: a recording of loops can be most of so short a line
TURNS = (7, 23, 39)  # bands, no octaves (16 bands)


@dataclass(frozen=True)
class Recording:
    """What is known of a reference recording; empty where nothing is."""

    reference_id: str
    duration_ms: int
    title: str = ""
    artist: str = ""
    isrc: str = ""
    licence: str = ""
    source: str = ""
    content_sha256: str = ""


@dataclass(frozen=True)
class Generation:
    """One generation's arrays.

    `planes`: the codes of its time line, shape (2, 4, length / 4), see `udfs.kernels`. `edges`: first frame of each
    recording, and the end of the last. `lines`: where each recording's line of the catalogue begins, and its end.
    `postings`: None in a generation that is small enough to be compared with whole. `catalogue`: its file's bytes; like
    all else it is held open, and stays readable when a change of the index has deleted the files.
    """

    folder: Path
    planes: NDArray[np.uint64]
    edges: NDArray[np.uint32]
    lines: NDArray[np.uint64]
    removed: frozenset[int]
    postings: Postings | None = None
    catalogue: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))

    @cached_property
    def sample(self) -> NDArray[np.uint64]:
        """A part of the time line, in planes: large ones are sampled, so that chance costs no pages of all of it."""
        return sample_of(self.planes)

    def recording(self, number: int) -> Recording:
        """Read the metadata of one recording."""
        line = self.catalogue[int(self.lines[number]) : int(self.lines[number + 1])]
        return Recording(**json.loads(line.tobytes()))

    @property
    def recordings(self) -> int:
        """How many recordings it holds, removed ones included."""
        return len(self.edges) - 1


@dataclass(frozen=True)
class LandmarkIndex:
    """An opened index. `sha256` is its manifest's, and names what it answers from."""

    folder: Path
    sha256: str
    bytes: int
    generations: tuple[Generation, ...]

    @property
    def frames(self) -> int:
        """Length of all time lines, in frames: how much there is to mistake a query for."""
        return sum(generation.planes[0].size for generation in self.generations)

    @cached_property
    def recordings(self) -> tuple[Recording, ...]:
        """Metadata of every recording, read when first asked for."""
        return tuple(
            generation.recording(number)
            for generation in self.generations
            for number in range(generation.recordings)
            if number not in generation.removed
        )

    def __len__(self) -> int:
        return sum(generation.recordings - len(generation.removed) for generation in self.generations)


def sample_of(planes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Take `SAMPLE_PIECES` pieces of a time line, or all of a short one and the same at other pitches.

    What is found by chance is other music; a line of one recording has none, but has it transposed.
    """
    if planes[0].size <= SHORT:
        return np.concatenate([planes, *(transposed(planes, bands) for bands in TURNS)], axis=2)
    words = SAMPLE_PIECE // planes.shape[1]
    pieces = planes.shape[2] // words
    if pieces <= SAMPLE_PIECES:
        return planes
    return np.ascontiguousarray(
        np.concatenate([planes[:, :, piece * words : (piece + 1) * words] for piece in sampled(pieces)], axis=2)
    )


def transposed(codes: NDArray[np.uint64], bands: int) -> NDArray[np.uint64]:
    """Raise codes by some bands; what is above the highest comes in again from below."""
    return (codes << np.uint64(bands)) | (codes >> np.uint64(64 - bands))


def sampled(pieces: int) -> NDArray[np.int64]:
    """Say which of a time line's pieces are its sample."""
    return np.arange(min(pieces, SAMPLE_PIECES)) * pieces // min(pieces, SAMPLE_PIECES)


def open_index(folder: Path | str, pinned: bytes | None = None) -> LandmarkIndex:
    """Open an index in milliseconds, whatever its size; as it was when its `pinned` manifest was read, if one is given.

    Raises
    ------
    udfs.index_files.IndexRefusedError
        When it is no index, of another version, or not what its manifest says; see `soundgate index verify`.
    """
    folder = Path(folder)
    manifest, sha256 = read_manifest(folder, fingerprint.VERSION, pinned)
    check_quickly(folder, manifest)
    generations = tuple(_map(folder, entry) for entry in manifest.generations)
    return LandmarkIndex(folder, sha256, manifest.bytes, generations)


def _map(folder: Path, entry: GenerationEntry) -> Generation:
    place = folder / GENERATIONS / entry.name
    arrays = {name: _map_array(place / f"{name}.npy", kind) for name, kind in ARRAYS.items()}
    postings = None
    if "places.npy" in entry.files:
        postings = Postings(**{name: _map_array(place / f"{name}.npy", kind) for name, kind in POSTINGS.items()})
    try:
        catalogue = np.memmap(place / CATALOGUE, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise IndexRefusedError(f"{place / CATALOGUE} cannot be read ({error}): build the index again") from error
    return Generation(place, **arrays, removed=frozenset(entry.removed), postings=postings, catalogue=catalogue)


def _map_array(path: Path, kind: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise IndexRefusedError(f"{path} cannot be read ({error}): build the index again") from error
    if array.dtype != kind:
        raise IndexRefusedError(f"{path} holds {array.dtype}, not {kind}: build the index again")
    return array
