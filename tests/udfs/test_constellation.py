"""The constellation shows the partials that are there, where they are."""

from __future__ import annotations

import numpy as np
import pytest

from udfs.constellation import constellation

RATE = 22050


@pytest.mark.parametrize("hz", [500.0, 1000.0, 3000.0])
def test_a_short_tone_is_one_star_where_it_sounds(hz: float) -> None:
    time = np.arange(6 * RATE) / RATE
    tone = np.sin(2 * np.pi * hz * time) * (np.abs(time - 3) < 0.15)
    stars = constellation(tone + 1e-4 * np.random.default_rng(0).standard_normal(tone.size), RATE)
    highest = int(np.argmax(stars.height))
    assert stars.hz[highest] == pytest.approx(hz, abs=6)
    assert stars.seconds[highest] == pytest.approx(3, abs=0.2)


def test_no_second_has_more_stars_than_asked_for() -> None:
    stars = constellation(np.random.default_rng(1).standard_normal(5 * RATE), RATE, per_second=4)
    assert np.bincount(stars.seconds.astype(int)).max() <= 8
    assert (np.diff(stars.seconds) >= 0).all()
