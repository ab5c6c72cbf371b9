"""The list of uploads: each filter narrows it, text is compared as text, and what is read is what is there now."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import lake_rig
import numpy as np
import pytest

from streaming.look.depth import Lens
from streaming.look.player import safe_sound
from streaming.look.uploads import Filter, Uploads, rejected_records
from streaming.pictures.style import to_png
from streaming.pictures.upload import show_all
from udfs.decode import decode

NAMES = ("100% O'Brien_s.wav", "100x OxBrienxs.wav", "a\\b.wav", "plain.wav")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    facts = [lake_rig.facts(10_000 * number + 1) for number in range(4)]
    more = [
        {"decision": "accept", "reasons": [], "identity": "match", "title": "West", "artist": "Café", "user_id": "u1"},
        {"decision": "reject", "reasons": ["samples.data", "container.crc"], "user_id": "u1"},
        {
            "decision": "accept",
            "reasons": ["container.crc"],
            "identity": "match",
            "reference_id": "west",
            "user_id": "u",
        },
        {"decision": "incomplete", "reasons": ["upload.missing_chunks"], "user_id": "u2"},
    ]
    rows = [{**a, **b, "track_name": name} for a, b, name in zip(facts, more, NAMES, strict=True)]
    lake_rig.write_verdicts(tmp_path, rows[:2])
    lake_rig.write_verdicts(tmp_path, rows[2:])
    return tmp_path


@pytest.mark.parametrize(
    ("which", "found"),
    [
        (Filter(), {0, 1, 2, 3}),
        (Filter(decisions=("reject", "incomplete")), {1, 3}),
        (Filter(reason="container.crc"), {1, 2}),
        (Filter(user="u1"), {0, 1}),
        (Filter(recording="WEST"), {0, 2}),
        (Filter(recording="café"), {0}),
        (Filter(name="100% o'brien_"), {0}),
        (Filter(name="\\"), {2}),
        (Filter(name="' OR true --"), set()),
        (Filter(user="u1", decisions=("accept",)), {0}),
        (Filter(since=lake_rig.BEGAN + timedelta(seconds=10_007)), {1, 2, 3}),
        (Filter(since=lake_rig.BEGAN + timedelta(seconds=10_008), until=lake_rig.BEGAN + timedelta(days=1)), {2, 3}),
        (Filter(until=lake_rig.BEGAN + timedelta(seconds=10_007)), {0}),
    ],
)
def test_a_filter_finds_what_it_says_and_nothing_else(lake: Path, which: Filter, found: set[int]) -> None:
    uploads = Uploads(str(lake))
    assert {NAMES.index(row["track_name"]) for row in uploads.page(which)} == found
    assert sum(uploads.count(which).values()) == len(found)


def test_pages_follow_each_other_from_the_newest_to_the_oldest(lake: Path) -> None:
    uploads = Uploads(str(lake))
    pages = [uploads.page(Filter(), number, size=3) for number in range(3)]
    assert [[row["track_name"] for row in page] for page in pages] == [list(NAMES[:0:-1]), [NAMES[0]], []]
    assert uploads.reasons() == ["container.crc", "samples.data", "upload.missing_chunks"]


def test_one_upload_is_found_by_its_whole_id_with_all_of_its_columns(lake: Path) -> None:
    upload_id = lake_rig.facts(1)["upload_id"]
    found = Uploads(str(lake)).one(upload_id)
    assert found is not None
    assert (found["track_name"], found["evidence"]) == (NAMES[0], None)
    assert Uploads(str(lake)).one(upload_id[:-1]) is None
    assert rejected_records(str(lake), upload_id) == []


def test_a_lake_that_is_made_anew_is_seen_as_it_is_now(lake: Path) -> None:
    uploads = Uploads(str(lake))
    assert uploads.refresh() == 1
    shutil.rmtree(lake / "verdicts")
    assert (uploads.refresh(), uploads.page(Filter()), uploads.count(Filter())) == (-1, [], {})
    lake_rig.write_verdicts(lake, [{**lake_rig.facts(7), "track_name": "new"}])
    assert uploads.refresh() == 0
    assert [row["track_name"] for row in uploads.page(Filter())] == ["new"]


@pytest.mark.parametrize(
    "samples",
    [np.full(1, 0.5), np.zeros(9_000), np.random.default_rng(8).normal(0, 1e30, 9_000), np.full(9_000, np.nan)],
    ids=["one sample", "silence", "huge", "not a number"],
)
def test_whatever_the_samples_are_they_are_drawn_and_only_what_was_accepted_is_played(
    tmp_path: Path, samples: np.ndarray
) -> None:
    row = lake_rig.judge(tmp_path, lake_rig.raw(samples.astype("<f4").tobytes(), 8_000, "odd"))
    with np.errstate(all="raise"):
        seen = Lens(decode, str(tmp_path)).look(row)
    assert to_png(show_all(seen)).startswith(b"\x89PNG")
    heard = safe_sound(row, decode)
    assert (heard is not None) == (row["decision"] == "accept")
    assert heard is None or heard[0].startswith(b"fLaC")
