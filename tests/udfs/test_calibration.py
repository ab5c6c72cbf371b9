"""The score means what it says: of unknown sounds, at most 1 - s are answered with a score of s or more."""

from __future__ import annotations

import pytest

from udfs.calibration import FRAMES, MIN_SCORE, evidence_of, score_of


def test_more_evidence_never_scores_less() -> None:
    scores = [score_of(evidence / 10, FRAMES) for evidence in range(400)]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < 0.01
    assert scores[-1] == pytest.approx(1)


def test_a_larger_catalogue_needs_more_evidence() -> None:
    assert score_of(8, 10 * FRAMES) < score_of(8, FRAMES)


def test_a_longer_query_needs_more_evidence() -> None:
    assert score_of(8, FRAMES, blocks=6) < score_of(8, FRAMES)


def test_a_small_catalogue_makes_no_wrong_answer_surer() -> None:
    assert score_of(8, FRAMES // 100) == score_of(8, FRAMES)


@pytest.mark.parametrize("evidence", [6.5, 7.0, 9.0, 12.0])
def test_the_evidence_behind_a_score_can_be_told(evidence: float) -> None:
    assert evidence_of(score_of(evidence, 2 * FRAMES, 3), 2 * FRAMES, 3) == pytest.approx(evidence, abs=0.01)


def test_the_shipped_threshold_lets_through_one_unknown_sound_in_five_hundred() -> None:
    assert pytest.approx(1 / 500) == 1 - MIN_SCORE
