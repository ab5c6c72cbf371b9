"""Upkeep changes files, not rows; it gets along with a writer that commits all the time, or is refused."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError
from stored_rig import REGION, aws_server, put
from typer.testing import CliRunner, Result

from streaming import upkeep
from streaming.cli import app
from streaming.errors import UserError
from streaming.lake_reader import rows_where
from streaming.upkeep import Access

SCHEMA = pa.schema([("upload_id", pa.string()), ("decided_at", pa.timestamp("us", tz="UTC"))])
REJECTIONS = pa.schema([("reason", pa.string()), ("rejected_at", pa.timestamp("us", tz="UTC"))])
NOW = datetime.now(UTC)


def commit(lake: Path, name: str, age_days: float = 0) -> None:
    row = {"upload_id": name, "decided_at": NOW - timedelta(days=age_days)}
    write_deltalake(lake / "verdicts", pa.Table.from_pylist([row], SCHEMA), mode="append")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    for number in range(6):
        commit(tmp_path, f"upload-{number}", age_days=number * 10)
    write_deltalake(tmp_path / "rejections", pa.Table.from_pylist([], REJECTIONS))
    return tmp_path


def uploads(lake: Path) -> list[str]:
    return sorted(DeltaTable(lake / "verdicts").to_pyarrow_table()["upload_id"].to_pylist())


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["lake", *map(str, arguments)])


def test_optimize_leaves_the_rows_and_writes_them_into_fewer_files(lake: Path) -> None:
    before = uploads(lake)
    result = call("optimize", "--lake", lake, "--json")
    assert json.loads(result.stdout)["verdicts"] == {"files_before": 6, "files_after": 1}
    assert uploads(lake) == before
    assert len(DeltaTable(lake / "verdicts").file_uris()) == 1


def test_optimize_lays_rows_out_so_that_one_upload_is_found_without_reading_the_others(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(upkeep.GROUP_ROWS, "verdicts", 2)
    assert call("optimize", "--lake", lake, "--table", "verdicts").exit_code == 0
    (file,) = DeltaTable(lake / "verdicts").file_uris()
    columns = "SELECT row_group_num_rows, bloom_filter_offset IS NOT NULL, path_in_schema"
    groups = duckdb.execute(columns + " FROM parquet_metadata(?)", [file]).fetchall()
    assert {(rows, filtered) for rows, filtered, name in groups if name == "upload_id"} == {(2, True)}
    assert len(groups) == 3 * len(SCHEMA.names)
    assert not any(filtered for _, filtered, name in groups if name != "upload_id")
    assert rows_where(str(lake), "verdicts", "upload_id", "upload-3")[0]["upload_id"] == "upload-3"


def test_what_was_optimized_is_not_written_again_and_an_uploads_seconds_stay_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "TARGET_BYTES", 100_000)
    mel = random.Random(1).randbytes(20_000)  # nothing squeezes it: eight rows are more than the target, two are less

    def write(upload: str, seconds: int) -> None:
        rows = [{"upload_id": upload, "second": second, "mel": mel[second:]} for second in range(seconds)]
        write_deltalake(tmp_path / "features", pa.Table.from_pylist(rows), mode="append")

    write("long", 8)
    (large,) = DeltaTable(tmp_path / "features").file_uris()
    write("short", 2)
    write("shorter", 2)
    result = call("optimize", "--lake", tmp_path, "--table", "features", "--json")
    assert json.loads(result.stdout)["features"] == {"files_before": 2, "files_after": 1}
    files = DeltaTable(tmp_path / "features").file_uris()
    assert large in files
    (other,) = set(files) - {large}
    seconds = duckdb.execute("SELECT upload_id, second FROM read_parquet(?)", [other]).fetchall()
    assert sorted(seconds) in (seconds, seconds[2:] + seconds[:2])


def test_optimize_beside_a_writer_loses_no_row_of_either(lake: Path) -> None:
    done = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not done.is_set() and len(written) < 200:
            name = f"new-{len(written)}"
            try:
                commit(lake, name)
            except CommitFailedError:
                continue  # delta-rs takes an append for a conflict with a delete, and has written nothing: again
            written.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(4):
            result = call("optimize", "--lake", lake, "--table", "verdicts")
            assert result.exit_code == 0, result.output
            call("expire", "--lake", lake, "--table", "verdicts", "--days", 45)
    finally:
        done.set()
        writer.join()
    assert written
    assert uploads(lake) == sorted([*(f"upload-{n}" for n in range(5)), *written])


def test_vacuum_deletes_nothing_that_is_young_and_says_what_it_would(lake: Path) -> None:
    call("optimize", "--lake", lake)
    before = sorted((lake / "verdicts").glob("*.parquet"))
    dry = call("vacuum", "--lake", lake, "--dry-run", "--json")
    wet = call("vacuum", "--lake", lake, "--json")
    assert json.loads(dry.stdout)["verdicts"] == {"files": 0, "dry_run": True}
    assert json.loads(wet.stdout)["verdicts"] == {"files": 0, "dry_run": False}
    assert sorted((lake / "verdicts").glob("*.parquet")) == before


def test_vacuum_deletes_what_has_been_replaced_for_longer(lake: Path) -> None:
    call("optimize", "--lake", lake)
    age_the_log(lake, days=9)
    before = uploads(lake)
    result = call("vacuum", "--lake", lake, "--json")
    assert json.loads(result.stdout)["verdicts"] == {"files": 6, "dry_run": False}
    assert len(list((lake / "verdicts").glob("*.parquet"))) == 1
    assert uploads(lake) == before


def age_the_log(lake: Path, days: int) -> None:
    """Make the replacements in the log old: their time is written in them."""
    log = lake / "verdicts" / "_delta_log"
    for checkpoint in (*log.glob("*.checkpoint.parquet"), *log.glob("_last_checkpoint")):
        checkpoint.unlink()
    for path in log.glob("*.json"):
        actions = [json.loads(line) for line in path.read_text().splitlines()]
        for action in actions:
            if "remove" in action:
                action["remove"]["deletionTimestamp"] -= days * 86_400_000
        path.write_text("\n".join(json.dumps(action) for action in actions))


@pytest.mark.parametrize("hours", [0, 1, 167, -1])
def test_vacuum_under_a_week_is_refused(lake: Path, hours: int) -> None:
    error = call("vacuum", "--lake", lake, "--hours", hours).exception
    assert isinstance(error, UserError)
    assert "168" in str(error)


def test_expire_deletes_old_rows_of_the_table_that_was_said(lake: Path) -> None:
    dry = call("expire", "--lake", lake, "--table", "verdicts", "--days", 25, "--dry-run", "--json")
    assert json.loads(dry.stdout)["verdicts"]["rows"] == 3
    assert len(uploads(lake)) == 6
    wet = call("expire", "--lake", lake, "--table", "verdicts", "--days", 25, "--json")
    assert json.loads(wet.stdout)["verdicts"]["rows"] == 3
    assert uploads(lake) == ["upload-0", "upload-1", "upload-2"]


@pytest.mark.parametrize("days", ["0", "-3", "nan", "0.5", "1e12"])
def test_rows_of_today_are_not_expired(lake: Path, days: str) -> None:
    error = call("expire", "--lake", lake, "--table", "verdicts", "--days", days).exception
    assert isinstance(error, UserError)
    assert len(uploads(lake)) == 6


def test_features_expire_by_their_verdicts_time_and_a_table_without_it_is_told(lake: Path) -> None:
    write_deltalake(lake / "features", DeltaTable(lake / "verdicts").to_pyarrow_table())
    result = call("expire", "--lake", lake, "--table", "features", "--days", 25, "--json")
    assert json.loads(result.stdout)["features"]["rows"] == 3
    write_deltalake(lake / "rejections", pa.table({"reason": ["x"]}), mode="overwrite", schema_mode="overwrite")
    error = call("expire", "--lake", lake, "--table", "rejections", "--days", 25).exception
    assert isinstance(error, UserError)
    assert "no column 'rejected_at'" in str(error)


def test_expire_wants_to_be_told_the_table(lake: Path) -> None:
    assert call("expire", "--lake", lake, "--days", 25).exit_code == 2


def test_on_s3_a_lock_or_a_stopped_job_is_asked_for() -> None:
    with pytest.raises(UserError, match="--lock-table"):
        Access("s3://uploads/lake").storage_options()
    assert Access("s3://uploads/lake", job_stopped=True).storage_options() == {}
    assert Access("s3://uploads/lake", lock_table="delta_log").storage_options() == {
        "AWS_S3_LOCKING_PROVIDER": "dynamodb",
        "DELTA_DYNAMO_TABLE_NAME": "delta_log",
    }
    assert Access("lake").storage_options() == {}


@pytest.fixture
def locked() -> Iterator[tuple[Access, Any, Any]]:
    """Give a lake on S3 whose writers share a lock table, as Spark's S3DynamoDBLogStore makes it; S3 and DynamoDB."""
    with aws_server() as aws, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
            patch.setenv(name, str(aws.endpoint_url))
        patch.setenv("AWS_ALLOW_HTTP", "true")
        patch.setenv("AWS_REGION", REGION)
        put(aws, "lake", {})
        keys = [("tablePath", "HASH"), ("fileName", "RANGE")]
        aws.client("dynamodb").create_table(
            TableName="delta_log",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        access = Access("s3://lake/lake", lock_table="delta_log")
        for number in range(2):
            row = {"upload_id": f"upload-{number}", "decided_at": NOW - timedelta(days=30 * number)}
            where, table = f"{access.lake}/verdicts", pa.Table.from_pylist([row], SCHEMA)
            write_deltalake(where, table, mode="append", storage_options=access.storage_options())
        yield access, aws.client("s3"), aws.client("dynamodb")


def test_on_s3_each_commit_is_claimed_in_the_lock_table(locked: tuple[Access, Any, Any]) -> None:
    access, _, dynamodb = locked
    upkeep.optimize(access, "verdicts")
    claims = [{name: value["S"] for name, value in item.items() if "S" in value} for item in lock_items(dynamodb)]
    assert {(claim["tablePath"], claim["fileName"], claim["complete"]) for claim in claims} >= {
        ("s3://lake/lake/verdicts", f"{version:020d}.json", "true") for version in (1, 2)
    }


def test_on_s3_a_commit_that_the_job_has_claimed_and_not_yet_put_there_is_not_overtaken(
    locked: tuple[Access, Any, Any],
) -> None:
    access, s3, dynamodb = locked
    name, claimed = f"{2:020d}.json", b'{"commitInfo":{"timestamp":1,"operation":"WRITE"}}'
    log = "lake/verdicts/_delta_log"
    s3.put_object(Bucket="lake", Key=f"{log}/.tmp/{name}.x", Body=claimed)
    claim = {
        "tablePath": f"{access.lake}/verdicts",
        "fileName": name,
        "tempPath": f".tmp/{name}.x",
        "complete": "false",
    }
    dynamodb.put_item(
        TableName="delta_log", Item={key: {"S": value} for key, value in {**claim, "complete": "false"}.items()}
    )
    assert upkeep.expire(access, "verdicts", 25, dry_run=False)["rows"] == 1
    assert s3.get_object(Bucket="lake", Key=f"{log}/{name}")["Body"].read() == claimed
    assert b'"remove"' in s3.get_object(Bucket="lake", Key=f"{log}/{3:020d}.json")["Body"].read()


def lock_items(dynamodb: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = dynamodb.scan(TableName="delta_log")["Items"]
    return items


def test_a_lake_without_the_table_is_said(tmp_path: Path) -> None:
    error = call("optimize", "--lake", tmp_path).exception
    assert isinstance(error, UserError)
    assert "no table" in str(error)
