"""What the job says of itself, in one small JSON file beside its checkpoint; `soundgate status` reads it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from streaming.places import Place

FILE = "progress.json"


def summarise(progress: dict[str, Any], in_flight: int, newest_arrival_ms: int | None = None) -> dict[str, Any]:
    """Pick from Spark's progress of a batch what people ask for.

    Parameters
    ----------
    progress
        Spark's ``StreamingQueryProgress``, as a dictionary.
    in_flight
        Uploads without verdict.
    newest_arrival_ms
        When the newest record that got its outcome in this batch had arrived; the lag is from then to the batch's end.
    """
    batch_ms = progress.get("durationMs", {}).get("triggerExecution") or 0
    ended_ms = datetime.fromisoformat(progress["timestamp"]).timestamp() * 1000 + batch_ms
    state = (progress.get("stateOperators") or [{}])[0]
    metrics = (progress.get("sources") or [{}])[0].get("metrics") or {}
    return {
        "batch_id": progress["batchId"],
        "at": progress["timestamp"],
        "records": progress["numInputRows"],
        "records_per_second": _number(progress.get("processedRowsPerSecond")),
        "batch_ms": batch_ms,
        "lag_ms": None if newest_arrival_ms is None else max(0, round(ended_ms - newest_arrival_ms)),
        "in_flight": in_flight,
        "state_rows": state.get("numRowsTotal"),
        "state_memory_bytes": state.get("memoryUsedBytes"),
        "state_disk_bytes": state.get("customMetrics", {}).get("rocksdbSstFileSize"),
        "source": metrics,
    }


def write_progress(checkpoint: Place, summary: dict[str, Any]) -> None:
    """Replace the progress file."""
    checkpoint.write(FILE, json.dumps(summary, indent=2).encode())


def read_progress(checkpoint: Place) -> dict[str, Any] | None:
    """Read the progress file; None before the first batch."""
    data = checkpoint.read(FILE)
    return None if data is None else dict(json.loads(data))


def _number(value: Any) -> float | None:
    """Give a finite number: Spark writes "NaN" and "Infinity" as text where there is none."""
    return float(value) if isinstance(value, int | float) else None
