"""A classification as one row of plain values, as the tables and the command line's JSON have it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from udfs.findings import Classification, Match
from udfs.track import Track

# What becomes of a match's fields in a row.
MATCH_FIELDS = (
    "reference_id",
    "title",
    "artist",
    "score",
    "query_offset_ms",
    "reference_offset_ms",
    "matched_ms",
    "coverage",
    "speed",
    "pitch",
)


def describe(track: Track, classification: Classification) -> dict[str, Any]:
    """Flatten a track's classification, by the names of the ``verdicts`` table's columns.

    The best match's fields are the row's own, the others go to ``candidates``, last those that were not accepted.
    ``evidence`` is JSON with each reason's text, the measured numbers, and what lowered the quality.
    """
    facts = classification.facts
    accepted = [_describe_match(match) for match in classification.matches if match.accepted]
    further = [_describe_match(match) for match in classification.matches if not match.accepted]
    return {
        "decision": classification.decision.value,
        "reasons": [reason.code for reason in classification.reasons],
        "evidence": _evidence(classification),
        "content": classification.content.value,
        "mock_score": None if classification.mock_score is None else float(classification.mock_score),
        "payloads": [asdict(payload) for payload in classification.payloads],
        "identity": classification.identity.value,
        **(accepted[0] if accepted else dict.fromkeys(MATCH_FIELDS)),
        "candidates": [
            *({**match, "accepted": True} for match in accepted[1:]),
            *({**match, "accepted": False} for match in further),
        ],
        "quality": classification.quality.grade.value if classification.quality else None,
        "codec": facts.codec if facts else None,
        "container": facts.container if facts else None,
        "sample_rate": facts.sample_rate if facts else None,
        "channels": facts.channels if facts else None,
        "duration_ms": facts.duration_ms if facts else None,
        "bytes": len(track.data),
        "sha256": track.sha256,
    }


def _describe_match(match: Match) -> dict[str, Any]:
    """Give a match's fields as plain Python numbers and text."""
    values = asdict(match)
    return {name: getattr(values[name], "item", lambda value=values[name]: value)() for name in MATCH_FIELDS}


def _evidence(classification: Classification) -> str:
    reasons = [{"code": reason.code, "detail": reason.detail} for reason in classification.reasons]
    numbers = {name: float(value) for name, value in classification.evidence.items() if math.isfinite(value)}
    evidence: dict[str, Any] = {"reasons": reasons, "numbers": numbers}
    if (quality := classification.quality) is not None:
        numbers |= {f"quality.{name}": value for name, value in quality.measures.items() if value is not None}
        evidence["quality"] = {"score": quality.score, "because": list(quality.because)}
    return json.dumps(evidence, ensure_ascii=False)
