"""librosa, loaded so that no two processes ever share a cache of compiled code that one of them is filling.

Several processes that compile librosa's kernels into one cold cache have crashed. So each process works in a
slot of its own, held by a lock for as long as the process lives and taken over by the next one with everything in it.
The first one compiles all that the features use while the others wait, and leaves a copy as the seed of other slots.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from udfs.compiled import CACHE

SLOTS = 256  # processes of one user on one machine; more than that get folders that are not kept
READY = "ready"
_held: list[Any] = []  # this process's lock; closing the file would give the slot back


@cache
def load_librosa() -> Any:
    """Load librosa with a cache of compiled code that is this process's own; loaded once, and kept."""
    version = f"librosa-{_version('librosa')}-numba-{numba.__version__}"
    slot, seed = _take_slot(CACHE / version), CACHE / version / "seed"
    if not (slot / READY).exists():
        with _locked(CACHE / version / "seed.lock"):
            if not (seed / READY).exists():
                librosa = _import_into(slot)
                _use_everything(librosa)
                shutil.copytree(slot, seed, dirs_exist_ok=True)
                for folder in (seed, slot):
                    (folder / READY).touch()
                return librosa
            shutil.copytree(seed, slot, dirs_exist_ok=True)
    return _import_into(slot)


def _import_into(folder: Path) -> Any:
    """Import librosa while numba's cache is in that folder: a kernel's cache is chosen as it is defined."""
    folder.mkdir(parents=True, exist_ok=True)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        import librosa

        for lazy in ("beat", "onset", "feature", "filters", "sequence", "util"):
            dir(getattr(librosa, lazy))
        librosa.pyin  # noqa: B018 - the package loads its parts when they are first named
    finally:
        numba.config.CACHE_DIR = before
    return librosa


def _use_everything(librosa: Any) -> None:
    """Call what compiles on its first call, for the types that the features pass."""
    noise = np.random.default_rng(0).standard_normal(3 * 22_050).astype(np.float32) / 10
    envelope = librosa.onset.onset_strength(y=noise, sr=22_050)
    librosa.onset.onset_detect(onset_envelope=envelope, sr=22_050)
    librosa.beat.beat_track(onset_envelope=envelope, sr=22_050)
    librosa.pyin(noise[:22_050], fmin=65.4, fmax=2093.0, sr=22_050, resolution=0.5)


def _take_slot(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in range(SLOTS):
        lock = (parent / f"worker-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return parent / f"worker-{number}"
    return Path(tempfile.mkdtemp(prefix="soundgate-numba-"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
