"""Tell a recording's repeats apart: which of the places that agree alike is the one that was heard?

Loops repeat to the sample, but seldom after a whole number of frames. So a query's frames lie between those of one
repeat and fall on those of another, which then agrees better, the right one or not. The query's fingerprint is taken
again at quarters of a frame, and each place judged at the quarter that suits it best.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from udfs import kernels
from udfs.fingerprint import AROUND_FRAMES, fingerprint
from udfs.segments import Segment
from udfs.spectrum import HOP, RATE, WINDOW

NEARLY = 0.7  # of the best evidence
APART = 8  # frames: nearer is the same place
PHASES = 4
MOST_FRAMES = 430  # twenty seconds tell as much as an hour
REACH = 1  # frames


def rival(best: Segment, other: Segment) -> bool:
    """Whether another segment says that the same part of the query is from elsewhere in the same recording."""
    return (
        other is not best
        and other.recording == best.recording
        and min(other.query_end, best.query_end) > max(other.query_first, best.query_first)
        and abs(_reference_at(other, _middle(best)) - _reference_at(best, _middle(best))) > APART
        and other.evidence > NEARLY * best.evidence
    )


def settle(best: Segment, rivals: list[Segment], mono: NDArray[np.float32], planes: NDArray[np.uint64]) -> Segment:
    """Return the segment, of the best and its rivals, that agrees best when looked at more finely.

    Parameters
    ----------
    best, rivals
        See `rival`. The evidence stays the best's, for the recording is as sure as it was.
    mono
        The whole query at `RATE`, shape (n,).
    planes
        The time line (`udfs.kernels`).
    """
    places = [best, *rivals]
    middle = _middle(best)
    half = min(best.query_end - best.query_first, MOST_FRAMES) // 2
    first, end = round(middle) - half, round(middle) + half
    found = np.empty((len(places), 3))
    agreement = np.full(len(places), -np.inf)
    for phase in range(PHASES):
        shift = phase / PHASES
        before = min(first, AROUND_FRAMES)
        begin = (first - before) * HOP + round(shift * HOP)
        part = mono[begin : (end + AROUND_FRAMES) * HOP + WINDOW]
        print_ = fingerprint(part, RATE)
        cut = slice(before, before + 2 * half)
        signs, active = print_.signs[cut], print_.active[cut]
        for number, place in enumerate(places):
            start = round(_reference_at(place, middle) + shift) - half
            kernels.align(
                signs, active, planes, np.array([start]), REACH, np.array([place.speed - 1]), found[number : number + 1]
            )
        agreement = np.maximum(agreement, found[:, 0])
    chosen = places[int(np.argmax(agreement))]
    return replace(chosen, gain=best.gain, variance=best.variance)


def _middle(segment: Segment) -> float:
    return (segment.query_first + segment.query_end) / 2


def _reference_at(segment: Segment, frame: float) -> float:
    return segment.reference_first + (frame - segment.query_first) * segment.speed
