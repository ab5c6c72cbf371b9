"""The plan of a batch: the classifier once, and every outcome a row of its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chispa import assert_df_equality
from job_rig import make_rig
from pyspark.sql import DataFrame, SparkSession

from streaming.assemble import Recipe
from streaming.chunk import Format
from streaming.judge import make_opener
from streaming.pipeline import open_spool, plan_rows
from streaming.schemas import OUTCOME, RECORD
from streaming.sources import group_records
from streaming.spool import Piece

pytestmark = pytest.mark.spark


@pytest.fixture
def rows_of(spark: SparkSession, tmp_path: Path, index: Path) -> Any:
    settings = make_rig(tmp_path, index).settings()

    def plan(outcomes: list[tuple[str, str, bytes | None, dict[str, Any]]]) -> DataFrame:
        made = [(kind, key, data, json.dumps(facts)) for kind, key, data, facts in outcomes]
        return plan_rows(spark.createDataFrame(made, OUTCOME), settings, make_opener(settings))

    plan.settings = settings  # type: ignore[attr-defined]
    return plan


def test_the_classifier_is_in_the_plan_once(rows_of: Any) -> None:
    plan = rows_of([])._jdf.queryExecution().executedPlan().toString()
    assert plan.count("ArrowEvalPython") == 1
    assert plan.count("classify(") == 1


def test_a_track_the_classifier_fails_on_goes_to_a_person_and_its_neighbours_do_not_notice(rows_of: Any) -> None:
    open_spool(rows_of.settings).write("0/ragged", [memoryview(bytes(7))])
    ragged, lost = (Recipe((Piece(f"0/{file}", 0, 7),), Format.V1, "NONE").to_text() for file in ("ragged", "lost"))
    facts = {"encoding": "F32LE", "sample_rate": 8000, "channels": 1}
    rows = rows_of(
        [
            ("track", "user/a", None, {**facts, "upload_id": "a", "recipe": ragged}),
            ("verdict", "user/b", None, {"upload_id": "b", "decision": "incomplete", "reason": "upload.x"}),
            ("track", "user/c", None, {**facts, "upload_id": "c", "recipe": lost}),
        ]
    )
    by_id = {row.verdict.upload_id: row.verdict for row in rows.collect()}
    assert by_id["a"].decision in ("review", "reject")
    assert by_id["a"].reasons
    assert (by_id["b"].decision, by_id["b"].reasons, by_id["b"].mock_score) == ("incomplete", ["upload.x"], None)
    assert (by_id["c"].decision, by_id["c"].reasons) == ("review", ["error.upload_lost"])
    assert (by_id["c"].content, by_id["c"].identity, by_id["c"].sha256) == ("undecided", "not_tried", None)


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
