"""A time line of which only some pieces are at hand: those that a large catalogue gave for a query's candidates.

It is as long as the whole, in memory that is reserved and never filled, so that positions are the catalogue's own and
the same functions verify candidates as in an index of files (`udfs.match`).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udfs.kernels import PLANES
from udfs.landmark_index import SAMPLE_PIECE, Generation, Recording

PIECE = SAMPLE_PIECE  # frames: chance is measured on whole pieces
WORDS = PIECE // PLANES
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # Linux's; the module has the name since Python 3.13


class FetchedGeneration(Generation):
    """A generation whose recordings go by their numbers: who they are is looked up afterwards."""

    def recording(self, number: int) -> Recording:
        """Name a recording by its number."""
        return Recording(str(number), 0)


def lay_out(pieces: Iterable[tuple[int, bytes]], frames: int) -> NDArray[np.uint64]:
    """Lay pieces, each (number, its part of the planes), on an otherwise empty time line of so many frames."""
    words = frames // PLANES
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE
    reserved = mmap.mmap(-1, max(1, 2 * PLANES * words * 8), flags=flags)
    planes = np.frombuffer(reserved, np.uint64, 2 * PLANES * words).reshape(2, PLANES, words)
    for number, data in pieces:
        part = np.frombuffer(data, np.uint64).reshape(2, PLANES, -1)
        planes[:, :, number * WORDS : number * WORDS + part.shape[2]] = part
    return planes


def pieces_around(first: NDArray[np.int64], end: NDArray[np.int64], frames: int) -> list[int]:
    """Number the pieces that hold any of the frames from `first` to `end`, pair by pair."""
    low, high = np.maximum(first, 0) // PIECE, (np.minimum(end, frames) - 1) // PIECE
    return sorted({number for a, b in zip(low.tolist(), high.tolist(), strict=True) for number in range(a, b + 1)})


def fetched_generation(
    pieces: Iterable[tuple[int, bytes]],
    frames: int,
    edges: NDArray[np.uint32],
    removed: frozenset[int],
    sample: NDArray[np.uint64],
) -> Generation:
    """Make a generation of fetched pieces; `sample` is the whole time line's (`udfs.landmark_index.sample_of`)."""
    made = FetchedGeneration(Path(), lay_out(pieces, frames), edges, np.zeros(1, np.uint64), removed)
    made.__dict__["sample"] = sample  # the cached property's place: what is at hand is no fair sample
    return made
