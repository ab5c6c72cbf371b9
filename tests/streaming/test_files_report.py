"""A file's report: the golden one, and the page that documents it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from streaming.files.report import make_report, write_report
from streaming.files.report_writer import ReportWriter
from streaming.schemas import VERDICT

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "reports"
TIMES = ("first_arrival", "last_arrival", "decided_at")


def read_verdict(name: str) -> dict[str, Any]:
    """Read a row of ``verdicts``, its times as the tables' readers give them."""
    row: dict[str, Any] = json.loads((GOLDEN / f"{name}.verdict.json").read_text(encoding="utf-8"))
    assert row.keys() <= set(VERDICT.names)
    return {**row, **{time: datetime.fromisoformat(row[time]) for time in TIMES}}


@pytest.mark.parametrize("name", ["match", "mock"])
def test_a_report_is_the_golden_one_byte_for_byte(name: str) -> None:
    made = write_report(make_report(read_verdict(name)))
    assert made == (GOLDEN / f"{name}.report.json").read_bytes()
    assert made.isascii()


def test_a_time_is_said_in_utc_whatever_zone_it_came_in() -> None:
    row = read_verdict("match")
    moment = row["decided_at"]
    elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
    without = moment.astimezone().replace(tzinfo=None)  # as PySpark gives it
    said = {make_report({**row, "decided_at": each})["decided_at"] for each in (moment, elsewhere, without)}
    assert said == {"2026-03-01T12:00:01.500Z"}
    assert moment.tzinfo is UTC or moment.utcoffset() == timedelta(0)


def test_the_page_documents_every_field_and_no_other() -> None:
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    section = page.split("## The report")[1].split("\n## ")[0]
    documented = {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert documented == make_report(read_verdict("match")).keys()


def test_reports_in_one_folder_are_named_by_their_upload(tmp_path: Path) -> None:
    row = read_verdict("match")
    ReportWriter(str(tmp_path / "reports")).write(row)
    (report,) = (tmp_path / "reports").iterdir()
    assert report.name == f"{row['upload_id']}.json"
    assert report.read_bytes() == (GOLDEN / "match.report.json").read_bytes()
