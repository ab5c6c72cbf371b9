"""Numba's compiler with a cache that cannot break a worker.

Kernels carry explicit signatures, so they are compiled (or loaded from the cache) once, at import. Numba keeps the
compiled code beside the module by default, which fails in a read-only installation, and several processes that fill
a cold cache together have crashed; so the cache is a private folder of the user, and a lock lets one process fill it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import types

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Return the folder for compiled code: NUMBA_CACHE_DIR, else the user's cache, else a private temporary one."""
    asked = os.environ.get("NUMBA_CACHE_DIR")
    candidates = [Path(asked)] if asked else []
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME")
    if home:
        candidates.append(
            (Path(home) if os.environ.get("XDG_CACHE_HOME") else Path(home, ".cache")) / "soundgate/numba"
        )
    candidates.append(Path(tempfile.gettempdir(), f"soundgate-numba-{os.getuid()}"))
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if folder.stat().st_uid == os.getuid() and os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="soundgate-numba-"))


# arrays that a kernel only reads: a memory-mapped file is read-only, and a writable array serves too
U8, U16, U32 = (types.Array(kind, 1, "C", readonly=True) for kind in (types.uint8, types.uint16, types.uint32))

CACHE = cache_folder()
numba.config.CACHE_DIR = str(CACHE)


@contextmanager
def filling_the_cache() -> Iterator[None]:
    """Hold the cache's lock: one process compiles, the others wait and then load what it compiled."""
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compiled(signature: object) -> Callable[[Kernel], Kernel]:
    """Compile a function at import for one signature, or load it from the cache; it releases the GIL."""
    return cast(
        "Callable[[Kernel], Kernel]",
        numba.njit(signature, cache=True, nogil=True, error_model="numpy", boundscheck=False),
    )
