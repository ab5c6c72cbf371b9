"""Fit the score to measured queries of unknown recordings: ``python -m references.calibrate``.

The rows in calibration.csv have the columns that ``tests/bench/fingerprint.py --part calibration --rows`` writes. Of a
query of unknown sound only the evidence of its best candidate counts. The share of such queries that exceed a value
falls exponentially in the end; the fit takes the highest `TAIL` of them, by maximum likelihood (the mean excess over
where the tail begins), and of all lengths of query the one that promises least.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from udfs.calibration import compared
from udfs.segments import block_count
from udfs.spectrum import FRAMES_PER_SECOND

ROWS = Path(__file__).with_name("calibration.csv")
TAIL = 0.15  # the share of unknown queries that the fit looks at: those that could be mistaken


@dataclass(frozen=True)
class Fit:
    """What `udfs.calibration` holds."""

    middle: float
    spread: float


def read_unknown(
    path: Path, recordings: Callable[[str], bool] = lambda name: True
) -> dict[int, list[tuple[float, int]]]:
    """Read (evidence, frames of the index) of the unknown queries of some recordings, by their length in seconds."""
    found: dict[int, list[tuple[float, int]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["known"] == "False" and recordings(row["recording"]):
                found.setdefault(int(row["seconds"]), []).append((float(row["evidence"]), int(row["frames"])))
    return found


def fit_tail(evidence: Sequence[float], frames: int, blocks: int) -> Fit:
    """Fit the exponential tail of unknown queries' evidence, each of so many blocks, in an index of so many frames."""
    values = np.sort(np.asarray(evidence, np.float64))
    low = float(np.quantile(values, 1 - TAIL))
    spread = float((values[values > low] - low).mean())
    # exp(-expected) is the share below: at `low` that is 1 - TAIL
    expected = -math.log(1 - TAIL)
    middle = low + spread * (math.log(expected) - math.log(compared(frames, blocks)))
    return Fit(middle, spread)


def fit_queries(seconds: int, queries: Sequence[tuple[float, int]]) -> Fit:
    """Fit the (evidence, frames of the index) of queries of one length."""
    return fit_tail([evidence for evidence, _ in queries], queries[0][1], blocks_of(seconds))


def blocks_of(seconds: int) -> int:
    """How many blocks a query of so many seconds is cut into."""
    return block_count(round(seconds * FRAMES_PER_SECOND))


def fit(rows: dict[int, list[tuple[float, int]]]) -> Fit:
    """Fit every length of query by itself, and take the one that promises least at one wrong answer in 200."""
    fits = [fit_queries(seconds, queries) for seconds, queries in rows.items()]
    return max(fits, key=lambda one: one.middle - one.spread * math.log(-math.log(1 - 0.005)))


def main() -> None:
    """Print the numbers for `udfs.calibration`, by length of query and for all."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--rows", type=Path, default=ROWS)
    rows = read_unknown(options.parse_args().rows)
    for seconds, queries in sorted(rows.items()):
        one = fit_queries(seconds, queries)
        print(f"{seconds:3} s: {len(queries)} unknown queries, MIDDLE = {one.middle:.2f}, SPREAD = {one.spread:.2f}")  # noqa: T201
    chosen = fit(rows)
    print(f"MIDDLE = {chosen.middle:.2f}\nSPREAD = {chosen.spread:.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
