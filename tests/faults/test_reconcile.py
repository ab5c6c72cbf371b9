"""What reconciles the tables sees a record that is lost and one that is there twice."""

from __future__ import annotations

from typing import Any

import pytest
from reconcile import Produced, reconcile

UPLOAD = "00000000-0000-4000-8000-000000000001"


def produced() -> list[Produced]:
    chunks = [Produced("s", f"{number}", "a/b", UPLOAD, 10, f"{number:064d}") for number in range(3)]
    slices = [Produced("s", f"1{number}", "a/old", "", 10, "b" * 64) for number in range(2)]
    return [*chunks, *slices, Produced("s", "20", "a/b", "", 4, "f" * 64)]


def verdict(upload_id: str = UPLOAD, key: str = "a/b", received: int = 2, duplicate: int = 1) -> dict[str, Any]:
    return {"upload_id": upload_id, "partition_key": key, "chunks_received": received, "chunks_duplicate": duplicate}


def rejection(number: str = "20", length: int = 4) -> dict[str, Any]:
    return {"stream": "s", "sequence_number": number, "data_length": length, "data_sha256": "f" * 64}


LEGACY = verdict("named-by-the-job", "a/old", 2, 0)


def test_one_outcome_each_is_balanced() -> None:
    account = reconcile(produced(), [verdict(), LEGACY], [rejection()])
    assert account.balanced, account
    assert (account.records, account.uploads, account.verdicts, account.rejections) == (6, 2, 2, 1)


@pytest.mark.parametrize(
    ("verdicts", "rejections", "which"),
    [
        ([verdict(), LEGACY], [], "lost"),
        ([LEGACY], [rejection()], "lost"),
        ([verdict(received=1), LEGACY], [rejection()], "lost"),
        ([verdict()], [rejection()], "lost"),
        ([verdict(), LEGACY], [rejection(length=5)], "lost"),
        ([verdict(), verdict(), LEGACY], [rejection()], "doubled"),
        ([verdict(received=3), LEGACY], [rejection()], "doubled"),
        ([verdict(), LEGACY], [rejection(), rejection()], "doubled"),
        ([verdict(), LEGACY], [rejection(), rejection("99")], "doubled"),
        ([verdict(), LEGACY, verdict("another", "x/never-sent")], [rejection()], "doubled"),
    ],
)
def test_what_is_lost_or_doubled_is_named(verdicts: list[Any], rejections: list[Any], which: str) -> None:
    account = reconcile(produced(), verdicts, rejections)
    assert getattr(account, which)
