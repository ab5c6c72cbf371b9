"""A verdict as the JSON report of one file; the schema is in docs/files.md. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from udfs.judgement import MATCH_FIELDS
from udfs.reasons import info

SCHEMA = "soundgate.report/1"
TAKEN_OVER = (
    ("upload_id", "stream", "partition_key", "user_id", "track_name"),
    ("bytes", "sha256", "container", "codec", "sample_rate", "channels", "duration_ms", "quality", "stored_at"),
    ("decision", "content", "mock_score", "identity"),
)
PROVENANCE = ("code_version", "index_sha256", "model_sha256", "settings_sha256")


def make_report(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Make the report of a row of ``verdicts``, given by its columns."""
    named, audio, decided = ({name: verdict.get(name) for name in names} for names in TAKEN_OVER)
    evidence = json.loads(verdict.get("evidence") or "{}")
    others = [dict(each) for each in verdict.get("candidates") or ()]
    best = [{name: verdict[name] for name in MATCH_FIELDS}] if verdict.get("reference_id") is not None else []
    return {
        "schema": SCHEMA,
        **named,
        "version": verdict["last_sequence_number"],
        "modified_at": _moment(verdict["last_arrival"]),
        **audio,
        **decided,
        "reasons": _reasons(verdict.get("reasons") or (), evidence),
        "payloads": [dict(each) for each in verdict.get("payloads") or ()],
        "matches": best + [_match(each) for each in others if each["accepted"]],
        "candidates": [_match(each) for each in others if not each["accepted"]],
        "evidence": evidence.get("numbers", {}),
        "decided_at": _moment(verdict["decided_at"]),
        **{name: verdict.get(name) for name in PROVENANCE},
    }


def write_report(report: Mapping[str, Any]) -> bytes:
    """Write a report as UTF-8 that no terminal acts on: everything beyond ASCII is escaped."""
    return (json.dumps(report, indent=2, ensure_ascii=True) + "\n").encode()


def _reasons(codes: Any, evidence: Mapping[str, Any]) -> list[dict[str, str]]:
    details = {each["code"]: each.get("detail") or "" for each in evidence.get("reasons", ())}
    return [{"code": code, "text": info(code).text, "detail": details.get(code, "")} for code in codes]


def _match(candidate: Mapping[str, Any]) -> dict[str, Any]:
    return {name: candidate[name] for name in MATCH_FIELDS}


def _moment(value: datetime | None) -> str | None:
    """Write a time as RFC 3339 in UTC; PySpark's rows hold it without a zone, in that of the machine."""
    return None if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
