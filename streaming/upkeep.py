"""Upkeep of the tables, beside the running job: fewer and larger files, old files gone, old rows gone.

What makes it safe. Each of these is one commit to the table's log, and the log decides who was first. ``optimize``
rewrites rows without changing them and the job only appends, so the two never touch the same file; whoever comes
second reads the other's commit and commits on top of it. On a local file system creating the log's next file is
atomic. On S3 it is so only among writers that agree on how: Spark's default (S3SingleDriverLogStore) looks and then
writes, which is safe for one writer and no more. So on S3 upkeep asks either for the lock table that the job uses too
(Delta's S3DynamoDBLogStore), or to be told that the job is not running.

How rows lie. The job appends in order of time, and optimizing keeps that, so that readers skip files and row groups by
the least and greatest `decided_at`. An upload id is random and has no such order: each row group gets a Bloom filter
of its ids instead, and a look-up reads the one group that has it. An upload's features lie beside each other, second by
second, because the stage writes them so. (Sorting a table by upload id finds one as fast, but rewrites all of it each
time, and a page of the newest uploads then reads all of it.)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from deltalake import BloomFilterProperties, ColumnProperties, DeltaTable, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from streaming.errors import UserError
from streaming.lake_reader import in_one_line, query

# Tables that age, and the column by which a row is old.
AGES_BY = {"verdicts": "decided_at", "rejections": "rejected_at", "features": "decided_at"}
FOUND_BY = "upload_id"
# Rows of a row group, what a look-up reads at least: a few MB, the widest rows (spectrograms, refused bytes) fewest.
GROUP_ROWS = {"verdicts": 16_384, "rejections": 1_024, "features": 256}
FALSE_POSITIVES = 0.01  # of the Bloom filters: one group of a hundred is read for nothing
TARGET_BYTES = 128 * 1024 * 1024  # of a file: few requests to read a day, and small enough to rewrite
LEAST_RETENTION_HOURS = 168  # a week, Delta's own rule: readers and publishers may be that far behind
MOST_DAYS = 36_500
ATTEMPTS = 5

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Access:
    """How upkeep may write: on S3 it says what keeps it apart from the job (see above)."""

    lake: str
    lock_table: str | None = None
    job_stopped: bool = False

    def storage_options(self) -> dict[str, str]:
        """Give delta-rs its options; raises `UserError` where writing would not be safe."""
        if not self.lake.startswith("s3://") or self.job_stopped:
            return {}
        if self.lock_table is None:
            raise UserError(
                "on S3 two writers to one table need a lock: pass --lock-table with the DynamoDB table that the job "
                "uses too (spark.delta.logStore.s3.impl=io.delta.storage.S3DynamoDBLogStore), or, when the job is not "
                "running, --job-stopped. docs/operations.md says why"
            )
        return {"AWS_S3_LOCKING_PROVIDER": "dynamodb", "DELTA_DYNAMO_TABLE_NAME": self.lock_table}


def open_for_upkeep(access: Access, name: str) -> DeltaTable:
    """Open a table for writing; raises `UserError` where there is none or writing would not be safe."""
    try:
        return DeltaTable(f"{access.lake.rstrip('/')}/{name}", storage_options=access.storage_options())
    except TableNotFoundError as error:
        raise UserError(f"--lake {access.lake}: there is no table {name!r}") from error
    except (DeltaError, OSError) as error:
        raise UserError(f"the table {name!r} of {access.lake} cannot be opened: {in_one_line(error)}") from error


def optimize(access: Access, name: str) -> dict[str, Any]:
    """Write a table's small files together; readers see the same rows before, while and after."""
    table = open_for_upkeep(access, name)
    written = writer_properties(table, name)
    result = again(table, lambda: table.optimize.compact(target_size=TARGET_BYTES, writer_properties=written))
    table.create_checkpoint()  # a reader then opens one file of the log instead of thousands
    return {"files_before": result["numFilesRemoved"], "files_after": result["numFilesAdded"]}


def writer_properties(table: DeltaTable, name: str) -> WriterProperties:
    """Say how a table's rows are laid out, so that one upload is found without reading the others."""
    rows = GROUP_ROWS[name]
    bloom = BloomFilterProperties(set_bloom_filter_enabled=True, fpp=FALSE_POSITIVES, ndv=rows)
    columns = {field.name for field in table.schema().fields} & {FOUND_BY}
    found_by = {column: ColumnProperties(bloom_filter_properties=bloom) for column in columns}
    return WriterProperties(compression="ZSTD", max_row_group_size=rows, column_properties=found_by)


def vacuum(access: Access, name: str, hours: int, dry_run: bool) -> dict[str, Any]:
    """Delete files that no version of the last `hours` needs.

    Files that the job is just writing are in no version either; they are younger than the retention, which is why it
    has a lower bound.
    """
    if hours < LEAST_RETENTION_HOURS:
        raise UserError(
            f"--hours {hours} is too few: readers, the publisher and the running job may need files for a week; "
            f"the least is {LEAST_RETENTION_HOURS}"
        )
    table = open_for_upkeep(access, name)
    files = again(table, lambda: table.vacuum(retention_hours=hours, dry_run=dry_run, full=True))
    return {"files": len(files), "dry_run": dry_run}


def expire(access: Access, name: str, days: float, dry_run: bool) -> dict[str, Any]:
    """Delete rows older than `days`; their bytes go with the next vacuum after the retention."""
    if not math.isfinite(days) or days < 1:
        raise UserError(f"--days {days}: rows younger than a day are not deleted")
    if days > MOST_DAYS:
        raise UserError(f"--days {days}: no row is so old; at most {MOST_DAYS}")
    table = open_for_upkeep(access, name)
    column = age_column(table, name)
    before = (datetime.now(UTC) - timedelta(days=days)).replace(microsecond=0)
    predicate = f"{column} < '{before:%Y-%m-%dT%H:%M:%SZ}'"
    if dry_run:
        (counted,) = query(table, f"SELECT count(*) AS rows FROM lake WHERE {predicate}")  # noqa: S608 - all ours
        return {"rows": counted["rows"], "before": before.isoformat(), "dry_run": True}
    result = again(table, lambda: table.delete(predicate))
    return {"rows": result["num_deleted_rows"], "before": before.isoformat(), "dry_run": False}


def age_column(table: DeltaTable, name: str) -> str:
    """Give the column that says how old a row is; raises `UserError` where the table has none of that name."""
    columns = {field.name for field in table.schema().fields}
    if AGES_BY[name] not in columns:
        raise UserError(f"the table {name!r} has no column {AGES_BY[name]!r} that tells its rows' age")
    return AGES_BY[name]


def again(table: DeltaTable, work: Callable[[], Outcome]) -> Outcome:
    """Do a piece of work anew on the newest version when the job's commit came in between."""
    for attempt in range(ATTEMPTS):
        try:
            return work()
        except CommitFailedError as error:
            if attempt == ATTEMPTS - 1:
                raise UserError(f"the job commits too often to get in between: {error}; try again later") from error
            time.sleep(0.2 * 2**attempt)
            table.update_incremental()
        except DeltaError as error:
            raise UserError(f"the table could not be kept up: {error}") from error
    raise AssertionError("the last attempt returns or raises")
