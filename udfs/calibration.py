"""From evidence to a score: how often sound that is in no recording of an index reaches as much.

The best wrong candidate of an unknown query exceeds a value less and less often, by a factor of e each `SPREAD`
standard deviations, and more often the more there is to mistake it for. `references.calibrate` fits the numbers to
references/calibration.csv; docs/fingerprint.md shows how well they hold for other recordings.
"""

from __future__ import annotations

import math

MIDDLE = 6.11  # standard deviations that one unknown query in 1.6 exceeds, in an index of ...
SPREAD = 0.71  # standard deviations to the next factor of e
FRAMES = 600_000  # ... this many frames
MIN_SCORE = 0.995  # the shipped threshold: at most one unknown query in two hundred is matched


def score_of(evidence: float, frames: int) -> float:
    """Score of an answer, 0..1: of unknown sounds, a share of at most 1 - score is answered as surely."""
    expected = frames / FRAMES * math.exp(-(evidence - MIDDLE) / SPREAD)  # wrong candidates that exceed the evidence
    return math.exp(-min(expected, 500.0))


def evidence_of(score: float, frames: int) -> float:
    """Evidence behind a score, in standard deviations: the inverse of `score_of`."""
    expected = max(-math.log(max(score, 5e-324)), 1e-16)
    return MIDDLE - SPREAD * math.log(expected * FRAMES / frames)
