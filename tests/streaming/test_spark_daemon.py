"""Python workers find the same pyspark in no archive, and do not look through all their modules behind each task."""

from __future__ import annotations

import gc
import sys
import weakref
import zipfile
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.spark_daemon import LOOKED_THROUGH, Tidy, without_archives

INSIDE = ("pyspark/python/lib/pyspark.zip", "pyspark/jars/spark-core_2.13-4.1.1.jar")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Give a folder with an installed pyspark and the archives inside it."""
    (tmp_path / "pyspark").mkdir()
    (tmp_path / "pyspark" / "__init__.py").touch()
    for archive in INSIDE:
        (tmp_path / archive).parent.mkdir(parents=True)
        zipfile.ZipFile(tmp_path / archive, "w").close()
    return tmp_path


def test_the_archives_inside_the_installed_package_are_taken_off_the_path(package: Path) -> None:
    inside = [str(package / archive) for archive in INSIDE]
    assert without_archives([*inside, str(package), "other.zip"]) == [str(package), "other.zip"]


def test_nothing_changes_where_pyspark_is_only_in_a_zip_or_another_one_is_installed(
    package: Path, tmp_path: Path
) -> None:
    elsewhere = str(tmp_path / "spark" / "python" / "lib" / "pyspark.zip")
    for path in ([elsewhere], [elsewhere, str(package)]):
        assert without_archives(path) == path


@pytest.mark.spark
def test_workers_of_the_job_look_for_modules_in_no_archive(spark: SparkSession) -> None:
    def look(_: object) -> list[str]:
        return [place for place in (*sys.path, *sys.path_importer_cache) if Path(place).is_file()]

    assert spark.sparkContext.parallelize([0], 1).map(look).collect() == [[]]


class Knot:
    """Something that only the garbage collector can free: it refers to itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_outlived_a_task_is_passed_over_until_everything_is_looked_through() -> None:
    tidy = Tidy()
    outlived, fleeting = Knot(), Knot()
    seen = weakref.ref(outlived), weakref.ref(fleeting)
    del fleeting
    try:
        tidy.collect()
        assert seen[1]() is None
        assert gc.get_freeze_count() > 1_000, "the modules are set aside"
        del outlived
        tidy.collect()
        assert seen[0]() is not None, "it was set aside with them"
        for _ in range(LOOKED_THROUGH - 2):
            tidy.collect()
        assert seen[0]() is None
    finally:
        gc.unfreeze()


@pytest.mark.spark
def test_workers_of_the_job_set_aside_what_outlived_a_task(spark: SparkSession) -> None:
    def look(_: object) -> int:
        return gc.get_freeze_count()

    frozen = [spark.sparkContext.parallelize([0], 1).map(look).collect()[0] for _ in range(4)]
    assert max(frozen) > 1_000
