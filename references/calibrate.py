"""Fit the score to measured queries of unknown recordings: ``python -m references.calibrate``.

The rows in calibration.csv have the columns that ``tests/bench/fingerprint.py --part calibration --rows`` writes. Of a
query of unknown sound only the evidence of its best candidate counts. The share of a corpus's queries that exceed a
value is fitted by two exponentials that meet: one through the shares `BODY` and `TAIL`, and beyond `TAIL`, where the
kinds of sound are that are mistaken easily, by maximum likelihood (the mean excess).
"""

from __future__ import annotations

import argparse
import csv
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from udfs.calibration import compared
from udfs.segments import length_in_blocks
from udfs.spectrum import FRAMES_PER_SECOND

ROWS = Path(__file__).with_name("calibration.csv")
BODY, TAIL = 0.5, 0.03  # shares of the unknown queries


@dataclass(frozen=True)
class Fit:
    """What `udfs.calibration` holds."""

    middle: float
    spread: float
    knee: float
    beyond: float

    def evidence_at(self, share: float) -> float:
        """Evidence that so small a share of unknown queries of one block exceeds."""
        rarity = -math.log(share)
        at_knee = (self.knee - self.middle) / self.spread
        return self.middle + self.spread * min(rarity, at_knee) + self.beyond * max(0.0, rarity - at_knee)


Queries = list[tuple[float, float]]  # evidence, and what there was to mistake it for (`udfs.calibration.compared`)


def read_unknown(path: Path) -> dict[str, Queries]:
    """Read the unknown queries, by the corpus that they come from."""
    found: dict[str, Queries] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["known"] == "False":
                much = compared(int(row["frames"]), blocks_of(int(row["seconds"])))
                found.setdefault(row["corpus"], []).append((float(row["evidence"]), much))
    return found


def blocks_of(seconds: int) -> float:
    """How long a query of so many seconds is, in blocks."""
    return length_in_blocks(round(seconds * FRAMES_PER_SECOND))


def fit_corpus(queries: Queries) -> Fit:
    """Fit the shares of one corpus's unknown queries by their evidence."""
    values = np.array([evidence for evidence, _ in queries], np.float64)
    chances = float(np.mean([much for _, much in queries]))
    low, knee = (float(one) for one in np.quantile(values, [1 - BODY, 1 - TAIL]))
    # exp(-expected) is the share below a value
    at_low, at_knee = (math.log(-math.log(1 - share) / chances) for share in (BODY, TAIL))
    spread = (knee - low) / (at_low - at_knee)
    return Fit(low + spread * at_low, spread, knee, float((values[values > knee] - knee).mean()))


def fit(rows: dict[str, Queries]) -> Fit:
    """Fit each corpus by itself, and take at each share of queries the one that promises least, and the longest tail.

    What is easily mistaken is common in some music and rare in other; nobody knows which will be uploaded.
    """
    fits = [fit_corpus(queries) for queries in rows.values()]
    body, tail = (-math.log(1 - share) for share in (BODY, TAIL))  # expected wrong candidates, of one block
    low, knee = (max(one.evidence_at(share) for one in fits) for share in (body, tail))
    spread = (knee - low) / math.log(body / tail)
    return Fit(low + spread * math.log(body), spread, knee, max(one.beyond for one in fits))


def main() -> None:
    """Print the numbers for `udfs.calibration`, by length of query and for all."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--rows", type=Path, default=ROWS)
    rows = read_unknown(options.parse_args().rows)
    for corpus, queries in rows.items():
        values = np.quantile([evidence for evidence, _ in queries], [0.5, 0.9, 0.99, 1]).round(2)
        print(f"{corpus}: {len(queries)} unknown queries; median, 90 %, 99 %, highest: {values}")  # noqa: T201
        print(f"  {fit_corpus(queries)}")  # noqa: T201
    chosen = fit(rows)
    for name, value in asdict(chosen).items():
        print(f"{name.upper()} = {value:.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
