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
from pathlib import Path

import forensics_sources
import numpy as np
import sklearn
from forensics_mocks import SAMPLE_FAMILIES, Case, Maker
from forensics_traps import REAL_MAKERS, noises, processed, recording, rewritten, synthetic
from sklearn.ensemble import GradientBoostingClassifier

from udfs.container.spans import ContainerReport
from udfs.decode import decode
from udfs.errors import TrackError
from udfs.forensics import windows
from udfs.forensics.model import PATH
from udfs.forensics.signal import make_signal
from udfs.forensics.sound import measure
from udfs.track import Track

SPLIT = "train"
MOCK_FAMILIES = "abcde"
FILES = {"mock": 220, recording: 300, rewritten: 350, processed: 600, noises: 350, synthetic: 900}
TREES, DEPTH, RATE = 160, 4, 0.1


def jobs() -> Iterator[tuple[str, str]]:
    """Names of all cases: (maker, number)."""
    for family in MOCK_FAMILIES:
        yield from ((family, str(i)) for i in range(FILES["mock"]))
    for maker in REAL_MAKERS:
        yield from ((maker.__name__, str(i)) for i in range(FILES[maker]))


def make(job: tuple[str, str]) -> Case | None:
    """Make one case; None where its recording cannot be read."""
    name, number = job
    makers = SAMPLE_FAMILIES | {maker.__name__: maker for maker in REAL_MAKERS}
    try:
        return makers[name](Maker(SPLIT, random.Random(f"{SPLIT} {name} {number}")))
    except forensics_sources.sf.SoundFileError:
        return None


def rows(job: tuple[str, str]) -> tuple[bool, np.ndarray]:
    """Whether a case is data, and the features of its windows."""
    case = make(job)
    nothing = np.empty((0, len(windows.FEATURES)))
    if case is None:
        return False, nothing
    track = Track(case.data)
    try:
        signal = make_signal(track, ContainerReport("", "", ()), decode(track))
    except TrackError:
        return False, nothing
    if not signal.lossless:
        return False, nothing
    measured = [channel.features[channel.usable] for channel in measure(signal)]
    return case.family != "real", np.concatenate([nothing, *measured])


def to_json(model: GradientBoostingClassifier) -> dict[str, object]:
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
    return {"features": list(windows.FEATURES), "base": base, "depth": DEPTH, **nodes}


def main() -> None:
    """Make the corpus, fit, write."""
    forensics_sources.fetch(SPLIT)
    names = list(jobs())
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with ProcessPoolExecutor(processes) as pool:
        results = list(pool.map(rows, names, chunksize=16))
    table = np.concatenate([features for _, features in results])
    labels = np.concatenate([np.full(len(features), label) for label, features in results])
    weights = np.concatenate([np.full(len(f), 1 / np.sqrt(max(1, len(f)))) for _, f in results])
    model = GradientBoostingClassifier(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=RATE, subsample=0.7, min_samples_leaf=15, random_state=0
    ).fit(table, labels, sample_weight=weights)
    made_from = {
        "script": "tests/bench/train_forensics.py",
        "packages": list(forensics_sources.PACKAGES[SPLIT]),
        "files": {getattr(name, "__name__", name): count for name, count in FILES.items()},
        "windows": {"data": int(labels.sum()), "sound": int((~labels).sum())},
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
    }
    stored = {"made_from": made_from, "windows": to_json(model)}
    Path(PATH).write_text(json.dumps(stored, separators=(",", ":")) + "\n", "ascii")
    print(f"{PATH}: {made_from['windows']}; importance:")
    for share, name in sorted(zip(model.feature_importances_, windows.FEATURES, strict=True), reverse=True):
        print(f"  {share:.3f}  {name}")


if __name__ == "__main__":
    main()
