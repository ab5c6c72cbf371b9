"""Small tree ensembles, stored as JSON that a person can read, applied with NumPy alone.

The file also records what it was made from: script, packages, seeds, counts (tests/bench/train_forensics.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PATH = Path(__file__).with_name("model.json")


@dataclass(frozen=True)
class TreeEnsemble:
    """Gradient-boosted regression trees on log-odds, all trees' nodes in one set of arrays.

    A leaf points to itself, so that walking `depth` steps from the roots always ends in one.
    """

    features: tuple[str, ...]
    base: float
    depth: int
    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> TreeEnsemble:
        """Read what `tests/bench/train_forensics.py` wrote; raises KeyError or ValueError for anything else."""
        roots, feature, left, right = (
            np.array(stored[name], np.int64) for name in ("roots", "feature", "left", "right")
        )
        threshold, value = (np.array(stored[name], np.float64) for name in ("threshold", "value"))
        names = tuple(stored["features"])
        return cls(names, float(stored["base"]), int(stored["depth"]), roots, feature, threshold, left, right, value)

    def log_odds(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of being data, for rows of shape (n, features)."""
        at = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        numbers = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            goes_left = rows[numbers, self.feature[at]] <= self.threshold[at]
            at = np.where(goes_left, self.left[at], self.right[at])
        return np.asarray(self.base + self.value[at].sum(axis=1))


@cache
def load_model() -> dict[str, Any]:
    """The stored model as plain values."""
    return dict(json.loads(PATH.read_text("ascii")))


@cache
def window_model() -> TreeEnsemble:
    """The ensemble over `udfs.forensics.windows.FEATURES`."""
    return TreeEnsemble.from_json(load_model()["windows"])


@cache
def mixture_model() -> TreeEnsemble:
    """The ensemble over the names that `udfs.forensics.mixture.describe` gives."""
    return TreeEnsemble.from_json(load_model()["mixture"])


@cache
def modem_model() -> TreeEnsemble:
    """The ensemble over `udfs.forensics.modem.FEATURES`."""
    return TreeEnsemble.from_json(load_model()["modem"])


@cache
def model_sha256() -> str:
    """SHA-256 of the model file: the tables' ``model_sha256``."""
    return hashlib.sha256(PATH.read_bytes()).hexdigest()
