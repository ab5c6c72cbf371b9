"""What ``make demo`` shows is right: the very same code, run once, each verdict asserted."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from streaming.demo import read_table, show_rejections, show_verdicts
from streaming.demo_uploads import DEMONSTRATIONS, EXCERPT_START_S, KNOWN, RECORDINGS

pytestmark = pytest.mark.spark


@dataclass(frozen=True)
class Shown:
    """What the demo left behind."""

    folder: Path
    verdicts: dict[str, dict[str, Any]]
    rejections: list[dict[str, Any]]


@pytest.fixture(scope="module")
def shown(demo_folder: Path) -> Shown:
    verdicts = read_table(demo_folder / "lake", "verdicts")
    assert sorted(row["track_name"] for row in verdicts) == sorted(one.track_name for one in DEMONSTRATIONS)
    by_name = {row["track_name"]: row for row in verdicts}
    return Shown(demo_folder, by_name, read_table(demo_folder / "lake", "rejections"))


def test_a_whole_known_recording_is_accepted_and_named(shown: Shown) -> None:
    row = shown.verdicts["west.ogg"]
    assert (row["decision"], row["content"], row["identity"]) == ("accept", "real", "match")
    assert (row["reference_id"], row["title"], row["artist"]) == ("west", "West", "Chris Leutwyler (Krobonil)")
    assert abs(row["query_offset_ms"] - row["reference_offset_ms"]) <= 100
    assert row["coverage"] > 0.9


def test_a_noisy_excerpt_through_mp3_is_accepted_and_found_where_it_was_cut(shown: Shown) -> None:
    row = shown.verdicts["heard in a bar.mp3"]
    assert (row["decision"], row["content"], row["identity"]) == ("accept", "real", "match")
    assert row["title"] == "Hill of Sorrows"
    begins_ms = row["reference_offset_ms"] - row["query_offset_ms"]
    assert abs(begins_ms - EXCERPT_START_S * 1000) <= 100  # MP3 adds some milliseconds at the beginning


@pytest.mark.parametrize("name", ["my own song.mp3", "morning walk.ogg"])
def test_an_unknown_recording_is_accepted_and_no_match_is_made_up(shown: Shown, name: str) -> None:
    row = shown.verdicts[name]
    assert (row["decision"], row["content"], row["identity"]) == ("accept", "real", "no_match")
    assert row["reference_id"] is None


def test_an_executables_bytes_as_samples_are_rejected_as_data(shown: Shown) -> None:
    row = shown.verdicts["drum solo.wav"]
    assert (row["decision"], row["content"]) == ("reject", "mock")
    assert row["mock_score"] > 0.9
    assert "elf" in {payload["kind"] for payload in row["payloads"]}


def test_a_text_as_legacy_samples_is_rejected_as_data(shown: Shown) -> None:
    row = shown.verdicts["lecture"]
    assert (row["decision"], row["content"]) == ("reject", "mock")
    assert row["mock_score"] > 0.9
    assert row["chunks_received"] == 2


def test_an_upload_that_lacks_a_chunk_is_incomplete_and_names_it(shown: Shown) -> None:
    row = shown.verdicts["half an hour on a train.opus"]
    assert row["decision"] == "incomplete"
    assert row["missing"] == [{"first": 2, "last": 2}]
    assert row["chunks_received"] == row["chunks_expected"] - 1


def test_a_damaged_record_is_rejected_and_its_upload_judged_from_the_good_ones(shown: Shown) -> None:
    row = shown.verdicts["from a bad line.ogg"]
    assert (row["decision"], row["identity"], row["title"]) == ("accept", "match", "Void Sensor (qubodup cut)")
    (rejected,) = shown.rejections
    assert rejected["reason"] == "wire.crc32"
    assert rejected["upload_id"] == row["upload_id"]


def test_what_was_accepted_is_stored_and_nothing_else(shown: Shown) -> None:
    accepted = {row["sha256"] for row in shown.verdicts.values() if row["decision"] == "accept"}
    stored = [path for path in (shown.folder / "lake" / "tracks").rglob("*") if path.is_file() and path.name[0] != "."]
    assert {path.name for path in stored} == accepted
    west = next(path for path in stored if path.name == shown.verdicts["west.ogg"]["sha256"])
    assert west.read_bytes() == (RECORDINGS / "west.ogg").read_bytes()


def test_every_upload_and_rejection_is_in_what_it_prints(shown: Shown) -> None:
    page = io.StringIO()
    console = Console(file=page, width=200)
    show_verdicts(list(shown.verdicts.values()), console)
    show_rejections(shown.rejections, console)
    for one in DEMONSTRATIONS:
        assert one.track_name in page.getvalue()
    assert "no verdict" not in page.getvalue()
    assert "wire.crc32" in page.getvalue()


def test_the_unknown_recordings_are_not_in_the_index() -> None:
    assert not {"beware-the-ships-kobold.mp3", "forest-field-recording.ogg"} & set(KNOWN)
