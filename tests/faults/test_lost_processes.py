"""Processes of the job die while it runs: the decoder, and the Python workers; the tables are right."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest
from job_rig import upload, upload_id, write_wave
from job_script import Add, Settle, Stage, Start, Stop, play
from process_memory import processes
from reconcile import read_produced, reconcile_lake

pytestmark = [pytest.mark.spark, pytest.mark.slow]

NUMBER = 12


def kill_while(working: Callable[[], None], name: str, number: signal.Signals) -> int:
    """Do something while every process of a name that appears is sent a signal, a few times; gives how often."""
    done, sent = threading.Event(), []

    def hunt() -> None:
        while not done.is_set() and len(sent) < 3:
            for pid, (shown, _) in processes().items():
                if name in shown and pid not in sent and len(sent) < 3:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
                        sent.append(pid)
            time.sleep(0.02)

    thread = threading.Thread(target=hunt)
    thread.start()
    try:
        working()
    finally:
        done.set()
        thread.join()
    return len(sent)


def test_a_decoder_killed_under_a_track_costs_that_track_at_most(stage: Stage) -> None:
    records = [record for number in range(1, NUMBER) for record in upload(number, write_wave(number, 1.0))]
    play(stage, Add(records))
    killed = kill_while(lambda: play(stage, Start(), Settle(), Stop()), "decode_worker", signal.SIGKILL)
    assert killed
    verdicts = stage.rig.verdicts()
    assert set(verdicts) == {upload_id(number) for number in range(1, NUMBER)}
    died = [row for row in verdicts.values() if row["decision"] != "accept"]
    assert len(died) <= killed
    assert {reason for row in died for reason in row["reasons"]} <= {"error.decoder_died", "error.decoder"}
    assert reconcile_lake(read_produced(stage.produced), stage.rig.root / "lake").balanced


def test_a_python_worker_killed_as_by_the_kernel_is_replaced_and_its_task_done_again(stage: Stage) -> None:
    records = [record for number in range(1, NUMBER) for record in upload(number, write_wave(number, 1.0))]
    play(stage, Start(), Settle(), Add(records))  # the workers are there before the batch that loses them
    killed = kill_while(lambda: play(stage, Settle(), Stop()), "spark_daemon", signal.SIGKILL)
    assert killed
    verdicts = stage.rig.verdicts()
    assert {row["decision"] for row in verdicts.values()} == {"accept"}
    assert reconcile_lake(read_produced(stage.produced), stage.rig.root / "lake").balanced
