"""Train ``udfs/forensics/model.json`` from recordings and payloads of the training half.

    python tests/bench/train_forensics.py --jobs 2            # fetches the packages on the first run
    python tests/bench/train_forensics.py --only modem        # leaves the other ensembles as they are

Three ensembles: is a window data (families a-e against the real makers), is there a layer under music (l), is an
excerpt a modem (f). A file's rows weigh as much as another's square root, so that long files do not drown short ones.
Files written lossily are left out of the first two: what they held is gone. The result is the same for the same
packages, payloads and seeds.
"""

from __future__ import annotations

import argparse
import collections
import json
import platform
import random
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import forensics_sources
import numpy as np
import sklearn
from forensics_layers import plain_music, under_music
from forensics_mocks import SAMPLE_FAMILIES, Case, Maker
from forensics_modems import modem, on_off
from forensics_traps import REAL_MAKERS
from sklearn.ensemble import GradientBoostingClassifier

from udfs.container.spans import ContainerReport
from udfs.decode import decode
from udfs.errors import TrackError
from udfs.forensics import mixture, windows
from udfs.forensics.band import take_band
from udfs.forensics.model import PATH
from udfs.forensics.modem import cut_excerpts
from udfs.forensics.modem_numbers import FEATURES as MODEM_FEATURES
from udfs.forensics.modem_numbers import FIRST, measure_first, measure_rest, row
from udfs.forensics.signal import Signal, make_signal, without_gain
from udfs.forensics.sound import measure, without_holds
from udfs.track import Track

SPLIT = "train"
ENSEMBLES = ("windows", "mixture", "modem")
WINDOW_FAMILIES = "abcde"
REAL_FILES = {
    "recording": 1500,
    "rewritten": 900,
    "processed": 1600,
    "noises": 350,
    "synthetic": 1300,
    "plain_music": 900,
}
FILES: dict[str, dict[str, int]] = {  # made for each ensemble, by maker
    "windows": {**dict.fromkeys(WINDOW_FAMILIES, 450), **REAL_FILES},
    "mixture": {
        "under_music": 3400,
        "recording": 1500,
        "rewritten": 1000,
        "processed": 2000,
        "noises": 150,
        "synthetic": 900,
        "plain_music": 4500,
    },
    "modem": {
        "f": 5600,
        "ook": 250,
        "recording": 1200,
        "rewritten": 600,
        "processed": 2400,
        "noises": 300,
        "synthetic": 3000,
        "plain_music": 800,
    },
}
MAKERS = {
    **SAMPLE_FAMILIES,
    "under_music": under_music,
    "f": modem,
    "ook": on_off,
    "plain_music": plain_music,
    **{maker.__name__: maker for maker in REAL_MAKERS},
}
TREES, DEPTH, RATE = {"windows": 160, "mixture": 240, "modem": 400}, 4, 0.08
FIRST_TREES = 120  # of the ensemble that says which excerpts are measured further
SEEDS = {"windows": 1, "mixture": 4, "modem": 3}  # ensembles whose mean is taken: what one has by chance goes out


class Rows(NamedTuple):
    """One file's rows for each ensemble, and whether they are data."""

    is_data: bool
    tables: dict[str, np.ndarray]


def jobs(only: Iterable[str]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """All cases: (maker, number, ensembles)."""
    for name in MAKERS:
        counts = {ensemble: FILES[ensemble].get(name, 0) for ensemble in only}
        for number in range(max(counts.values(), default=0)):
            yield name, number, tuple(ensemble for ensemble in counts if number < counts[ensemble])


def make(name: str, number: int) -> Case | None:
    """Make one case; None where its recording cannot be read."""
    try:
        return MAKERS[name](Maker(SPLIT, random.Random(f"{SPLIT} {name} {number}")))
    except forensics_sources.sf.SoundFileError:
        return None


def rows(job: tuple[str, int, tuple[str, ...]]) -> Rows | None:
    """The rows of one case."""
    name, number, wanted = job
    case = make(name, number)
    if case is None:
        return None
    try:
        track = Track(case.data)
        signal = make_signal(track, ContainerReport("", "", ()), decode(track))
    except TrackError:
        return None
    tables = {}
    if signal.lossless and ("windows" in wanted or "mixture" in wanted):
        tables |= _rows_of_channels(signal, wanted)
    if "modem" in wanted:
        tables["modem"] = _rows_of_excerpts(signal)
    return Rows(case.family != "real", {name: table for name, table in tables.items() if len(table)})


def _rows_of_channels(signal: Signal, wanted: tuple[str, ...]) -> dict[str, np.ndarray]:
    signal = without_gain(signal)
    sliced, held = without_holds(signal)
    measured = measure(sliced)
    tables = {}
    if "windows" in wanted and measured:
        tables["windows"] = np.concatenate([channel.features[channel.usable] for channel in measured])
    if "mixture" in wanted and held == 1 and not signal.coarse:
        tables["mixture"] = mixture.describe_channels(sliced, measured)
    return tables


def _rows_of_excerpts(signal: Signal) -> np.ndarray:
    found = []
    for excerpt in cut_excerpts(signal):
        band = take_band(excerpt, signal.sample_rate)
        first = measure_first(band)
        found.append(row(first | measure_rest(band, first)[0], MODEM_FEATURES)[0])
    return np.array(found)


def fit(tables: list[tuple[np.ndarray, bool]], trees: int, seed: int) -> GradientBoostingClassifier:
    """Fit an ensemble; each table is one file's rows, and files of many rows weigh by the root of their number."""
    data = np.concatenate([table for table, _ in tables])
    target = np.concatenate([np.full(len(table), is_data) for table, is_data in tables])
    weights = np.concatenate([np.full(len(table), 1 / np.sqrt(len(table))) for table, _ in tables])
    return GradientBoostingClassifier(
        n_estimators=trees,
        max_depth=DEPTH,
        learning_rate=RATE,
        subsample=0.6,
        max_features=0.3,
        min_samples_leaf=10,
        random_state=seed,
    ).fit(data, target, sample_weight=weights)


def to_json(models: list[GradientBoostingClassifier], features: tuple[str, ...]) -> dict[str, object]:
    """The nodes of the ensembles' mean as plain lists; leaves point to themselves."""
    nodes: dict[str, list[float]] = {name: [] for name in ("roots", "feature", "threshold", "left", "right", "value")}
    for tree in (estimator.tree_ for model in models for estimator in model.estimators_[:, 0]):
        first = len(nodes["feature"])
        nodes["roots"].append(first)
        for i in range(tree.node_count):
            leaf = tree.children_left[i] < 0
            nodes["feature"].append(0 if leaf else int(tree.feature[i]))
            nodes["threshold"].append(0.0 if leaf else float(f"{tree.threshold[i]:.7g}"))
            nodes["left"].append(first + (i if leaf else int(tree.children_left[i])))
            nodes["right"].append(first + (i if leaf else int(tree.children_right[i])))
            nodes["value"].append(float(f"{tree.value[i][0][0] * RATE / len(models):.5g}") if leaf else 0.0)
    prior = models[0].init_.class_prior_
    base = float(np.log(prior[1] / prior[0]))
    return {"features": list(features), "base": base, "depth": DEPTH, **nodes}


def main() -> None:
    """Make the corpus, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", nargs="+", default=list(ENSEMBLES), choices=ENSEMBLES, help="ensembles to train")
    given = parser.parse_args()
    forensics_sources.fetch(SPLIT)
    with ProcessPoolExecutor(given.jobs) as pool:
        results = [found for found in pool.map(rows, jobs(given.only), chunksize=16) if found]
    train(results, given.only)


def train(results: list[Rows], only: Iterable[str]) -> None:
    """Fit what is wanted, and write it beside what is there."""
    names = {"windows": windows.FEATURES, "mixture": mixture.FEATURES, "modem": MODEM_FEATURES}
    stored: dict[str, Any] = json.loads(PATH.read_text("ascii")) if PATH.exists() else {}
    for ensemble in only:
        tables = [(found.tables[ensemble], found.is_data) for found in results if ensemble in found.tables]
        models = [fit(tables, TREES[ensemble], seed) for seed in range(SEEDS[ensemble])]
        stored[ensemble] = {"made_from": _made_from(ensemble, tables), **to_json(models, names[ensemble])}
        if ensemble == "modem":
            beginnings = [(table[:, : len(FIRST)], is_data) for table, is_data in tables]
            stored[ensemble]["first"] = to_json([fit(beginnings, FIRST_TREES, 0)], FIRST)
        print(json.dumps(stored[ensemble]["made_from"], indent=1))
        weighty = sorted(zip(models[0].feature_importances_, names[ensemble], strict=True))[::-1]
        print(", ".join(f"{name} {weight:.2f}" for weight, name in weighty[:40]))
    PATH.write_text(json.dumps(stored, separators=(",", ":")) + "\n", "ascii")


def _made_from(ensemble: str, tables: list[tuple[np.ndarray, bool]]) -> dict[str, Any]:
    count: collections.Counter[str] = collections.Counter()
    for table, is_data in tables:
        count["data" if is_data else "sound"] += len(table)
    return {
        "script": "tests/bench/train_forensics.py",
        "packages": list(forensics_sources.PACKAGES[SPLIT]),
        "files": FILES[ensemble],
        "rows": dict(count),
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
    }


if __name__ == "__main__":
    main()
