"""Tell a recording's repeats apart: which of the places that agree alike is the one that was heard?

Loops repeat to the sample, but seldom after a whole number of frames. So a query's frames lie between those of one
repeat and fall on those of another, which then agrees better, the right one or not. All of the recording is searched
for places that agree nearly as well; then the query's fingerprint is taken again at quarters of a frame, and the place
that agrees best with all four is the answer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from udfs import kernels
from udfs.fingerprint import AROUND_FRAMES, Fingerprint, fingerprint
from udfs.segments import BLOCK_FRAMES, Block, Segment, follow
from udfs.shortlist import coarse_positions
from udfs.spectrum import HOP, RATE, WINDOW

NEARLY = 0.7  # of the evidence
APART = 8  # frames: nearer is the same place
MOST_PLACES = 24
PHASES = 4
MOST_FRAMES = 430  # twenty seconds tell as much as an hour
MOST_DRIFT = 1.5  # frames that a query may drift from a place while the recording is searched
REACH = 1  # frames


def settle(
    best: Segment,
    query: Fingerprint,
    mono: NDArray[np.float32],
    planes: NDArray[np.uint64],
    edges: NDArray[np.uint32],
) -> Segment:
    """Return the segment at the place of its recording that agrees best when all of them are looked at finely.

    Parameters
    ----------
    best
        What was found. The evidence stays, for the recording is as sure as it was.
    query, mono
        The whole query, and its samples at `RATE`, shape (n,).
    planes, edges
        The time line (`udfs.landmark_index.Generation`).
    """
    distances = [0, *distant_places(best, query, planes, edges)]
    if len(distances) == 1:
        return best
    middle, stretch = round(_middle(best)), np.array([best.speed - 1])
    half = min(best.query_end - best.query_first, MOST_FRAMES) // 2
    first, end = middle - half, middle + half
    here = best.reference_first + (middle - best.query_first) * best.speed - half
    agreement = np.zeros(len(distances))
    found = np.empty((len(distances), 3))
    for phase in range(PHASES):
        shift = phase / PHASES
        before = min(first, AROUND_FRAMES)
        begin = (first - before) * HOP + round(shift * HOP)
        finer = fingerprint(mono[begin : (end + AROUND_FRAMES) * HOP + WINDOW], RATE)
        cut = slice(before, before + 2 * half)
        starts = np.array([round(here + distance + shift) for distance in distances])
        kernels.align(finer.signs[cut], finer.active[cut], planes, starts, REACH, stretch, found)
        agreement += found[:, 0]
    distance = distances[int(np.argmax(agreement))]
    return replace(best, reference_first=best.reference_first + distance, reference_end=best.reference_end + distance)


def distant_places(
    best: Segment, query: Fingerprint, planes: NDArray[np.uint64], edges: NDArray[np.uint32]
) -> list[int]:
    """List how many frames away from a segment its recording agrees nearly as well; the surest first."""
    middle = round(_middle(best))
    half = min(best.query_end - best.query_first, BLOCK_FRAMES) // 2
    block = Block(0, middle - half, _cut(query, middle - half, middle + half))
    here = round(best.reference_first + (block.first - best.query_first) * best.speed)
    low, high = (int(edge) // kernels.PLANES for edge in edges[best.recording : best.recording + 2])
    straight = min(half, round(MOST_DRIFT / max(abs(best.speed - 1), 1e-6)))
    core = _cut(query, middle - straight, middle + straight)
    starts = coarse_positions(core, planes[:, :, low : high + 1]) + low * kernels.PLANES - (half - straight)
    itself = follow(block, planes, edges, here, best.speed - 1, best.chance)
    if itself is None:
        return []
    places: dict[int, float] = {}
    for start in starts.tolist():
        other = follow(block, planes, edges, start, best.speed - 1, best.chance)
        if other is None or other.recording != best.recording or other.evidence < NEARLY * itself.evidence:
            continue
        distance = round(_reference_at(other, middle) - _reference_at(itself, middle))
        if abs(distance) > APART and all(abs(distance - known) > 2 for known in places):
            places[distance] = other.evidence
    return sorted(places, key=lambda distance: -places[distance])[:MOST_PLACES]


def _cut(query: Fingerprint, first: int, end: int) -> Fingerprint:
    return Fingerprint(query.signs[first:end], query.strong[first:end], query.active[first:end])


def _middle(segment: Segment) -> float:
    return (segment.query_first + segment.query_end) / 2


def _reference_at(segment: Segment, frame: float) -> float:
    return segment.reference_first + (frame - segment.query_first) * segment.speed
