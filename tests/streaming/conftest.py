"""One Spark session for all tests, and one small reference index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from job_rig import KNOWN, write_wave
from pyspark.sql import SparkSession

from references.build import build_index
from streaming.local_kinesis import CREDENTIALS
from streaming.session import start_session


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Give the session: two cores, two state partitions, let in by a local Kinesis server."""
    local = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:  # Spark's Python workers get the environment of the JVM's start
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        session = start_session(2, {"spark.master": "local[2,4]", "spark.local.dir": str(local)})
    yield session
    session.stop()


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an index that knows one recording, `job_rig.KNOWN`."""
    folder = tmp_path_factory.mktemp("index")
    recording = folder / "known-song.wav"
    recording.write_bytes(write_wave(KNOWN))
    build_index([recording], folder / "index")
    return folder / "index"
