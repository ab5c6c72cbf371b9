"""The period of data that comes again, and what looking for it costs."""

from __future__ import annotations

import numpy as np

from udfs.forensics.repeat import repeat_period

LINE = b"a line that is written down again and again and again\n"


class Counted(bytes):
    """Bytes that count how many of them were copied out."""

    copied = 0

    def __getitem__(self, at: slice) -> bytes:  # type: ignore[override]
        part = super().__getitem__(at)
        Counted.copied += len(part)
        return part


def test_the_period_is_the_whole_tile_where_a_part_of_it_comes_again_inside() -> None:
    noise = np.random.default_rng(1).bytes(700)
    tile = noise[:60] + noise + noise[:60]
    assert repeat_period(bytes(200) + tile * 5 + tile[:100], 200) == len(tile)
    assert repeat_period((bytes(96) + tile) * 3) == 96 + len(tile)
    assert repeat_period(LINE * 40) == len(LINE)
    assert repeat_period(tile + tile[:-1]) == 0


def test_a_byte_changed_amid_lines_that_come_again_does_not_cost_a_comparison_of_all_at_every_line() -> None:
    data = bytearray(LINE * 2000)
    data[len(data) * 3 // 4] ^= 1
    Counted.copied = 0
    assert repeat_period(Counted(data)) == 0
    assert Counted.copied < 50 * len(data)
