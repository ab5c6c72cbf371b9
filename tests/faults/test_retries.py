"""A batch that is done again, by a crash at any of its points or because a reply was lost, changes no table.

SIGKILL itself is in tests/streaming/test_job_crash.py; here the query ends at each point of a batch in turn.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from job_rig import Rig, upload, without_times, write_wave
from job_script import (
    POINTS,
    Action,
    Add,
    Crash,
    Settle,
    Stage,
    Start,
    Stop,
    play,
    same_inbox,
)
from pyspark.sql import SparkSession

from streaming.producer import Record

pytestmark = [pytest.mark.spark, pytest.mark.slow]


def batches() -> list[list[Record]]:
    """Give one batch for each point: in each an upload ends, one begins, one is late, and one record is poison."""
    sounds = [upload(number, write_wave(number, 1.0), size=16 << 10) for number in range(1, len(POINTS) + 2)]
    made = []
    for number in range(len(POINTS)):
        late = sounds[number - 1][:1] if number else []
        made.append([*sounds[number][1:], *sounds[number + 1][:1], *late, Record("eve/poison", f"{number}".encode())])
    made[0] = [*sounds[0][:1], *made[0]]
    return made


def same_tables(rig: Rig, other: Rig) -> None:
    """Hold that two lakes have the same rows, all columns but the times; where tracks are stored names the lake."""
    for name in ("verdicts", "rejections"):
        rows, others = (moved(without_times(each.table(name)), each) for each in (rig, other))
        assert rows == others


def moved(rows: list[dict[str, object]], rig: Rig) -> list[dict[str, object]]:
    """Say where stored tracks are relative to the lake."""
    for row in rows:
        if isinstance(row.get("stored_at"), str):
            row["stored_at"] = str(row["stored_at"]).replace(str(rig.root), "")
    return sorted(rows, key=repr)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory, index: Path, spark: SparkSession) -> Stage:
    """Crash the job at every point once, a batch each."""
    stage = Stage.make(tmp_path_factory.mktemp("crashed"), index, spark)
    script: list[Action] = []
    for point, batch in zip(POINTS, batches(), strict=True):
        script += [Add(batch), Start(), Crash(point)]
    play(stage, *script, Start(), Settle(), Stop())
    return stage


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory: pytest.TempPathFactory, index: Path, spark: SparkSession, crashed: Stage) -> Stage:
    """Run a job over the same files without a fault, and stop and start it in between."""
    stage = Stage.make(tmp_path_factory.mktemp("unharmed"), index, spark)
    same_inbox(stage.rig, crashed.produced)
    stage.produced = crashed.produced
    play(stage, Start(), Settle(), Stop())
    return stage


def test_crashed_at_every_point_the_tables_are_those_of_a_job_that_never_was(crashed: Stage, unharmed: Stage) -> None:
    same_tables(crashed.rig, unharmed.rig)
    assert crashed.rig.in_flight() == unharmed.rig.in_flight() == 1
    assert len(crashed.rig.verdicts()) == len(POINTS)
    assert len(crashed.rig.rejections()) == len(POINTS) + len(POINTS) - 1  # the poison, and what was late


def test_a_batch_that_spark_hands_over_twice_is_in_the_tables_once(unharmed: Stage) -> None:
    commits = unharmed.rig.root / "checkpoint" / "commits"
    last = max(commits.glob("[0-9]*"), key=lambda path: int(path.name))
    before = [unharmed.rig.table(name).num_rows for name in ("verdicts", "rejections")]
    for path in (last, commits / f".{last.name}.crc"):
        path.unlink(missing_ok=True)
    play(unharmed, Start(), Settle(), Stop())
    assert [unharmed.rig.table(name).num_rows for name in ("verdicts", "rejections")] == before
