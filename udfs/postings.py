"""Where each hash of a time line is found: sorted posting lists, cut into slabs, and the voting that reads them.

A slab is 2^17 frames of a time line (1.7 hours). Its places lie by hash, then by time, each in two bytes (in steps of
two frames); `offsets` says where a hash's begin, in two bytes from the `bases` of every 256 hashes. A query's hashes
vote for the distance between its frame and the place: all lists of a slab are read before the next slab's, so that the
votes stay in the processor's second-level cache. A slab is complete in itself: as a row of a Delta table it answers as
it does memory-mapped (`streaming.catalogue_search`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from udfs.compiled import compiled, filling_the_cache
from udfs.fingerprint import Fingerprint
from udfs.triads import HASHES, NONE, asked_hashes

SLAB = 1 << 17  # frames
STEP = 2  # frames of a place
GROUP = 256  # hashes with a common base
GROUPS = HASHES // GROUP + 1
NEAR = 8  # frames: of nearer places one is a candidate
MOST = 512  # candidates of a query, as few as keep the right one nearly always (docs/catalogue.md)
LEAST = 3  # votes of a candidate
STRETCH = 64  # places that are passed over together where all have few votes


@dataclass(frozen=True)
class Postings:
    """The posting lists of a time line.

    `places`: uint16, of all slabs one behind the other; `offsets`: uint16 of shape (slabs, GROUPS * GROUP); `bases`:
    int64 of shape (slabs, GROUPS + 1), into `places`.
    """

    places: NDArray[np.uint16]
    offsets: NDArray[np.uint16]
    bases: NDArray[np.int64]


@dataclass(frozen=True)
class Voted:
    """Candidates: frames of the time line that the query's first frame falls on, and their votes; the best first."""

    starts: NDArray[np.int64]
    votes: NDArray[np.int64]


def build_postings(hashes: NDArray[np.uint16]) -> Postings:
    """Sort a whole time line's hashes, one a frame, into posting lists."""
    slabs = [build_slab(hashes[first : first + SLAB]) for first in range(0, len(hashes), SLAB)]
    return join_slabs(slabs)


def build_slab(hashes: NDArray[np.uint16]) -> Postings:
    """Sort one slab's hashes, one a frame, `NONE` for none."""
    frames = np.flatnonzero(hashes != NONE)
    order = np.argsort(hashes[frames], kind="stable")
    frames, numbers = frames[order], hashes[frames[order]].astype(np.int64)
    # An offset has two bytes. What goes beyond is sound that stays among 256 hashes for an hour, and tells nothing.
    within = np.arange(len(numbers)) - np.searchsorted(numbers // GROUP, numbers // GROUP)
    frames, numbers = frames[within < 0xFFFF], numbers[within < 0xFFFF]
    begins = np.searchsorted(numbers, np.arange(GROUPS * GROUP))
    bases = np.append(begins[::GROUP], len(numbers)).astype(np.int64)
    offsets = (begins - np.repeat(bases[:-1], GROUP)).astype(np.uint16)
    return Postings((frames // STEP).astype(np.uint16), offsets[None], bases[None])


def join_slabs(slabs: list[Postings]) -> Postings:
    """Lay slabs one behind the other."""
    begins = np.cumsum([0, *(len(slab.places) for slab in slabs)])
    return Postings(
        np.concatenate([slab.places for slab in slabs]),
        np.concatenate([slab.offsets for slab in slabs]),
        np.concatenate([slab.bases + begin for slab, begin in zip(slabs, begins, strict=False)]),
    )


def vote(query: Fingerprint, postings: Postings, first_slab: int = 0, most: int = MOST) -> Voted:
    """Find where on a time line, or the slabs of it from `first_slab` on, a query's hashes agree most often.

    Returns the `most` best, which are the same whether the slabs are asked together or one by one (`best_of`).
    """
    hashes, frames = asked_hashes(query)
    votes, starts = np.empty(4 * most, np.int64), np.empty(4 * most, np.int64)
    reach = (len(query.signs) + 2 * NEAR) // (NEAR) * (NEAR // STEP)  # a query may begin before the slab does
    counts = np.zeros(reach + SLAB // STEP + NEAR, np.uint16)
    found = _vote(
        hashes,
        frames,
        postings.places,
        postings.offsets,
        postings.bases,
        first_slab,
        reach,
        most,
        counts,
        votes,
        starts,
    )
    return best_of([Voted(starts[:found], votes[:found])], most)


def best_of(parts: list[Voted], most: int = MOST) -> Voted:
    """Take the best candidates of several parts of a time line; of equal ones the earlier."""
    starts = np.concatenate([part.starts for part in parts]) if parts else np.empty(0, np.int64)
    votes = np.concatenate([part.votes for part in parts]) if parts else np.empty(0, np.int64)
    order = np.lexsort((starts, -votes))[:most]
    return Voted(starts[order], votes[order])


@compiled()
def _keep_best(votes: Any, starts: Any, count: int, most: int) -> Any:
    """Keep the `most` best of candidates that came in the order of time, in that order; return the least vote kept."""
    least = np.partition(votes[:count], count - most)[count - most]
    over = 0
    for i in range(count):
        if votes[i] > least:
            over += 1
    equal, kept = most - over, 0
    for i in range(count):
        if votes[i] > least or (votes[i] == least and equal > 0):
            if votes[i] == least:
                equal -= 1
            votes[kept], starts[kept] = votes[i], starts[i]
            kept += 1
    return least


def _vote_slabs(
    hashes: NDArray[np.uint16],
    frames: NDArray[np.int64],
    places: NDArray[np.uint16],
    offsets: NDArray[np.uint16],
    bases: NDArray[np.int64],
    first_slab: int,
    reach: int,
    most: int,
    counts: NDArray[np.uint16],
    votes: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> int:
    """Vote slab by slab; `counts` holds the votes of one, by places from `reach` before it."""
    count, least = 0, LEAST - 1  # candidates so far, and the votes that they must better
    for slab in range(len(offsets)):
        counts[:] = 0
        for i in range(len(hashes)):
            number = np.int64(hashes[i])
            group = number // GROUP
            begin = bases[slab, group] + offsets[slab, number]
            end = bases[slab, group + 1]
            if (number + 1) % GROUP:
                end = bases[slab, group] + offsets[slab, number + 1]
            shift = reach - frames[i] // STEP
            for j in range(begin, end):
                counts[places[j] + shift] += np.uint16(1)
        for stretch in range(0, len(counts) - NEAR, STRETCH):
            most_here = np.uint16(0)
            for i in range(stretch, min(stretch + STRETCH + 1, len(counts))):
                most_here = max(most_here, counts[i])
            if 2 * np.int64(most_here) <= least:  # nearly always; the processor compares many at once
                continue
            for near in range(stretch, min(stretch + STRETCH, len(counts) - NEAR), NEAR // STEP):
                best, at = np.int64(least), -1
                for i in range(near, near + NEAR // STEP):
                    here = np.int64(counts[i]) + np.int64(counts[i + 1])
                    if here > best:
                        best, at = here, i
                if at < 0:
                    continue
                if count == len(votes):
                    least = _keep_best(votes, starts, count, most)
                    count = most
                    if best <= least:
                        continue
                votes[count] = best
                starts[count] = (first_slab + slab) * SLAB + (at - reach) * STEP + 1
                count += 1
    return count


_PLACES = types.Array(types.uint16, 1, "C", readonly=True)
with filling_the_cache():
    _vote = compiled(
        types.int64(
            _PLACES,
            types.int64[::1],
            _PLACES,
            types.Array(types.uint16, 2, "C", readonly=True),
            types.Array(types.int64, 2, "C", readonly=True),
            types.int64,
            types.int64,
            types.int64,
            types.uint16[::1],
            types.int64[::1],
            types.int64[::1],
        )
    )(_vote_slabs)
