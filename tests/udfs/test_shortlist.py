"""The shortlist: no recording that repeats itself keeps the others out of sight."""

from __future__ import annotations

import numpy as np

from udfs.segments import Segment, doubt
from udfs.shortlist import OF_ONE, Chance, varied


def test_a_recording_beyond_its_share_goes_behind_the_others_in_order() -> None:
    recording = np.array([7] * (OF_ONE + 3) + [2, 3, 2])
    order = np.arange(recording.size)
    expected = [*range(OF_ONE), OF_ONE + 3, OF_ONE + 4, OF_ONE + 5, OF_ONE, OF_ONE + 1, OF_ONE + 2]
    assert varied(order, recording).tolist() == expected


def test_an_empty_list_stays_empty() -> None:
    assert varied(np.empty(0, np.int64), np.empty(0, np.int64)).size == 0


def segments(*evidence: float) -> list[Segment]:
    return [Segment(0, n, 0, 215, 0, 215, one * 10, 100, 0, Chance(0, 1)) for n, one in enumerate(evidence)]


def test_sure_runners_up_raise_doubt_and_usual_ones_do_not() -> None:
    assert doubt(segments(9, 6, 6, 4.5, 4.5)) == 0
    assert doubt(segments(9, 9, 9, 6.5, 5.5)) == 1.5
    assert doubt(segments(9)) == 0


def test_further_versions_of_a_recording_cost_no_more_than_chance_explains() -> None:
    assert doubt(segments(40, 38, 38, 37, 36)) == doubt(segments(40, 7.5, 7.5, 7.5, 7.5)) == 3
