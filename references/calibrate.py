"""Fit the score to measured queries of unknown recordings: ``python -m references.calibrate``.

The rows in calibration.csv are those that ``tests/bench/fingerprint_calibration.py`` writes. Of a query of unknown
sound only the evidence of its best candidate counts. Where more than one in thirty queries exceed a value (`TAIL`),
their share is taken as it is counted, at the points of `BODY`, from the corpus and the length of query that have most.
Beyond, where the kinds of sound are that are mistaken easily, and queries are few, an exponential is fitted by maximum
likelihood (the mean excess), and its standard error added: a dozen queries of each corpus tell so much and no more.
"""

from __future__ import annotations

import argparse
import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from udfs.calibration import compared
from udfs.segments import length_in_blocks
from udfs.spectrum import HOP, RATE, WINDOW

ROWS = Path(__file__).with_name("calibration.csv")
BODY = (4.5, 5.0, 5.5, 6.0, 6.5, 7.0)  # evidence
TAIL = 0.03  # of the unknown queries
Queries = list[tuple[float, float]]  # evidence, and what there was to mistake it for (`udfs.calibration.compared`)


@dataclass(frozen=True)
class Fit:
    """What `udfs.calibration` holds."""

    body: tuple[tuple[float, float], ...]
    knee: tuple[float, float]
    beyond: float


def read_unknown(path: Path) -> dict[tuple[str, int], Queries]:
    """Read the unknown queries, by the corpus that they come from and their length in seconds."""
    found: dict[tuple[str, int], Queries] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["known"] == "False":
                seconds = int(row["seconds"])
                much = compared(int(row["frames"]), blocks_of(seconds))
                found.setdefault((row["corpus"], seconds), []).append((float(row["evidence"]), much))
    return found


def by_corpus(rows: dict[tuple[str, int], Queries]) -> dict[str, Queries]:
    """Put the queries of all lengths of a corpus together."""
    found: dict[str, Queries] = {}
    for (corpus, _), queries in rows.items():
        found.setdefault(corpus, []).extend(queries)
    return found


def blocks_of(seconds: int) -> float:
    """How long a query of so many seconds is, in blocks of frames that are whole."""
    return length_in_blocks((seconds * RATE - WINDOW) // HOP + 1)


def fit(rows: dict[tuple[str, int], Queries]) -> Fit:
    """Fit each corpus by itself, and take at each evidence the one that promises least, and the longest tail.

    What is easily mistaken is common in some music and rare in other; nobody knows which will be uploaded.
    """
    corpora = by_corpus(rows).values()
    tail = -math.log(1 - TAIL)
    knee = max(_evidence_at(queries, tail) for queries in corpora)
    beyond = max(_mean_excess(queries, _evidence_at(queries, tail)) for queries in corpora)
    body: list[tuple[float, float]] = []
    for evidence in BODY:
        expected = max(_expected(queries, evidence) for queries in rows.values())
        if evidence < knee and tail < expected < (body[-1][1] if body else math.inf):
            body.append((evidence, expected))
    return Fit(tuple(body), (knee, tail), beyond)


def _expected(queries: Queries, evidence: float) -> float:
    """Wrong candidates of a query of one block that reach an evidence; exp(-expected) is the share of queries below."""
    below = float(np.mean([one < evidence for one, _ in queries]))
    return -math.log(max(below, 0.5 / len(queries))) / _much(queries)


def _evidence_at(queries: Queries, expected: float) -> float:
    """Evidence that so many wrong candidates of a query of one block reach: the inverse of `_expected`."""
    return float(np.quantile([evidence for evidence, _ in queries], math.exp(-expected * _much(queries))))


def _mean_excess(queries: Queries, knee: float) -> float:
    """Mean excess over the knee, and a standard error more: of n that are exponential, the mean over root n."""
    excess = [evidence - knee for evidence, _ in queries if evidence > knee]
    return float(np.mean(excess)) * (1 + 1 / math.sqrt(len(excess)))


def _much(queries: Queries) -> float:
    return float(np.mean([much for _, much in queries]))


def main() -> None:
    """Print the numbers for `udfs.calibration`."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--rows", type=Path, default=ROWS)
    rows = read_unknown(options.parse_args().rows)
    for corpus, queries in by_corpus(rows).items():
        values = np.quantile([evidence for evidence, _ in queries], [0.5, 0.9, 0.99, 1]).round(2)
        print(f"{corpus}: {len(queries)} unknown queries; median, 90 %, 99 %, highest: {values}")  # noqa: T201
    chosen = fit(rows)
    body = ", ".join(f"({evidence}, {expected:.4f})" for evidence, expected in chosen.body)
    print(f"BODY = ({body})")  # noqa: T201
    print(f"KNEE = ({chosen.knee[0]:.2f}, {chosen.knee[1]:.4f})\nBEYOND = {chosen.beyond:.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
