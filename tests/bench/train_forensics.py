"""Train ``udfs/forensics/model.json`` from recordings and payloads of the training half.

    python tests/bench/train_forensics.py            # fetches the packages on the first run

Every window of families a-e is data, every window of the real makers is sound; a file's windows weigh as much as
another's square root, so that long files do not drown short ones. Files written lossily are left out: what they held
is gone. The result is the same for the same packages and seeds.
"""

from __future__ import annotations

import json
import platform
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import forensics_sources
import numpy as np
import sklearn
from forensics_mocks import SAMPLE_FAMILIES, Case, Maker, plain_music, under_music
from forensics_traps import REAL_MAKERS, noises, processed, recording, rewritten, synthetic
from sklearn.ensemble import GradientBoostingClassifier

from udfs.container.spans import ContainerReport
from udfs.decode import decode
from udfs.errors import TrackError
from udfs.forensics import mixture, windows
from udfs.forensics.model import PATH
from udfs.forensics.signal import make_signal
from udfs.forensics.sound import measure, without_holds
from udfs.track import Track

SPLIT = "train"
MOCK_FAMILIES = "abcde"
FILES = {
    "mock": 220,
    "under": 1000,
    "plain": 700,
    recording: 250,
    rewritten: 450,
    processed: 900,
    noises: 300,
    synthetic: 800,
}
WINDOW_TREES, MIXTURE_TREES, DEPTH, RATE = 160, 160, 4, 0.1


def jobs() -> Iterator[tuple[str, str]]:
    """Names of all cases: (maker, number)."""
    for family in MOCK_FAMILIES:
        yield from ((family, str(i)) for i in range(FILES["mock"]))
    yield from ((name, str(i)) for name in ("under", "plain") for i in range(FILES[name]))
    for maker in REAL_MAKERS:
        yield from ((maker.__name__, str(i)) for i in range(FILES[maker]))


def make(job: tuple[str, str]) -> Case | None:
    """Make one case; None where its recording cannot be read."""
    name, number = job
    makers = (
        SAMPLE_FAMILIES
        | {"under": under_music, "plain": plain_music}
        | {maker.__name__: maker for maker in REAL_MAKERS}
    )
    try:
        return makers[name](Maker(SPLIT, random.Random(f"{SPLIT} {name} {number}")))
    except forensics_sources.sf.SoundFileError:
        return None


def rows(job: tuple[str, str]) -> tuple[str, np.ndarray, np.ndarray]:
    """A case's family, the features of its windows, and those of its channels as mixtures."""
    case = make(job)
    nothing = np.empty((0, len(windows.FEATURES)))
    no_mixture = np.empty((0, len(mixture.FEATURES)))
    try:
        if case is None:
            return "none", nothing, no_mixture
        track = Track(case.data)
        signal = make_signal(track, ContainerReport("", "", ()), decode(track))
    except TrackError:
        return "none", nothing, no_mixture
    if not signal.lossless:
        return "none", nothing, no_mixture
    measured = measure(without_holds(signal)[0])
    summaries = [row for row in map(mixture.summarise, measured) if row is not None]
    return (
        case.family,
        np.concatenate([nothing, *(channel.features[channel.usable] for channel in measured)]),
        np.stack(summaries) if summaries else no_mixture,
    )


def fit(tables: list[np.ndarray], labels: list[bool], trees: int) -> GradientBoostingClassifier:
    """Fit an ensemble; each table is one file's rows, and files of many rows weigh by the root of their number."""
    data = np.concatenate(tables)
    target = np.concatenate([np.full(len(table), label) for table, label in zip(tables, labels, strict=True)])
    weights = np.concatenate([np.full(len(table), 1 / np.sqrt(max(1, len(table)))) for table in tables])
    return GradientBoostingClassifier(
        n_estimators=trees, max_depth=DEPTH, learning_rate=RATE, subsample=0.7, min_samples_leaf=15, random_state=0
    ).fit(data, target, sample_weight=weights)


def to_json(model: GradientBoostingClassifier, features: tuple[str, ...]) -> dict[str, object]:
    """The ensemble's nodes as plain lists; leaves point to themselves."""
    nodes: dict[str, list[float]] = {name: [] for name in ("roots", "feature", "threshold", "left", "right", "value")}
    for tree in (estimator.tree_ for estimator in model.estimators_[:, 0]):
        first = len(nodes["feature"])
        nodes["roots"].append(first)
        for i in range(tree.node_count):
            leaf = tree.children_left[i] < 0
            nodes["feature"].append(0 if leaf else int(tree.feature[i]))
            nodes["threshold"].append(0.0 if leaf else float(f"{tree.threshold[i]:.7g}"))
            nodes["left"].append(first + (i if leaf else int(tree.children_left[i])))
            nodes["right"].append(first + (i if leaf else int(tree.children_right[i])))
            nodes["value"].append(float(f"{tree.value[i][0][0] * RATE:.5g}") if leaf else 0.0)
    prior = model.init_.class_prior_
    base = float(np.log(prior[1] / prior[0]))
    return {"features": list(features), "base": base, "depth": DEPTH, **nodes}


def main() -> None:
    """Make the corpus, fit, write."""
    forensics_sources.fetch(SPLIT)
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with ProcessPoolExecutor(processes) as pool:
        results = list(pool.map(rows, jobs(), chunksize=16))
    plain = [(windows_, family != "real") for family, windows_, _ in results if family not in ("none", "l")]
    mixed = [(summary, family == "l") for family, _, summary in results if family in ("real", "l")]
    mixed = [(summary, label) for summary, label in mixed if len(summary)]
    window_model = fit([table for table, _ in plain], [label for _, label in plain], WINDOW_TREES)
    mixture_model = fit([table for table, _ in mixed], [label for _, label in mixed], MIXTURE_TREES)
    made_from = {
        "script": "tests/bench/train_forensics.py",
        "packages": list(forensics_sources.PACKAGES[SPLIT]),
        "files": {getattr(name, "__name__", name): count for name, count in FILES.items()},
        "windows": {"data": sum(len(t) for t, data in plain if data), "sound": sum(len(t) for t, d in plain if not d)},
        "channels": {
            "mixed": sum(len(t) for t, data in mixed if data),
            "sound": sum(len(t) for t, d in mixed if not d),
        },
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
    }
    stored = {
        "made_from": made_from,
        "windows": to_json(window_model, windows.FEATURES),
        "mixture": to_json(mixture_model, mixture.FEATURES),
    }
    PATH.write_text(json.dumps(stored, separators=(",", ":")) + "\n", "ascii")
    print(json.dumps(made_from, indent=1))
    for model, names in ((window_model, windows.FEATURES), (mixture_model, mixture.FEATURES)):
        print(", ".join(f"{n} {v:.2f}" for v, n in sorted(zip(model.feature_importances_, names, strict=True))[::-1]))


if __name__ == "__main__":
    main()
