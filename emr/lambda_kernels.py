"""Put the kernels that the image brings compiled where this process may use them; imported before anything that does.

Only ``/tmp`` can be written to in a Lambda function, and compiled code is loaded from folders only that can be
(`udfs.compiled`).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

BROUGHT = Path(__file__).resolve().parents[1] / "kernels"


def bring(brought: Path, wanted: str | None) -> bool:
    """Copy compiled kernels to where NUMBA_CACHE_DIR says; False where there are none, or they are there already."""
    if not wanted or not brought.is_dir() or Path(wanted).exists() or Path(wanted) == brought:
        return False
    shutil.copytree(brought, wanted)
    Path(wanted).chmod(0o700)
    return True


BROUGHT_ALONG = bring(BROUGHT, os.environ.get("NUMBA_CACHE_DIR"))
