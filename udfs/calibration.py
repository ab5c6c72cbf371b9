"""From evidence to a score: how often sound that is in no recording of an index reaches as much."""

from __future__ import annotations

import math

MIDDLE = 6.4  # standard deviations that the best wrong candidate of an unknown query reaches, in an index of ...
FRAMES = 600_000  # ... this many frames
SPREAD = 0.55  # standard deviations by which e times fewer unknown queries reach as much
MIN_SCORE = 0.99  # the shipped threshold


def score_of(evidence: float, frames: int) -> float:
    """Score of an answer, 0..1: of the answers with a score of at least s, a share of at most 1 - s is wrong."""
    wrong = frames / FRAMES * math.exp(-(evidence - MIDDLE) / SPREAD)
    return math.exp(-min(wrong, 50.0))
