"""What a batch says of the job, as numbers with names: the vocabulary of every exporter, alarm and dashboard.

Pure: Spark's progress of a batch and the counts of its rows go in, one `BatchMetrics` comes out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

OBSERVED = "records"  # the name under which the plan observes what it reads


@dataclass(frozen=True)
class Counted:
    """What a batch's rows gave, counted while they were staged.

    `judge_ms` and `latency_ms` hold one number a judged track and one a verdict; latency is from the last chunk's
    arrival to the verdict.
    """

    decisions: Mapping[str, int] = field(default_factory=dict)
    rejections: Mapping[str, int] = field(default_factory=dict)
    errors: int = 0  # verdicts with an error.… reason: a fault of ours
    judge_ms: Sequence[int] = ()
    latency_ms: Sequence[int] = ()
    newest_arrival_ms: int | None = None
    in_flight: int = 0
    shortened: bool = False  # whether uploads got less time, because too many were open


@dataclass(frozen=True)
class BatchMetrics:
    """One batch. Times in seconds, as Prometheus has them; None where nothing is known."""

    batch_id: int
    at: datetime
    records: int
    record_bytes: int | None
    batch_seconds: float
    trigger_seconds: float
    lag_seconds: float | None
    state_rows: int
    state_bytes: int
    counted: Counted
    publisher_behind_seconds: float | None = None

    @property
    def per_trigger(self) -> float | None:
        """The batch's duration as a share of the trigger interval; over 1 the job falls behind. None without one."""
        return self.batch_seconds / self.trigger_seconds if self.trigger_seconds else None


def measure(
    progress: Mapping[str, Any], counted: Counted, trigger_seconds: float, publisher_behind: float | None = None
) -> BatchMetrics:
    """Turn Spark's progress of a batch (``StreamingQueryProgress`` as a dictionary) into metrics."""
    batch_seconds = (progress.get("durationMs", {}).get("triggerExecution") or 0) / 1000
    at = datetime.fromisoformat(progress["timestamp"])
    operators = progress.get("stateOperators") or []
    observed = (progress.get("observedMetrics") or {}).get(OBSERVED)
    return BatchMetrics(
        batch_id=int(progress["batchId"]),
        at=at,
        records=int(progress.get("numInputRows") or 0),
        record_bytes=observed_bytes(observed),
        batch_seconds=batch_seconds,
        trigger_seconds=trigger_seconds,
        lag_seconds=lag(progress, counted.newest_arrival_ms, at.timestamp() + batch_seconds),
        state_rows=sum(int(operator.get("numRowsTotal") or 0) for operator in operators),
        state_bytes=sum(state_bytes(operator) for operator in operators),
        counted=counted,
        publisher_behind_seconds=publisher_behind,
    )


def observed_bytes(observed: Any) -> int | None:
    """Read the bytes that the plan observed; None where it did not."""
    if not isinstance(observed, Mapping):
        return None
    return int(observed.get("bytes") or 0)


def state_bytes(operator: Mapping[str, Any]) -> int:
    """Add up what a state operator holds in memory and in RocksDB's files, in bytes."""
    custom = operator.get("customMetrics") or {}
    return int(operator.get("memoryUsedBytes") or 0) + int(custom.get("rocksdbSstFileSize") or 0)


def lag(progress: Mapping[str, Any], newest_arrival_ms: int | None, ended: float) -> float | None:
    """Say how far the job is behind its source, in seconds.

    Where a source tells how many milliseconds it is behind its latest record, the furthest shard counts; elsewhere it
    is the time from the newest decided record's arrival to the batch's end, and None when the batch decided nothing.
    """
    told = [
        float(value)
        for source in progress.get("sources") or []
        for name, value in (source.get("metrics") or {}).items()
        if re.search(r"behind_?latest", name, re.IGNORECASE) and is_number(value)
    ]
    if told:
        return max(told) / 1000
    return None if newest_arrival_ms is None else max(0.0, ended - newest_arrival_ms / 1000)


def is_number(value: object) -> bool:
    """Whether a metric's value, which Spark gives as text, is a finite number."""
    try:
        return math.isfinite(float(str(value)))
    except ValueError:
        return False


def percentile(values: Sequence[int], share: float) -> float | None:
    """Give the nearest-rank percentile, `share` in 0..1; None of nothing."""
    if not values:
        return None
    return float(sorted(values)[max(0, math.ceil(share * len(values)) - 1)])


def by_name(metrics: BatchMetrics) -> dict[str, tuple[float, str]]:
    """Give the metrics by their CloudWatch names, with units; those that are not known are left out.

    Alarms and dashboards use these names; a test holds them to it.
    """
    counted = metrics.counted
    values: dict[str, tuple[float | None, str]] = {
        "Batches": (1, "Count"),
        "InputRecords": (metrics.records, "Count"),
        "InputBytes": (metrics.record_bytes, "Bytes"),
        "BatchSeconds": (metrics.batch_seconds, "Seconds"),
        "BatchDurationPerTrigger": (metrics.per_trigger, "None"),
        "LagSeconds": (metrics.lag_seconds, "Seconds"),
        "StateRows": (metrics.state_rows, "Count"),
        "StateBytes": (metrics.state_bytes, "Bytes"),
        "UploadsInFlight": (counted.in_flight, "Count"),
        "TimeoutShortened": (int(counted.shortened), "Count"),
        "DecisionsAccept": (counted.decisions.get("accept", 0), "Count"),
        "DecisionsReview": (counted.decisions.get("review", 0), "Count"),
        "DecisionsReject": (counted.decisions.get("reject", 0), "Count"),
        "DecisionsIncomplete": (counted.decisions.get("incomplete", 0), "Count"),
        "Rejections": (sum(counted.rejections.values()), "Count"),
        "VerdictErrors": (counted.errors, "Count"),
        "JudgeSecondsP50": (in_seconds(percentile(counted.judge_ms, 0.5)), "Seconds"),
        "JudgeSecondsP95": (in_seconds(percentile(counted.judge_ms, 0.95)), "Seconds"),
        "LatencySecondsP50": (in_seconds(percentile(counted.latency_ms, 0.5)), "Seconds"),
        "LatencySecondsP95": (in_seconds(percentile(counted.latency_ms, 0.95)), "Seconds"),
        "PublisherBehindSeconds": (metrics.publisher_behind_seconds, "Seconds"),
    }
    return {name: (value, unit) for name, (value, unit) in values.items() if value is not None}


def in_seconds(milliseconds: float | None) -> float | None:
    """Turn milliseconds into seconds, and nothing into nothing."""
    return None if milliseconds is None else milliseconds / 1000
