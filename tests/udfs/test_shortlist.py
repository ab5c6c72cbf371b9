"""The shortlist: no recording that repeats itself keeps the others out of sight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from udfs.segments import Segment, doubt, joined, weigh
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
    assert doubt(segments(9, 9, 5, 4.5, 4.5)) == 1
    assert doubt(segments(9, 9, 8, 6.5, 5)) == pytest.approx(1.3)
    assert doubt(segments(9)) == 1


def test_further_versions_of_a_recording_cost_no_more_than_chance_explains() -> None:
    assert doubt(segments(40, 38, 38, 37, 36)) == doubt(segments(40, 9, 9, 9, 9)) == 1.8


def test_doubt_divides_the_evidence_and_an_easy_passage_widens_chance() -> None:
    (one,) = segments(12)
    weighed = weigh(weigh(one, 1.44, 1.0), 1.0, 1.25)
    assert weighed.evidence == pytest.approx(12 / 1.2 / 1.25)
    assert (weighed.ease, weighed.doubt) == (1.44, 1.25)


def test_a_passage_is_no_less_sure_for_a_part_beside_it_that_noise_hides() -> None:
    sure, hidden = segments(9)[0], replace(segments(3)[0], query_first=215, query_end=430)
    both = joined(sure, hidden)
    assert (both.evidence, both.query_first, both.query_end) == (9, 0, 430)
    again = joined(sure, replace(hidden, gain=90.0))
    assert again.evidence == pytest.approx((9 + 9 - 2.5) / 2**0.5)
