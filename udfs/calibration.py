"""From evidence to a score: how often sound that is in no recording of an index reaches as much.

The best wrong candidate of an unknown query exceeds a value less and less often. What queries of a block exceed more
often than one in thirty is read between the points of `BODY`; beyond `KNEE`, where the kinds of sound are that are
mistaken easily (a steady beat, held chords, the same instruments), a factor of e takes `BEYOND` standard deviations.
`references.calibrate` fits the numbers to references/calibration.csv; docs/fingerprint.md shows how well they hold for
other recordings.
"""

from __future__ import annotations

import math
from bisect import bisect_right

# Standard deviations, and how many wrong candidates of a query of one block exceed them, in an index of `FRAMES`.
BODY = ((4.5, 7.9780), (5.0, 3.4754), (5.5, 1.3496), (6.0, 0.4556), (6.5, 0.1943), (7.0, 0.0755))
KNEE = (7.22, 0.0305)  # from here ...
BEYOND = 0.78  # ... so many standard deviations to the next factor of e
FRAMES = 600_000
MIN_SCORE = 0.998  # the shipped threshold: one unknown sound in 500, as others than those measured may do worse


def score_of(evidence: float, frames: int, blocks: float = 1) -> float:
    """Score of an answer, 0..1: of unknown sounds, a share of at most 1 - score is answered as surely.

    Parameters
    ----------
    evidence
        Standard deviations above chance (`udfs.segments.Segment.evidence`).
    frames
        How many the index has.
    blocks
        How long the query is (`udfs.segments.length_in_blocks`): the longer, the more it can be mistaken for.
    """
    expected = compared(frames, blocks) * math.exp(min(_log_expected(evidence), 50.0))
    return math.exp(-min(expected, 500.0))


def evidence_of(score: float, frames: int, blocks: float = 1) -> float:
    """Evidence behind a score, in standard deviations: the inverse of `score_of`."""
    expected = max(-math.log(max(score, 5e-324)), 1e-16) / compared(frames, blocks)
    return _evidence_at(math.log(expected))


def compared(frames: int, blocks: float) -> float:
    """How much there was to mistake a query for, against what was measured.

    A small index counts as one of `FRAMES`: what unknown sound reaches there falls slower than its size, because an
    extended chain of blocks and held notes reach the same in any (seven recordings named an eighth at .9995).
    """
    return max(1.0, frames / FRAMES) * blocks


_POINTS = [(evidence, math.log(expected)) for evidence, expected in (*BODY, KNEE)]
_POINTS.append((KNEE[0] + BEYOND, _POINTS[-1][1] - 1.0))
_EVIDENCE = [evidence for evidence, _ in _POINTS]
_RARITY = [-expected for _, expected in _POINTS]


def _log_expected(evidence: float) -> float:
    """Logarithm of the wrong candidates beyond an evidence; the first and the last of the lines go on for ever."""
    return -_on_the_line(evidence, _EVIDENCE, _RARITY)


def _evidence_at(log_expected: float) -> float:
    return _on_the_line(-log_expected, _RARITY, _EVIDENCE)


def _on_the_line(at: float, xs: list[float], ys: list[float]) -> float:
    """Read a polygon that rises at one place, before its first and behind its last point as between those beside."""
    right = min(max(1, bisect_right(xs, at)), len(xs) - 1)
    slope = (ys[right] - ys[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + (at - xs[right - 1]) * slope
