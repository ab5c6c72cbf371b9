"""The same Spark session and index as the tests of the job have, and a stage for scripts."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

STREAMING = Path(__file__).parents[1] / "streaming"
for folder in (str(STREAMING), str(STREAMING.parent / "udfs")):
    if folder not in sys.path:
        sys.path.append(folder)  # job_rig, rebuilding, audio_files: also when this folder is run alone

# By its path, because every folder's conftest has the same name.
_spec = importlib.util.spec_from_file_location("streaming_fixtures", STREAMING / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
spark, index = _fixtures.spark, _fixtures.index

from job_script import Stage  # noqa: E402 - found only now


@pytest.fixture
def stage(tmp_path: Path, index: Path, spark: SparkSession) -> Iterator[Stage]:
    """Give an empty stage; a job that a failed test leaves running is ended."""
    made = Stage.make(tmp_path, index, spark)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _end_queries(request: pytest.FixtureRequest) -> Iterator[None]:
    """End what a failed test leaves running: the next one's query has the same name."""
    yield
    if "spark" in request.fixturenames:
        for query in request.getfixturevalue("spark").streams.active:
            query.stop()
