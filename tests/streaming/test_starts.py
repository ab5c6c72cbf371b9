from pathlib import Path

from streaming.places import open_place
from streaming.starts import MOST, note_start


def test_every_run_on_a_checkpoint_knows_the_starts_before_it(tmp_path: Path) -> None:
    place = open_place(str(tmp_path))
    assert note_start(place, 10) == (10,)
    assert note_start(place, 20) == (10, 20)
    assert note_start(open_place(str(tmp_path)), 30) == (10, 20, 30)


def test_a_job_that_cannot_start_does_not_fill_the_checkpoint(tmp_path: Path) -> None:
    place = open_place(str(tmp_path))
    for now_ms in range(MOST + 5):
        starts = note_start(place, now_ms)
    assert (len(starts), starts[-1]) == (MOST, MOST + 4)
