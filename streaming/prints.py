"""A track's fingerprint, as a struct of bytes, on its way from the worker that judged it to a catalogue's search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udfs.fingerprint import Fingerprint, hear
from udfs.repeats import PHASES, Between, all_between_frames
from udfs.spectrum import RATE, resample


def take_print(samples: NDArray[np.floating], sample_rate: int) -> dict[str, bytes]:
    """Take the fingerprint of mono samples of shape (n,), by the names of `streaming.schemas.PRINT`."""
    mono = resample(samples, sample_rate)
    taken = hear(mono, RATE)
    between = all_between_frames(mono, len(taken.signs))
    return {
        "signs": taken.signs.tobytes(),
        "strong": taken.strong.tobytes(),
        "active": taken.active.tobytes(),
        "heard": taken.heard.tobytes(),
        "between": between.tobytes(),
    }


def read_print(value: Any) -> Fingerprint:
    """Read what `take_print` took, as a Spark row or pandas gives it."""
    parts = [value[name] for name in ("signs", "strong", "active")]
    kinds = (np.uint64, np.uint64, np.uint8)
    signs, strong, active = (np.frombuffer(part, kind) for part, kind in zip(parts, kinds, strict=True))
    if value["heard"] is None:  # staged by a version that did not tell it yet
        return Fingerprint(signs, strong, active)
    return Fingerprint(signs, strong, active, np.frombuffer(value["heard"], np.uint64).reshape(3, -1))


def read_between(value: Any) -> Between:
    """Read what `take_print` took between the frames."""
    signs = np.frombuffer(value["between"], np.uint64).reshape(PHASES - 1, -1)
    return lambda first, end: list(signs[:, first:end])
