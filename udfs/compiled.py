"""Numba's compiler with a cache that cannot break a worker.

Kernels carry explicit signatures, so they are compiled (or loaded from the cache) once, at import. Numba keeps compiled
code beside the module by default, which fails in a read-only installation, and several processes that fill a cold
cache together have crashed; so the cache is a private folder of the user, and a lock lets one process fill it.
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

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Return a private folder for compiled code: NUMBA_CACHE_DIR, else the user's cache, else a temporary one."""
    asked, cache, home = (os.environ.get(name) for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"))
    wanted = [Path(asked)] if asked else []
    wanted += [Path(cache, "soundgate/numba")] if cache else [Path(home, ".cache/soundgate/numba")] if home else []
    wanted.append(Path(tempfile.gettempdir(), f"soundgate-numba-{os.getuid()}"))
    for folder in wanted:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if folder.stat().st_uid == os.getuid() and os.access(
            folder, os.W_OK
        ):  # code is loaded from here: nobody else's
            return folder
    return Path(tempfile.mkdtemp(prefix="soundgate-numba-"))


CACHE = cache_folder()
numba.config.CACHE_DIR = str(CACHE)


@contextmanager
def filling_the_cache() -> Iterator[None]:
    """Hold the cache's lock: one process compiles, the others wait and then load what it compiled."""
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compiled(signature: object = None) -> Callable[[Kernel], Kernel]:
    """Compile a function at import for one signature, or load it from the cache; it releases the GIL.

    Without a signature it is a helper that other kernels inline.
    """
    options = {"error_model": "numpy", "boundscheck": False}
    made = numba.njit(signature, cache=True, nogil=True, **options) if signature else numba.njit(**options)
    return cast("Callable[[Kernel], Kernel]", made)
