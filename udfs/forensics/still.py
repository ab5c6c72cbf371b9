"""What is left of a sound between its own movements: how little do neighbouring samples differ when they differ least?

A square wave stands still between its jumps, a drum is silent between its beats; a payload laid under them is not. A
spectrum does not show that, since a jump is as loud at all frequencies. So samples are compared with their
neighbours, most of which are within the same half of the wave: differences of order 1, 2 and 4, of which only the
smaller ones count. They are given in the level that white noise of such differences would have, and their clipped
values are asked whether they keep time by the sample's number (`sample_clock`) and come again (`tile`).
"""

from __future__ import annotations

from math import comb

import numpy as np

from udfs.forensics.cells import HOP, Cells
from udfs.forensics.sample_clock import measure_lines
from udfs.forensics.tile import correlate

Numbers = dict[str, float]

ORDERS = (1, 2, 4)
THIRD = 3  # of the samples are enough for quantiles
SHARES = (0.1, 0.25, 0.5, 0.75)
GAUSSIAN = (0.12566, 0.31864, 0.67449, 1.15035)  # of a Gaussian's magnitude, in standard deviations
CLIP = 2.0  # medians at which a difference is cut off: what is more is the sound's own
CLOCKED = ("most", "fourth", "all")
NAMES = (
    *(f"still_{order}_{round(100 * share)}" for order in ORDERS for share in SHARES),
    *(
        f"still_{statistic}_{kind}_{name}"
        for statistic in ("mean", "power")
        for kind in ("each", "whole")
        for name in CLOCKED
    ),
    *("still_again", "still_often", "still_many", "still_lag"),
)


def describe_still(cells: Cells) -> Numbers:
    """`NAMES` of a channel: levels in dB under the whole, logarithms of standard deviations."""
    whole = float(np.sqrt(np.mean(cells.values**2))) + 1e-6
    numbers: Numbers = {}
    for order in ORDERS:
        size = np.abs(np.diff(cells.values, n=order)[::THIRD]) / np.float32(np.sqrt(comb(2 * order, order)) * whole)
        for share, unit, level in zip(SHARES, GAUSSIAN, np.quantile(size, SHARES), strict=True):
            numbers[f"still_{order}_{round(100 * share)}"] = float(20 * np.log10(level / unit + 1e-4))
    second = np.diff(cells.values, n=2)
    median = np.float32(np.median(np.abs(second)) + 1e-3)
    cut = np.clip(second, -CLIP * median, CLIP * median) / median
    numbers |= {f"still_{name}": value for name, value in measure_lines(cut, CLOCKED).items()}
    scores = correlate(cut[: len(cut) // HOP * HOP])
    clear = float(scores.max())
    numbers["still_again"] = float(np.log2(clear + 1))
    numbers["still_often"] = float(np.log2(np.quantile(scores[::7], 0.99) + 1))
    numbers["still_many"] = float(np.log2(np.count_nonzero(scores > max(7.0, clear / 2)) + 1))
    numbers["still_lag"] = float(np.log2(int(scores.argmax()) + 1))
    return numbers
