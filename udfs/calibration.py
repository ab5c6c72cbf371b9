"""From evidence to a score: how often sound that is in no recording of an index reaches as much.

The best wrong candidate of an unknown query exceeds a value less and less often, by a factor of e each `SPREAD`
standard deviations, and more often the more there is to mistake it for. One query in fifty is of a kind that is
mistaken more easily (a steady beat, held chords, the same instruments), so that beyond `KNEE` a factor of e takes
`BEYOND`. `references.calibrate` fits the numbers to references/calibration.csv; docs/fingerprint.md shows how well they
hold for other recordings.
"""

from __future__ import annotations

import math

MIDDLE = 5.37  # standard deviations that one unknown query of a block in 1.6 exceeds, in an index of ...
SPREAD = 0.62  # standard deviations to the next factor of e ...
KNEE = 7.53  # ... up to these,
BEYOND = 0.71  # and from there
FRAMES = 600_000  # ... this many frames
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
    rarity = (min(evidence, KNEE) - MIDDLE) / SPREAD + max(0.0, evidence - KNEE) / BEYOND
    expected = compared(frames, blocks) * math.exp(min(-rarity, 500.0))  # wrong candidates beyond `evidence`
    return math.exp(-min(expected, 500.0))


def evidence_of(score: float, frames: int, blocks: float = 1) -> float:
    """Evidence behind a score, in standard deviations: the inverse of `score_of`."""
    expected = max(-math.log(max(score, 5e-324)), 1e-16)
    rarity = -math.log(expected / compared(frames, blocks))
    knee = (KNEE - MIDDLE) / SPREAD
    return MIDDLE + SPREAD * min(rarity, knee) + BEYOND * max(0.0, rarity - knee)


def compared(frames: int, blocks: float) -> float:
    """How much there was to mistake a query for, against what was measured.

    A small index counts as one of `FRAMES`: what unknown sound reaches there falls slower than its size, because an
    extended chain of blocks and held notes reach the same in any (seven recordings named an eighth at .9995).
    """
    return max(1.0, frames / FRAMES) * blocks
