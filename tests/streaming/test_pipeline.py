"""The plan of a batch: the classifier once, and every outcome a row of its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chispa import assert_df_equality
from job_rig import make_rig
from pyspark.sql import DataFrame, SparkSession

from streaming.pipeline import make_opener, plan_rows
from streaming.schemas import OUTCOME, RECORD
from streaming.sources import group_records

pytestmark = pytest.mark.spark


@pytest.fixture
def rows_of(spark: SparkSession, tmp_path: Path, index: Path) -> Any:
    settings = make_rig(tmp_path, index).settings()

    def plan(outcomes: list[tuple[str, str, bytes | None, dict[str, Any]]]) -> DataFrame:
        made = [(kind, key, data, json.dumps(facts)) for kind, key, data, facts in outcomes]
        return plan_rows(spark.createDataFrame(made, OUTCOME), settings, make_opener(settings))

    return plan


def test_the_classifier_is_in_the_plan_once(rows_of: Any) -> None:
    plan = rows_of([])._jdf.queryExecution().executedPlan().toString()
    assert plan.count("ArrowEvalPython") == 1
    assert plan.count("classify(") == 1


def test_a_track_the_classifier_fails_on_goes_to_a_person_and_its_neighbours_do_not_notice(rows_of: Any) -> None:
    facts = {"upload_id": "a", "encoding": "F32LE", "sample_rate": 8000, "channels": 1, "was_open": False}
    ragged = ("track", "user/a", b"\x00" * 7, facts)
    nothing = ("verdict", "user/b", None, {"upload_id": "b", "decision": "incomplete", "reason": "upload.x"})
    by_id = {row.verdict.upload_id: row.verdict for row in rows_of([ragged, nothing]).collect()}
    assert by_id["a"].decision in ("review", "reject")
    assert by_id["a"].reasons
    assert (by_id["b"].decision, by_id["b"].reasons, by_id["b"].mock_score) == ("incomplete", ["upload.x"], None)


@pytest.mark.parametrize(
    ("key", "user", "name"),
    [("u/t", "u", "t"), ("u/a/b", "u", "a/b"), ("alone", "", "alone"), ("/x", "", "x"), ("", "", "")],
)
def test_the_key_is_split_at_its_first_slash(rows_of: Any, key: str, user: str, name: str) -> None:
    (row,) = rows_of([("verdict", key, None, {"decision": "incomplete", "reason": "upload.x"})]).collect()
    assert (row.verdict.user_id, row.verdict.track_name) == (user, name)


def test_a_record_without_anything_is_grouped_and_not_lost(spark: SparkSession) -> None:
    records = spark.createDataFrame([(None, None, None, None, None)], RECORD)
    expected = spark.createDataFrame(
        [("", "", bytearray(), "", "", 0)],
        "partition_key string, upload_id string, data binary, stream string, sequence_number string, arrived_us long",
    )
    assert_df_equality(group_records(records), expected, ignore_nullable=True)
