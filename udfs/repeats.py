"""Tell a recording's repeats apart: which of the places that agree alike is the one that was heard?

Loops repeat to the sample, but seldom after a whole number of frames. So a query's frames lie between those of one
repeat and fall on those of another, which then agrees better, the right one or not. All of the recording is searched
for places that agree nearly as well; then the query's signs are taken again at quarters of a frame, and the place that
makes all four likeliest is the answer. How likely a bit is to be heard as it is known, for one that is not set, set or
strong, is counted where the query agrees best: it is what the way of this query through noise and codecs left of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from udfs import kernels
from udfs.fingerprint import AROUND_FRAMES, Fingerprint, signs_of
from udfs.segments import BLOCK_FRAMES, Block, Segment, follow
from udfs.shortlist import coarse_positions
from udfs.spectrum import HOP, WINDOW

NEARLY = 0.7  # of the evidence
APART = 8  # frames: nearer is the same place
MOST_PLACES = 24
PHASES = 4
MOST_FRAMES = 430  # twenty seconds tell as much as an hour
MOST_DRIFT = 1.5  # frames that a query may drift from a place while the recording is searched
REACH = 1  # frames
AS_ONE = 100.0  # bits that tell as much as one: neighbours in time and pitch do not vary by themselves
LEAST_CHANCE = 0.02  # of a bit to be heard otherwise

# Gives a query's signs, from a frame up to another, a quarter, a half and three quarters of a frame later.
Between = Callable[[int, int], list[NDArray[np.uint64]]]


def between_frames(mono: NDArray[np.float32]) -> Between:
    """Take a query's signs between its frames from its samples at `RATE`, shape (n,), where they are asked for."""

    def signs(first: int, end: int) -> list[NDArray[np.uint64]]:
        before = min(first, AROUND_FRAMES)
        found = []
        for phase in range(1, PHASES):
            begin = (first - before) * HOP + phase * HOP // PHASES
            some = signs_of(mono[begin : (end + AROUND_FRAMES) * HOP + WINDOW])
            found.append(some[before : before + end - first])
        return found

    return signs


def all_between_frames(mono: NDArray[np.float32], frames: int) -> NDArray[np.uint64]:
    """Take all of a query's signs between its frames, of which it has so many; uint64, shape (3, frames - 1)."""
    parts = between_frames(mono)(0, max(0, frames - 1))
    return np.stack([part[: max(0, frames - 1)] for part in parts])


def settle(
    best: Segment,
    query: Fingerprint,
    between: Between,
    planes: NDArray[np.uint64],
    edges: NDArray[np.uint32],
) -> Segment:
    """Return the segment at the place of its recording that makes the query likeliest when it is looked at finely.

    Parameters
    ----------
    best
        What was found. The evidence stays, for the recording is as sure as it was.
    query, between
        The whole query, and what its frames leave between them.
    planes, edges
        The time line (`udfs.landmark_index.Generation`).
    """
    distances = [0, *distant_places(best, query, planes, edges)]
    if len(distances) == 1:
        return best
    middle = round(_middle(best))
    half = min(best.query_end - best.query_first, MOST_FRAMES) // 2
    first, end = middle - half, min(middle + half, len(query.signs) - 1)
    here = best.reference_first + (middle - best.query_first) * best.speed - half
    counts = np.zeros((PHASES, len(distances), 2 * REACH + 1, 3, 2), np.int64)
    for phase, signs in enumerate([query.signs[first:end], *between(first, end)]):
        starts = np.array([round(here + distance + phase / PHASES) for distance in distances])
        kernels.tally(signs, query.active[first:end], planes, starts, REACH, best.speed - 1, counts[phase])
    distance = distances[int(np.argmax(likelihoods(counts)))]
    return replace(best, reference_first=best.reference_first + distance, reference_end=best.reference_end + distance)


def likelihoods(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Say how likely each place makes what was heard, as a logarithm less what all have in common.

    Parameters
    ----------
    counts
        What `udfs.kernels.tally` counted, shape (phases, places, shifts, 3, 2).
    """
    fit = (counts[..., 0] - counts[..., 1]) @ np.array([-1, 1, 1 + kernels.STRENGTH])
    heard = counts[np.unravel_index(int(np.argmax(fit)), fit.shape)] + 1.0
    chance = np.clip(heard / heard.sum(axis=1, keepdims=True), LEAST_CHANCE, 1 - LEAST_CHANCE)
    each = (counts * np.log(chance)).sum(axis=(-2, -1)).max(axis=-1)
    return np.asarray(AS_ONE * logsumexp(each / AS_ONE, axis=0))


def distant_places(
    best: Segment, query: Fingerprint, planes: NDArray[np.uint64], edges: NDArray[np.uint32]
) -> list[int]:
    """List how many frames away from a segment its recording agrees nearly as well; the surest first."""
    middle = round(_middle(best))
    half = min(best.query_end - best.query_first, BLOCK_FRAMES) // 2
    block = Block(0, middle - half, query.part(middle - half, middle + half))
    here = round(best.reference_first + (block.first - best.query_first) * best.speed)
    low, high = (int(edge) // kernels.PLANES for edge in edges[best.recording : best.recording + 2])
    straight = min(half, round(MOST_DRIFT / max(abs(best.speed - 1), 1e-6)))
    core = query.part(middle - straight, middle + straight)
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


def _middle(segment: Segment) -> float:
    return (segment.query_first + segment.query_end) / 2


def _reference_at(segment: Segment, frame: float) -> float:
    return segment.reference_first + (frame - segment.query_first) * segment.speed
