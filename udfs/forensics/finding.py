"""What one test answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from udfs.findings import Payload, Reason

CERTAIN = 8.0  # log-odds of what was read out byte for byte


@dataclass(frozen=True, slots=True)
class Finding:
    """How surely (log-odds) there is data, which reason says so, and what was read out: its description, its bytes."""

    log_odds: float
    reason: Reason
    payload: Payload | None = None
    body: bytes = field(default=b"", repr=False)
