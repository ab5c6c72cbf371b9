"""Python workers find the same pyspark without reading its zip file's directory for every task."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest
from pyspark.sql import Row, SparkSession

from streaming.spark_daemon import without_zips


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Give a folder with an installed pyspark and the zip inside it."""
    inner = tmp_path / "pyspark" / "python" / "lib"
    inner.mkdir(parents=True)
    (tmp_path / "pyspark" / "__init__.py").touch()
    zipfile.ZipFile(inner / "pyspark.zip", "w").close()
    return tmp_path


def test_the_zip_inside_the_installed_package_is_taken_off_the_path(package: Path) -> None:
    zipped = str(package / "pyspark" / "python" / "lib" / "pyspark.zip")
    assert without_zips([zipped, str(package), "other.zip"]) == [str(package), "other.zip"]


def test_nothing_changes_where_pyspark_is_only_in_a_zip_or_another_one_is_installed(
    package: Path, tmp_path: Path
) -> None:
    elsewhere = str(tmp_path / "spark" / "python" / "lib" / "pyspark.zip")
    for path in ([elsewhere], [elsewhere, str(package)]):
        assert without_zips(path) == path


@pytest.mark.spark
def test_workers_of_the_job_have_no_pyspark_zip_on_their_path(spark: SparkSession) -> None:
    def look(_: object) -> list[Row]:
        return [Row(zips=[entry for entry in sys.path if entry.endswith("pyspark.zip")])]

    assert [row.zips for row in spark.sparkContext.parallelize([0], 1).map(look).collect()[0]] == [[]]
