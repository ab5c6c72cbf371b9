"""What the tables say as a whole: decisions over time, reasons, what refused uploads hid, latency and lag, quality.

Counting is done by delta-rs's engine, so that what comes here is as small as the picture made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deltalake import DeltaTable

from streaming.lake_reader import query

BINS = 60  # of a picture over time, about
STEPS = (1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800)  # seconds
MOST = 2_000  # matches in a list
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Moment:
    """What was decided within `step` seconds from `at` on.

    `counts` by decision; latency (last chunk's arrival to verdict) of the middle and of the slowest twentieth; `lag` is
    the newest upload's latency: how far behind its stream the job was.
    """

    at: datetime
    counts: dict[str, int]
    latency_p50: float
    latency_p95: float
    lag: float


@dataclass(frozen=True)
class Timeline:
    """Moments in order of time; `step` is their length in seconds."""

    step: int
    moments: Sequence[Moment]


@dataclass(frozen=True)
class Count:
    """How often something occurs; `kind` says in which decision, or of which sort it is."""

    value: str
    kind: str
    number: int


@dataclass(frozen=True)
class Matched:
    """One upload's match: offsets and length in seconds."""

    upload_id: str
    track_name: str
    title: str
    reference_id: str
    query_offset: float
    reference_offset: float
    matched: float
    score: float


def timeline(verdicts: DeltaTable) -> Timeline:
    """Count decisions over time, in steps that make about `BINS` of them."""
    (span,) = query(verdicts, "SELECT min(decided_at) AS first, max(decided_at) AS last FROM lake")
    if span["first"] is None:
        return Timeline(STEPS[0], ())
    seconds = (span["last"] - span["first"]).total_seconds()
    step = next((step for step in STEPS if seconds / step <= BINS), STEPS[-1])
    bin_of = f"floor(extract(epoch FROM decided_at) / {step})"
    counted = query(verdicts, f"SELECT {bin_of} AS bin, decision, count(*) AS number FROM lake GROUP BY 1, 2")  # noqa: S608
    counts: dict[int, dict[str, int]] = {}
    for row in counted:
        counts.setdefault(int(row["bin"]), {})[row["decision"]] = row["number"]
    slow = query(
        verdicts,
        f"SELECT {bin_of} AS bin, approx_percentile_cont(latency_ms, 0.5) AS middle, "  # noqa: S608 - all ours
        "approx_percentile_cont(latency_ms, 0.95) AS slow, min(latency_ms) AS least FROM lake GROUP BY 1",
    )
    latency = {int(row["bin"]): [(row[name] or 0) / 1000 for name in ("middle", "slow", "least")] for row in slow}
    moments = [
        Moment(datetime.fromtimestamp(at * step, UTC), counts[at], *latency.get(at, [0.0, 0.0, 0.0]))
        for at in sorted(counts)
    ]
    return Timeline(step, moments)


def reasons(verdicts: DeltaTable) -> list[Count]:
    """Count reasons by decision, the most frequent first."""
    each = "SELECT unnest(reasons) AS value, decision FROM lake"
    return _tally(verdicts, f"SELECT value, decision AS kind FROM ({each})")  # noqa: S608 - ours


def hidden(verdicts: DeltaTable) -> list[Count]:
    """Count what refused uploads hid: the recovered payloads by kind, and those that nothing was recovered from."""
    each = "SELECT unnest(payloads) AS payload FROM lake WHERE decision = 'reject'"
    recovered = _tally(verdicts, f"SELECT payload['kind'] AS value, 'recovered' AS kind FROM ({each})")  # noqa: S608
    empty = "decision = 'reject' AND coalesce(cardinality(payloads), 0) = 0"
    nothing = f"SELECT 'nothing recovered' AS value, 'by statistics' AS kind FROM lake WHERE {empty}"  # noqa: S608
    return recovered + _tally(verdicts, nothing)


def refused_records(rejections: DeltaTable) -> list[Count]:
    """Count the records that are in no upload, by reason."""
    return _tally(rejections, "SELECT reason AS value, 'record' AS kind FROM lake")


def quality(verdicts: DeltaTable) -> list[Count]:
    """Count qualities of what was accepted; where there is none it was not measured."""
    column = f"coalesce(quality, '{NOT_MEASURED}')"
    return _tally(verdicts, f"SELECT {column} AS value, decision AS kind FROM lake WHERE decision = 'accept'")  # noqa: S608


def matches(verdicts: DeltaTable, most: int = MOST) -> list[Matched]:
    """List matches with their offsets, the newest first."""
    columns = "upload_id, track_name, title, reference_id, query_offset_ms, reference_offset_ms, matched_ms, score"
    sql = f"SELECT {columns} FROM lake WHERE identity = 'match' ORDER BY decided_at DESC LIMIT {most}"  # noqa: S608
    return [_matched(row) for row in query(verdicts, sql)]


def _matched(row: dict[str, Any]) -> Matched:
    return Matched(
        upload_id=row["upload_id"] or "",
        track_name=row["track_name"] or "",
        title=row["title"] or "",
        reference_id=row["reference_id"] or "",
        query_offset=(row["query_offset_ms"] or 0) / 1000,
        reference_offset=(row["reference_offset_ms"] or 0) / 1000,
        matched=(row["matched_ms"] or 0) / 1000,
        score=row["score"] or 0.0,
    )


def _tally(table: DeltaTable, sql: str) -> list[Count]:
    """Count the rows of a query for `value` and `kind`, the most frequent first."""
    counted = query(table, f"SELECT value, kind, count(*) AS number FROM ({sql}) GROUP BY 1, 2 ORDER BY 3 DESC, 1")  # noqa: S608
    return [Count(str(row["value"]), str(row["kind"]), int(row["number"])) for row in counted]
