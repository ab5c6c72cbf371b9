"""A job killed with SIGKILL mid-batch and started again leaves the tables of a job that was never killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from job_rig import Rig, make_rig, upload, upload_id, without_times, write_wave
from pyspark.sql import SparkSession

from streaming.batch import BatchWriter
from streaming.producer import Record
from streaming.settings import Settings
from streaming.sinks import REJECTIONS, Lake
from streaming.staging import Staging

pytestmark = pytest.mark.spark

# Where the driver is killed, by name: (class, method, whether before or after it, in which batch).
POINTS = {
    "before the rows are staged": (Staging, "write", "before", 1),
    "between verdicts and rejections": (Lake, "append", "before", 1),
    "after both tables, before the commit": (BatchWriter, "write", "after", 1),
}


def batches() -> tuple[list[Record], list[Record]]:
    """Give two batches: in the second, uploads of the first end, one conflicts, one is late, one begins."""
    spread, other, third = upload(1, write_wave(4)), upload(2, write_wave(5)), upload(3, write_wave(6))
    first = [*spread[:3], *other, *third[:2], Record("eve/poison", b"first")]
    second = [*spread[3:], *other[:1], *third[2:4], Record("eve/poison", b"second"), *upload(4, write_wave(3))]
    return first, second


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory: pytest.TempPathFactory, index: Path, spark: SparkSession) -> Rig:
    """Run the job over both batches without a crash."""
    return finish(make_rig(tmp_path_factory.mktemp("unharmed"), index), spark)


def finish(rig: Rig, spark: SparkSession) -> Rig:
    """Put what is missing of the batches and run the job over them; one upload stays in flight."""
    for batch in batches()[len(list(rig.inbox.glob("*.parquet"))) :]:
        rig.put(batch)
    rig.work(spark)
    return rig


@pytest.mark.parametrize("point", list(POINTS))
def test_killed_and_started_again_the_tables_are_those_of_a_job_never_killed(
    tmp_path: Path, index: Path, spark: SparkSession, unharmed: Rig, point: str
) -> None:
    rig = make_rig(tmp_path, index)
    for batch in batches():
        path = rig.put(batch)
        number = len(list(rig.inbox.glob("*.parquet"))) - 1
        # Sequence numbers are in the rows, so both jobs have to read the same records.
        path.write_bytes(sorted(unharmed.inbox.glob("*.parquet"))[number].read_bytes())
        os.utime(path, (1_700_000_000 + number,) * 2)
    died = run_until_killed(rig.settings(), point)
    assert died == -signal.SIGKILL
    assert len(list((tmp_path / "checkpoint" / "commits").glob("[0-9]*"))) == POINTS[point][3]
    finish(rig, spark)
    for name in ("verdicts", "rejections"):
        moved = str(rig.root / "lake"), str(unharmed.root / "lake")
        again = [{**row, **move(row, *moved)} for row in without_times(rig.table(name))]
        assert sorted(again, key=repr) == without_times(unharmed.table(name))
    assert rig.in_flight() == unharmed.in_flight() == 1
    assert set(rig.verdicts()) == {upload_id(1), upload_id(2), upload_id(4)}


def move(row: dict[str, object], source: str, target: str) -> dict[str, object]:
    """Say where a stored track would be in the other lake."""
    return {"stored_at": row["stored_at"].replace(source, target)} if isinstance(row.get("stored_at"), str) else {}


def run_until_killed(settings: Settings, point: str) -> int:
    """Run the job in a process group of its own that kills itself at a point; gives how it ended."""
    script = Path(__file__)
    line = [sys.executable, str(script), point, settings.model_dump_json()]
    log = Path(settings.checkpoint).parent / "killed.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            line, start_new_session=True, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            return process.wait(timeout=400)
        finally:
            process.kill()


def kill_at(point: str) -> None:
    """Arm a point: when it is reached in its batch, this whole process group is killed, the JVM included."""
    owner, method, when, batch_id = POINTS[point]
    original = getattr(owner, method)

    def armed(*arguments: object) -> object:
        here = arguments[-1] == batch_id and (owner is not Lake or REJECTIONS in arguments)
        if here and when == "before":
            os.killpg(0, signal.SIGKILL)
        result = original(*arguments)
        if here:
            os.killpg(0, signal.SIGKILL)
        return result

    setattr(owner, method, armed)


if __name__ == "__main__":
    from streaming.run import run

    kill_at(sys.argv[1])
    run(Settings.model_validate_json(sys.argv[2]))
