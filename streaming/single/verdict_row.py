"""A row of ``verdicts`` in plain Python, column for column what `streaming.pipeline.to_rows` makes in Spark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from streaming import __version__
from streaming.partition_key import split_key
from udfs.findings import Content, Identity
from udfs.forensics import model_sha256

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNTED = ("chunks_expected", "chunks_received", "chunks_duplicate")
PLACED = ("stream", "first_sequence_number", "last_sequence_number")
NOT_IN_TABLE = ("judge_ms", "print", "decided_us", "index_sha256")


def make_row(
    partition_key: str, facts: Mapping[str, Any], judged: Mapping[str, Any] | None, settings_sha256: str
) -> dict[str, Any]:
    """Lay out one verdict.

    Parameters
    ----------
    partition_key
        The upload's, or a stored file's name.
    facts
        What is known of it (`streaming.schemas.FACTS`, by name).
    judged
        What judging its track gave (`udfs.row`); None for an upload that was decided without a track.
    settings_sha256
        Names the settings.

    Returns
    -------
    dict
        Columns that are null may be missing.
    """
    user_id, track_name = split_key(partition_key)
    found = dict(judged) if judged is not None else _without_track(facts)
    decided_us = int(found["decided_us"])
    index_sha256 = found.get("index_sha256")
    return {
        **{name: value for name, value in found.items() if name not in NOT_IN_TABLE},
        "upload_id": facts["upload_id"],
        "partition_key": partition_key,
        "user_id": user_id,
        "track_name": track_name,
        "missing": facts.get("missing") or [],
        **{name: facts.get(name) for name in (*COUNTED, *PLACED)},
        "first_arrival": _moment(facts["first_arrival_us"]),
        "last_arrival": _moment(facts["last_arrival_us"]),
        "decided_at": _moment(decided_us),
        "latency_ms": (decided_us - facts["last_arrival_us"]) // 1000,
        "code_version": __version__,
        "index_sha256": index_sha256,
        "model_sha256": model_sha256(),
        "settings_sha256": settings_sha256,
    }


def _without_track(facts: Mapping[str, Any]) -> dict[str, Any]:
    reason = {"code": facts["reason"], "detail": facts["message"]}
    return {
        "decision": facts["decision"],
        "reasons": [facts["reason"]],
        "evidence": json.dumps({"reasons": [reason]}, ensure_ascii=False, separators=(",", ":")),
        "content": Content.UNDECIDED.value,
        "identity": Identity.NOT_TRIED.value,
        "decided_us": facts["decided_us"],
    }


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
