"""A standalone cluster of a master and two workers on loopback loses executors; the tables are right.

The driver is this file, run as a program: it kills one executor while a batch is judged, and one between the batch's
staged rows and the tables.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

sys.path += [str(Path(__file__).parent), *(str(Path(__file__).parents[1] / name) for name in ("streaming", "udfs"))]

import pyspark
import pytest
from job_rig import make_rig, upload, upload_id, write_wave
from job_script import arm
from reconcile import read_produced, reconcile_lake

from streaming.producer import Record
from streaming.settings import Settings

pytestmark = [pytest.mark.spark, pytest.mark.slow]

HOME = Path(pyspark.__file__).parent
UPLOADS = 6


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start a master and two workers; gives the master's address."""
    folder.mkdir()
    environment = {
        **os.environ,
        "SPARK_HOME": str(HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(folder / "work"),
        "SPARK_DAEMON_MEMORY": "256m",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_DIRS": str(folder / "local"),
    }
    started: list[subprocess.Popen[bytes]] = []

    def launch(name: str, *arguments: str) -> Path:
        log = folder / f"{name}{len(started)}.log"
        line = [str(HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{name.lower()}.{name}", *arguments]
        with log.open("wb") as output:
            started.append(
                subprocess.Popen(line, env=environment, stdout=output, stderr=output, start_new_session=True)
            )
        return log

    try:
        log = launch("Master", "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        address = wait_for(log, r"Starting Spark master at (spark://\S+)")
        for _ in range(2):
            launch("Worker", "--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", "1g", address)
        wait_for(log, r"(?s)Registering worker.*Registering worker")
        yield address
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(log: Path, pattern: str) -> str:
    """Wait until a log says something; gives the first group, or all of it."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found[found.re.groups and 1]
        time.sleep(0.1)
    raise AssertionError(f"never said {pattern}: {log.read_text(errors='replace')[-2000:]}")


def test_executors_lost_in_a_batch_and_before_its_tables_change_nothing(tmp_path: Path, index: Path) -> None:
    rig = make_rig(tmp_path, index)
    settings = rig.settings(drain=True, max_batch_bytes=1 << 30)
    sounds = [upload(number, write_wave(number, 2.0)) for number in range(UPLOADS)]
    files = [
        rig.put([*sounds[0], *sounds[1], *sounds[2][:1], Record("eve/poison", b"one")]),
        rig.put([*sounds[2][1:], *(each for sound in sounds[3:] for each in sound), Record("eve/poison", b"two")]),
    ]
    settings = rig.settings(drain=True)
    with cluster(tmp_path / "cluster") as address:
        driver = subprocess.run(
            [sys.executable, __file__, address, settings.model_dump_json()],
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
    assert driver.returncode == 0, driver.stderr[-3000:]
    assert driver.stdout.split() == ["killed", "killed"], driver.stdout
    account = reconcile_lake(read_produced(files), tmp_path / "lake")
    assert account.balanced, account
    assert {row["decision"] for row in rig.verdicts().values()} == {"accept"}
    assert set(rig.verdicts()) == {upload_id(number) for number in range(UPLOADS)}


def kill_an_executor() -> None:
    """Kill one executor of this cluster: a worker starts each in a folder of its own below the cluster's."""
    ours = Path(Settings.model_validate_json(sys.argv[2]).checkpoint).parent / "cluster"
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""
            if b"CoarseGrainedExecutorBackend" in line and (folder / "cwd").readlink().is_relative_to(ours):
                os.kill(int(folder.name), signal.SIGKILL)
                print("killed", flush=True)
                return


def kill_soon() -> None:
    """Kill one while the plan runs."""
    threading.Timer(0.7, kill_an_executor).start()


def drive() -> None:
    """Run the job on the cluster, losing executors."""
    from streaming.run import run
    from streaming.session import start_session

    spark = start_session(
        2,
        {
            "spark.master": sys.argv[1],
            "spark.executor.memory": "512m",
            "spark.executor.cores": "1",
            "spark.cores.max": "2",
            "spark.local.dir": str(Path(Settings.model_validate_json(sys.argv[2]).checkpoint).parent / "local"),
        },
    )
    arm("before the rows are staged", kill_soon)
    arm("before rejections", kill_an_executor)
    run(Settings.model_validate_json(sys.argv[2]), spark)


if __name__ == "__main__":
    drive()
