"""What lies bare between the cells of music: hiss is Gaussian and has no period, bytes are and have."""

from __future__ import annotations

import numpy as np
import pytest
from mock_files import TEXT, encrypted, executable, music
from numpy.typing import NDArray

from udfs.forensics.bare import NAMES, describe_bare
from udfs.forensics.cells import cut_channel
from udfs.forensics.sample_clock import CYCLE, describe_clock
from udfs.forensics.sample_clock import NAMES as CLOCK_NAMES

LENGTH = 176_400
RECORDS = np.random.default_rng(4).integers(0, 256, (LENGTH // 24, 24)) * ([1] * 5 + [0] * 3 + [1] * 12 + [0] * 4)
LAYERS: dict[str, bytes | NDArray[np.float64]] = {
    "hiss": np.random.default_rng(1).normal(size=LENGTH),
    "text": TEXT,
    "encrypted": encrypted(LENGTH),
    "machine code": executable(),
    "records": RECORDS.astype(np.uint8).tobytes(),
}


def describe(layer: bytes | NDArray[np.float64] | None, decibels: float = 20.0) -> dict[str, float]:
    """The numbers of a piece of music over a layer, that many decibels quieter."""
    sound = music(seconds=4.0)[:, 0].astype(np.float64)
    if layer is not None:
        values = np.frombuffer(layer, np.uint8).astype(np.float64) if isinstance(layer, bytes) else layer
        values = np.resize(values, len(sound))
        sound += (values - values.mean()) / values.std() * sound.std() * 10 ** (-decibels / 20)
    cells = cut_channel(np.rint(sound).astype(np.int16))
    assert cells is not None
    numbers = describe_bare(cells) | describe_clock(cells)
    assert set(numbers) == {*NAMES, *CLOCK_NAMES}
    return numbers


def test_hiss_under_music_is_gaussian_and_keeps_no_time() -> None:
    found = describe(LAYERS["hiss"])
    assert abs(found["bare_third_own"]) < 0.05
    assert abs(found["bare_fourth_own"]) < 0.1
    assert found["bare_third_agree"] < 1
    assert max(value for name, value in found.items() if name.startswith("clock_")) < 3.5


def test_text_under_music_is_one_sided_all_through() -> None:
    found = describe(LAYERS["text"])
    assert found["bare_third_z"] < -5
    assert found["bare_third_agree"] > 3
    assert found["bare_third_vary"] < 0.2


@pytest.mark.parametrize("decibels", [17.0, 20.0, 23.0])
def test_the_fourth_cumulant_of_an_even_layer_is_measured_however_loud_it_is(decibels: float) -> None:
    found = describe(LAYERS["encrypted"], decibels)
    assert found["bare_fourth_own"] == pytest.approx(-1.2, abs=0.25)  # that of values from an even distribution
    assert found["bare_fourth_agree"] > 3
    assert found["bare_under"] == pytest.approx(describe(LAYERS["hiss"], decibels)["bare_under"], abs=0.5)


@pytest.mark.parametrize("name", ["machine code", "records"])
def test_what_has_a_period_in_samples_keeps_time_by_them(name: str) -> None:
    found, alone = describe(LAYERS[name]), describe(None)
    for statistic in ("mean", "power"):
        assert found[f"clock_{statistic}_each_most"] > alone[f"clock_{statistic}_each_most"] + 2


def test_a_period_is_told_from_others() -> None:
    noise = np.random.default_rng(2).normal(size=LENGTH) * np.where(np.arange(LENGTH) % 3 == 0, 2.0, 1.0)
    found = describe(noise)
    assert found["clock_power_whole_3"] > 6
    assert max(found[f"clock_power_whole_{period}"] for period in ("2", "4", "8", "16")) < 3.5


def test_loud_moments_do_not_rule_the_clock() -> None:
    values = np.random.default_rng(3).normal(size=LENGTH)
    values[LENGTH // 2 : LENGTH // 2 + 10 * CYCLE : CYCLE] = 300.0
    assert max(value for name, value in describe(values).items() if "whole" in name) < 4
