"""Does a layer keep time by the sample? Records, instructions, characters and pixels lie at multiples of their size.

Bytes written as samples bring the period of what they were with them: the fields of a table of 24 bytes, base64's
groups of four, addresses of eight bytes, pixels of three are as many samples or half as many. Music
knows nothing of the sample's number, so the mean and the power of its quiet cells (`cells`) are the same at each place
of such a period, except for tones at a whole part of the sample rate, which are single lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.cells import HOP, Cells

Numbers = dict[str, float]

CYCLE = 48  # samples; its parts are the periods that are looked for
STRETCH = 100 * CYCLE  # samples that are summed in phase; a payload's own repetition may shift what follows
LEAST_STRETCHES = 2
CLIP = 3.0  # standard deviations that a value counts at most
NEIGHBOURS = 5  # blocks whose power says how loud one is
PERIODS = {"2": (2,), "3": (3,), "4": (4,), "8": (8,), "16": (16,), "6": (6, 12), "24": (24, 48)}
STATISTICS = ("mean", "power")
_LINES = {
    name: [line for line in range(1, CYCLE // 2 + 1) if CYCLE // int(np.gcd(line, CYCLE)) in periods]
    for name, periods in PERIODS.items()
}
_KINDS = ("each", "whole")  # every stretch by itself, and all of them in phase
_SUMMARIES = ("most", "shared", "fourth", "all")
NAMES = tuple(f"clock_{s}_{kind}_{p}" for s in STATISTICS for kind in _KINDS for p in (*PERIODS, *_SUMMARIES))
SILENT = dict.fromkeys(NAMES, 0.0)


def describe_clock(cells: Cells) -> Numbers:
    """`NAMES` of a channel: logarithms of standard deviations by which a statistic depends on the sample's number."""
    blocks = cells.quiet.reshape(-1, HOP)[1:-1]
    power = np.convolve(np.einsum("bn,bn->b", blocks, blocks) / HOP, np.full(NEIGHBOURS, 1 / NEIGHBOURS), "same")
    even = np.clip(blocks / np.sqrt(power + 1e-12, dtype=np.float32)[:, None], -CLIP, CLIP).reshape(-1)
    stretches = len(even) // STRETCH
    if stretches < LEAST_STRETCHES:
        return SILENT
    even = even[: stretches * STRETCH]
    numbers: Numbers = {}
    for name, values in (("mean", even), ("power", even * even)):
        for kind, clear in zip(_KINDS, _fold(values.reshape(stretches, -1, CYCLE)), strict=True):
            numbers |= {f"clock_{name}_{kind}_{key}": value for key, value in _sum_up(clear).items()}
    return numbers


def _sum_up(clear: NDArray[np.float64]) -> Numbers:
    """Each period's lines together, the clearest period's, what all lines of a period have, the fourth, and all."""
    found = {period: _logarithm(clear[lines].sum() / np.sqrt(len(lines))) for period, lines in _LINES.items()}
    found["most"] = max(value for period, value in found.items() if period != "2")  # resampled sound has that
    found["shared"] = _logarithm(max(clear[lines].min() for lines in _LINES.values() if len(lines) > 1))
    found["fourth"] = _logarithm(np.sort(clear[1:-1])[-4])
    found["all"] = _logarithm(clear[1:].sum() / np.sqrt(CYCLE // 2))
    return found


def _logarithm(deviations: float) -> float:
    return float(np.log2(1 + max(0.0, deviations)))


def _fold(values: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each line of the cycle stands out of values (stretches, cycles, CYCLE), by stretch and in all."""
    stretches = len(values)
    folded = np.einsum("scn->sn", values, dtype=np.float64)
    lines = np.fft.rfft(folded - folded.mean(axis=1, keepdims=True), axis=1)
    expected = float(values.var()) * STRETCH + 1e-12
    each = (np.abs(lines) ** 2).sum(axis=0) / expected
    whole = np.abs(lines.sum(axis=0)) ** 2 / (expected * stretches)
    return (each - stretches) / np.sqrt(stretches), whole - 1
