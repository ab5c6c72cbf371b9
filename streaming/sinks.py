"""The tables: made once, then appended to, each batch once.

Spark may hand us a batch twice (it crashed, or its reply was lost); each write carries the checkpoint's app id and the
batch's number, and Delta skips those that a table has already. Deletion vectors are off, so that every reader can read.
"""

from __future__ import annotations

import random
import time

import deltalake
from delta.exceptions.captured import ConcurrentAppendException, ConcurrentDeleteReadException
from delta.tables import DeltaTable
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that all of Spark's users know
from pyspark.sql.types import StructType

from streaming.errors import UserError
from streaming.schemas import REJECTION, VERDICT

VERDICTS, REJECTIONS = "verdicts", "rejections"
TABLES: dict[str, StructType] = {VERDICTS: VERDICT, REJECTIONS: REJECTION}
MERGE_TRIES = 10
OVERTAKEN = (ConcurrentAppendException, ConcurrentDeleteReadException)  # by another of its kind; by table upkeep
PROPERTIES = {"delta.enableDeletionVectors": "false"}


def create_table(spark: SparkSession, path: str, schema: StructType) -> None:
    """Make a table if it is missing.

    Raises
    ------
    UserError
        When the place cannot be written, or holds a table with other columns.
    """
    builder = DeltaTable.createIfNotExists(spark).location(path).addColumns(schema)
    for key, value in PROPERTIES.items():
        builder = builder.property(key, value)
    try:
        builder.execute()
    except PySparkException as error:
        first_line = str(error).strip().splitlines()[0]
        raise UserError(f"the table {path} cannot be used: {first_line}") from error


def append_once(rows: DataFrame, path: str, app_id: str, batch_id: int, **options: str) -> None:
    """Append a batch's rows to a table, unless it has them already."""
    writer = rows.write.format("delta").mode("append").options(**options)
    writer.option("txnAppId", app_id).option("txnVersion", batch_id).save(path)


def newest_batch(app_id: str, *paths: str) -> int | None:
    """Give the newest batch that any of some tables has from a writer; None before the first."""
    tables = (deltalake.DeltaTable(path) for path in paths if deltalake.DeltaTable.is_deltatable(path))
    found = (table.transaction_version(app_id) for table in tables)
    return max((batch_id for batch_id in found if batch_id is not None), default=None)


class Lake:
    """The tables of one lake, written under one app id."""

    def __init__(self, spark: SparkSession, root: str, app_id: str) -> None:
        self._spark = spark
        self._root = root
        self._app_id = app_id

    def create_tables(self) -> None:
        """Make the tables that are missing, so that readers find them before the first row.

        Raises
        ------
        UserError
            When the lake cannot be written, or holds a table with other columns.
        """
        for name, schema in TABLES.items():
            create_table(self._spark, self.path(name), schema)

    def newest_batch(self) -> int | None:
        """Give the newest batch that any table has from this writer; None before the first."""
        return newest_batch(self._app_id, *map(self.path, TABLES))

    def append(self, name: str, rows: DataFrame, batch_id: int) -> None:
        """Append a batch's rows to a table as one file, unless it has them already."""
        append_once(rows.coalesce(1), self.path(name), self._app_id, batch_id)

    def add_missing(self, name: str, rows: DataFrame, root: str) -> None:
        """Append the rows whose upload the table does not have yet, in one commit.

        Delta refuses the commit when another one of this kind came in between, and it is then done again: of two that
        judge the same upload at the same time, one writes its verdict.

        Parameters
        ----------
        name
            The table's.
        rows
            At most one row an upload.
        root
            What the column ``stream`` of an upload from the same source begins with: ids of other sources are chosen by
            strangers, and one of theirs must not stand for one of ours.
        """
        known = (F.col("old.upload_id") == F.col("new.upload_id")) & F.col("old.stream").startswith(root)
        for left in reversed(range(MERGE_TRIES)):
            table = DeltaTable.forPath(self._spark, self.path(name)).alias("old")
            try:
                table.merge(rows.coalesce(1).alias("new"), known).whenNotMatchedInsertAll().execute()
            except OVERTAKEN:
                if not left:
                    raise
                time.sleep(random.uniform(0.2, 2.0))
            else:
                return

    def path(self, name: str) -> str:
        """Say where a table is."""
        return f"{self._root}/{name}"
