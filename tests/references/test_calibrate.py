"""The score's calibration: reproducible from the data in the tree, and good for other recordings."""

from __future__ import annotations

import math
import zlib

import pytest

from references.calibrate import ROWS, Fit, blocks_of, fit, read_unknown
from udfs.calibration import MIDDLE, MIN_SCORE, SPREAD, compared


def test_the_shipped_numbers_come_from_the_data_in_the_tree() -> None:
    assert fit(read_unknown(ROWS)) == Fit(pytest.approx(MIDDLE, abs=0.01), pytest.approx(SPREAD, abs=0.01))


@pytest.mark.parametrize("half", [0, 1])
def test_the_score_holds_for_recordings_that_it_was_not_fitted_to(half: int) -> None:
    fitted = fit(read_unknown(ROWS, lambda name: zlib.crc32(name.encode()) % 2 == half))
    others = read_unknown(ROWS, lambda name: zlib.crc32(name.encode()) % 2 != half)
    queries = [(evidence, frames, blocks_of(seconds)) for seconds in others for evidence, frames in others[seconds]]
    assert len(queries) > 500

    def score(evidence: float, frames: int, blocks: int) -> float:
        return math.exp(-compared(frames, blocks) * math.exp(-(evidence - fitted.middle) / fitted.spread))

    for promised in (0.9, 0.95, 0.99, MIN_SCORE):
        wrong = sum(score(*query) >= promised for query in queries) / len(queries)
        assert wrong <= (1 - promised) + 0.003, promised
