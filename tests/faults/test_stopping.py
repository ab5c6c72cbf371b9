"""Stopping under load, and a backlog after a pause: the job as a process of its own, and batches that stay bounded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from job_rig import make_rig, upload, write_wave
from job_script import Add, Settle, Stage, Start, Stop, play
from pyspark.sql import SparkSession
from reconcile import read_produced, reconcile_lake

pytestmark = [pytest.mark.spark, pytest.mark.slow]

FILES = 8


def fill(stage: Stage) -> list[int]:
    """Add files that hold whole uploads and parts of the next; gives their sizes."""
    sounds = [upload(number, write_wave(number, 1.5), size=16 << 10) for number in range(FILES + 1)]
    for before, after in pairwise(sounds):
        play(stage, Add([*before[2:], *after[:2]]))
    stage.produced.append(stage.rig.put(sounds[0][:2]))
    return [path.stat().st_size for path in stage.produced]


def test_sigterm_to_every_process_under_load_lets_the_batch_finish_and_exits_with_0(
    tmp_path: Path, index: Path, spark: SparkSession
) -> None:
    stage = Stage(make_rig(tmp_path, index), spark)
    fill(stage)
    settings = stage.rig.settings()
    line = [sys.executable, "-m", "streaming.cli", "run", "--partitions", "2", "--trigger-seconds", "0.2"]
    for flag in ("index", "lake", "checkpoint"):
        line += [f"--{flag}", str(getattr(settings, flag))]
    environment = {**os.environ, "SOUNDGATE_MAX_BATCH_BYTES": "1"}
    process = subprocess.Popen(
        [*line, "--source", f"files:{stage.rig.inbox}"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    commits = tmp_path / "checkpoint" / "commits"
    try:
        deadline = time.monotonic() + 400
        while len(list(commits.glob("[0-9]*"))) < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGTERM)  # as systemd does: JVM, Python workers and decoders, too
        _, told = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 0, told
    done = len(list(commits.glob("[0-9]*")))
    assert 2 <= done < FILES, "it was not stopped under load"
    assert len(list((tmp_path / "checkpoint" / "offsets").glob("[0-9]*"))) - done <= 1
    play(stage, Start(), Settle(), Stop())
    account = reconcile_lake(read_produced(stage.produced), tmp_path / "lake")
    assert account.verdicts == FILES
    assert len(account.lost) == 1, "all but the upload that is still in flight"
    assert account.doubled == []


def test_after_a_pause_the_backlog_is_taken_in_bounded_batches(
    tmp_path: Path, index: Path, spark: SparkSession
) -> None:
    stage = Stage(make_rig(tmp_path, index), spark)
    sizes = fill(stage)
    most = int(2.5 * max(sizes))
    play(stage, Start({"max_batch_bytes": most}), Settle())
    assert stage.query is not None
    batches = [each for each in stage.query.recentProgress if each["numInputRows"]]
    play(stage, Stop())
    read = [each["observedMetrics"]["records"]["bytes"] for each in batches]
    assert len(batches) >= len(sizes) // 2
    assert max(read) <= most
    rows = max(len(read_produced([path])) for path in stage.produced)
    assert max(each["numInputRows"] for each in batches) <= 2 * rows
