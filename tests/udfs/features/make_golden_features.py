"""Write the golden files anew, after a feature's parameters were changed on purpose: look at the difference."""

from __future__ import annotations

import json

from test_features import GOLDEN, RECORDINGS, describe

GOLDEN.mkdir(parents=True, exist_ok=True)
for name in RECORDINGS:
    (GOLDEN / f"{name}.json").write_text(json.dumps(describe(name), indent=1, ensure_ascii=False) + "\n")
