"""What comes out of the rebuild: one row each, of four kinds, in a few columns.

Rows leave the Python worker one Arrow batch a key, and a batch costs about 15 microseconds a column: so everything but
the bytes travels as one JSON text, which the JVM takes apart again (`FACTS`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a row is."""

    OPENED = "opened"  # an upload began and is not finished yet: for counting those in flight
    TRACK = "track"  # an upload is whole: the fact `recipe` says what makes the track that is to be judged
    VERDICT = "verdict"  # an upload is decided without judging its sound (incomplete, too large, broken)
    REJECTION = "rejection"  # a record is in no upload: `data` is its beginning


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row: kind, bytes (or None) and facts, by the names of `streaming.schemas.FACTS`."""

    kind: Kind
    data: bytes | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def facts_json(self, decided_us: int) -> str:
        """Write the facts as JSON, less those that are null, with the time of this (epoch microseconds)."""
        facts = {name: value for name, value in self.facts.items() if value is not None}
        return json.dumps({**facts, "decided_us": decided_us})
