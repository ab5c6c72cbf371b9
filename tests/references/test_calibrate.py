"""The score's calibration: reproducible from the data in the tree, and good for other recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from references.calibrate import ROWS, by_corpus, fit, read_unknown
from udfs.calibration import BEYOND, BODY, FRAMES, KNEE, MIN_SCORE, score_of

HELD_OUT = Path(__file__).with_name("held_out.csv")


def share_answered(queries: list[tuple[float, float]], promised: float) -> float:
    """Share of unknown queries that score as much."""
    return sum(score_of(evidence, FRAMES, much) >= promised for evidence, much in queries) / len(queries)


def test_the_shipped_numbers_come_from_the_data_in_the_tree() -> None:
    fitted = fit(read_unknown(ROWS))
    assert fitted.body == tuple((evidence, pytest.approx(expected, abs=1e-3)) for evidence, expected in BODY)
    assert fitted.knee == (pytest.approx(KNEE[0], abs=0.01), pytest.approx(KNEE[1], abs=1e-3))
    assert fitted.beyond == pytest.approx(BEYOND, abs=0.01)


@pytest.mark.parametrize("promised", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, MIN_SCORE])
def test_the_score_holds_for_recordings_that_it_was_not_fitted_to(promised: float) -> None:
    queries = by_corpus(read_unknown(HELD_OUT))["shooters and tales"]
    assert len(queries) > 250
    assert share_answered(queries, promised) <= 1 - promised + 0.003


def test_no_recording_is_both_fitted_to_and_held_out() -> None:
    def recordings(path: Path) -> set[str]:
        return {line.split(",")[1] for line in path.read_text("utf-8").splitlines()[1:] if ",False," in line}

    assert recordings(ROWS).isdisjoint(recordings(HELD_OUT))


def test_other_pieces_of_one_sampler_are_not_taken_for_each_other() -> None:
    """Two chorales played by one sampler at one tempo are the same sound where they have the same chords."""
    assert share_answered(by_corpus(read_unknown(ROWS))["one sampler"], MIN_SCORE) <= 0.005


def test_at_most_one_unknown_query_in_two_hundred_is_answered_of_all_that_were_measured() -> None:
    queries = [query for path in (ROWS, HELD_OUT) for found in read_unknown(path).values() for query in found]
    assert len(queries) > 1900
    assert share_answered(queries, MIN_SCORE) <= 0.005


def test_the_tail_is_as_long_as_its_mean_and_a_standard_error_more() -> None:
    random = np.random.default_rng(1)
    tails = []
    for _ in range(40):
        rows = {("one", 10): [(float(evidence), 1.0) for evidence in 5 + random.exponential(0.5, 400)]}
        tails.append(fit(rows).beyond)
    assert np.mean(tails) == pytest.approx(0.5 * (1 + 12**-0.5), abs=0.05)
