"""A track, judged and laid out as a row of plain values: what the job, `soundgate rebuild` and the Lambda function do.

What cannot be judged has a row as well: an upload whose bytes make no track, and a track that the classifier failed on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Protocol

from udfs.decode import Decoded
from udfs.errors import NoTrackError
from udfs.findings import Classification, Content, Decision, Identity, Reason
from udfs.judgement import describe
from udfs.track import Track


class Judge(Protocol):
    """What judges tracks, and stays open."""

    @property
    def index_sha256(self) -> str:
        """Names the index that it answers from."""

    def judge(self, track: Track) -> tuple[Classification, Decoded | None]:
        """Judge a track and give its samples; never raises for what is in it."""

    def take_print(self, classification: Classification, decoded: Decoded | None) -> dict[str, bytes] | None:
        """Take the fingerprint of a track that is to be identified elsewhere; None where it is not."""


Keep = Callable[[Track, Decision, Decoded | None], str | None]


def judge_row(judge: Judge, track: Track, keep: Keep) -> dict[str, Any]:
    """Judge a track, keep it as its decision says, and give its row.

    Parameters
    ----------
    judge
        What judges.
    track
        The track.
    keep
        Stores a judged track, of which it gets the decision and the samples, giving where.
    """
    started = time.perf_counter_ns()
    try:
        classification, decoded = judge.judge(track)
    except Exception as error:  # a fault of ours: the upload goes to a person, its neighbours on their way
        classification, decoded = failed(error), None
    row = describe(track, classification)
    row["judge_ms"] = (time.perf_counter_ns() - started) // 1_000_000
    row["stored_at"] = keep(track, classification.decision, decoded)
    row["index_sha256"] = judge.index_sha256
    row["print"] = judge.take_print(classification, decoded)
    row["decided_us"] = time.time_ns() // 1000
    return row


def undecided(error: NoTrackError) -> dict[str, Any]:
    """Give the row of an upload whose bytes make no track."""
    return {
        "decision": error.decision,
        "reasons": [error.code],
        "evidence": json.dumps({"reasons": [{"code": error.code, "detail": str(error)}]}, ensure_ascii=False),
        "content": Content.UNDECIDED.value,
        "identity": Identity.NOT_TRIED.value,
        "decided_us": time.time_ns() // 1000,
    }


def failed(error: Exception) -> Classification:
    """Give the classification of a track that the classifier itself failed on."""
    reason = Reason("error.classifier", f"{type(error).__name__}: {error}"[:2000])
    return Classification(Decision.REVIEW, (reason,), Content.UNDECIDED, None, Identity.NOT_TRIED)
