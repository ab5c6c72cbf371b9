"""Puts the rebuild's test double on the path, also when this folder is run alone."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parents[1] / "streaming")
if FOLDER not in sys.path:
    sys.path.append(FOLDER)
