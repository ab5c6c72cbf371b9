"""Dropouts: sound that is torn off, gone for some milliseconds and back as suddenly.

A pause in speech or music fades on at least one side; lost packets and buffers that ran dry do on neither.
"""

from __future__ import annotations

import numpy as np

from udfs.quality.glimpses import Floats, Glimpses

LEAST_BLOCKS = 2  # 4 ms at least; shorter ones are clicks
LONGEST_SECONDS = 0.2  # a longer one may be a pause between two cuts
GONE = 0.003  # of the track's level (-50 dB)
THERE = 0.25  # of it: right before and right behind


def find_dropouts(glimpses: Glimpses, rounded_away: float = 0.0) -> tuple[int, float]:
    """Count a track's dropouts; gives their number and their seconds together.

    What is under `rounded_away` was rounded to nothing: where that is more than a dropout leaves, none can be told.
    """
    if rounded_away > GONE * glimpses.level:
        return 0, 0.0
    heights: Floats = glimpses.heights
    gone = heights <= GONE * glimpses.level
    edges = np.flatnonzero(np.diff(gone.view(np.int8), prepend=0, append=0))
    starts, ends = edges[::2], edges[1::2]
    fits = (ends - starts >= LEAST_BLOCKS) & ((ends - starts) * glimpses.block_seconds <= LONGEST_SECONDS)
    fits &= (starts >= 2) & (ends <= len(heights) - 2)
    starts, ends = starts[fits], ends[fits]
    there = THERE * glimpses.level
    torn = (np.maximum(heights[starts - 1], heights[starts - 2]) >= there) & (
        np.maximum(heights[ends], heights[ends + 1]) >= there
    )
    return int(torn.sum()), float((ends - starts)[torn].sum() * glimpses.block_seconds)
