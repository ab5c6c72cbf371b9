"""Compiled code is made once for a host: the first process fills a cold cache, the next ones load from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROBE = """
from udfs import code_kernels, compiled
import numpy as np
assert code_kernels.pack(np.ones((1, 64), np.float32), 0.5).tolist() == [2**64 - 1]
hits = sum(sum(one.stats.cache_hits.values()) for one in (code_kernels.pack, code_kernels.stand_out))
print(compiled.CACHE, hits)
"""


def probe(**environment: str) -> tuple[Path, int]:
    """Import kernels in a process of its own; where its cache is, and how many kernels came from there."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    folder, hits = done.stdout.split()
    return Path(folder), int(hits)


def test_a_cold_cache_is_filled_once_and_then_used(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert probe(NUMBA_CACHE_DIR=str(cache)) == (cache, 0)
    assert probe(NUMBA_CACHE_DIR=str(cache)) == (cache, 2)


def test_where_the_wanted_cache_cannot_be_written_another_one_is_used(tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("")
    folder, _ = probe(NUMBA_CACHE_DIR=str(tmp_path / "no-folder"), XDG_CACHE_HOME=str(tmp_path))
    assert folder == tmp_path / "soundgate/numba"
