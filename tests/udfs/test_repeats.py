"""Loops come back to the sample, between frames: the repeat that was heard is told from the others."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from fingerprint_sounds import RATE, music, noisy
from numpy.typing import NDArray

from references.build import build_index
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import identify

REPEATS = 12
PERIOD = 4.01  # seconds: 86.3 frames


def looped() -> NDArray[np.float32]:
    """A loop with a different quiet voice above each repeat."""
    count = int(PERIOD * RATE)
    loop = np.tile(music(0, 5)[:count], REPEATS)
    return np.asarray(loop + 0.05 * music(1, PERIOD * REPEATS + 1)[: len(loop)], np.float32)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LandmarkIndex:
    folder = tmp_path_factory.mktemp("loops")
    soundfile.write(folder / "loop.wav", looped(), RATE)
    for seed in range(2, 8):
        soundfile.write(folder / f"other-{seed}.wav", music(seed, 30), RATE)
    build_index(folder.glob("*.wav"), folder / "index")
    return open_index(folder / "index")


@pytest.mark.parametrize("snr_db", [None, 20])
def test_the_repeat_that_was_heard_is_told_from_the_others(index: LandmarkIndex, snr_db: int | None) -> None:
    right = 0
    for number in range(8):
        start = 1.3 + number * 4.7
        query = looped()[int(start * RATE) :][: 6 * RATE]
        match = identify(query if snr_db is None else noisy(query, snr_db, number), RATE, index, min_score=0)[0]
        assert match.reference_id == "loop"
        right += abs(match.reference_offset_ms - match.query_offset_ms - start * 1000) < 500
    assert right >= 7
