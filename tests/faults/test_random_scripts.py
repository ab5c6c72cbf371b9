"""Random scripts of add, start, stop, crash and passing time end in the same tables, whatever their order.

pytest tests/faults/test_random_scripts.py -m slow   # FAULT_SCRIPTS says how many, FAULT_SEED from which on
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from job_rig import upload, upload_id, write_wave
from job_script import POINTS, Action, Add, Advance, Crash, Settle, Stage, Start, Stop, play
from pyspark.sql import SparkSession
from reconcile import read_produced, reconcile_lake

from streaming.producer import Record
from streaming.rejections import Code

pytestmark = pytest.mark.spark

UPLOADS = 6
TORN = 99
# What may differ between two orders of the same records: provenance, and which of two rivals came first.
FACTS = ("upload_id", "decision", "reasons", "sha256", "content", "identity", "chunks_received")


def everything() -> list[Record]:
    """Give the records of all scripts: whole uploads, duplicates, a torn one, poison."""
    sounds = [upload(number, write_wave(number, 1.0), size=12 << 10) for number in range(1, UPLOADS + 1)]
    torn = upload(TORN, write_wave(TORN, 1.0), size=12 << 10)
    poison = [Record("eve/poison", f"poison {number}".encode()) for number in range(4)]
    return [*(record for sound in sounds for record in sound), *sounds[0][1:2], *torn[:-1], *poison]


def write_script(seed: int) -> list[Action]:
    """Write a script in which every record is added before any upload's time is over, and all else is by chance."""
    chance = random.Random(seed)
    left = everything()
    chance.shuffle(left)
    script: list[Action] = []
    running = False
    while left:
        step = chance.choice(["add", "add", "start", "stop", "crash", "settle", "wait"])
        if step == "add":
            size = chance.randint(1, 12)
            script.append(Add(left[:size]))
            left = left[size:]
        elif step == "start" and not running:
            script.append(Start())
            running = True
        elif step == "stop" and running:
            script.append(Stop())
            running = False
        elif step == "settle" and running:
            script.append(Settle())
        elif step == "crash" and running and left:
            # Poison makes a batch write to both tables, so that each point is passed.
            mark = Record("eve/poison", f"for a crash {seed} {len(script)}".encode())
            script += [Add([mark]), Crash(chance.choice([point for point in POINTS if "verdicts" not in point]))]
            running = False
    script += [] if running else [Start()]
    return [*script, Settle(), Advance(601), Settle(), Stop()]


def outcome(stage: Stage) -> tuple[list[Any], list[Any]]:
    """Give what the tables hold, less what the order decides: whether a copy came before its upload's end or behind it.

    Before, the verdict counts it; behind, it is rejected as late. It is one of the two.
    """
    rejections = [row for row in stage.rig.rejections() if not row["data"].startswith(b"for a crash")]
    late = Counter(row["upload_id"] for row in rejections if row["reason"] == Code.LATE)
    verdicts = sorted(
        (*(repr(row[name]) for name in FACTS), row["chunks_duplicate"] + late[row["upload_id"]])
        for row in stage.rig.verdicts().values()
    )
    return verdicts, sorted((row["reason"], row["data"]) for row in rejections if row["reason"] != Code.LATE)


EXPECTED = {
    **{upload_id(number): "accept" for number in range(1, UPLOADS + 1)},
    upload_id(TORN): "incomplete",
}


def play_script(stage: Stage, seed: int) -> tuple[list[Any], list[Any]]:
    play(stage, *write_script(seed))
    account = reconcile_lake(read_produced(stage.produced), stage.rig.root / "lake")
    assert account.balanced, (seed, account)
    assert {name: row["decision"] for name, row in stage.rig.verdicts().items()} == EXPECTED, seed
    return outcome(stage)


@pytest.mark.parametrize("seed", [1])
def test_whatever_the_script_the_tables_are_the_same(stage: Stage, seed: int) -> None:
    play_script(stage, seed)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_hundreds_of_scripts_end_in_the_same_tables(tmp_path: Path, index: Path, spark: SparkSession) -> None:
    number = int(os.environ.get("FAULT_SCRIPTS", "200"))
    start = int(os.environ.get("FAULT_SEED", "1000"))
    first = None
    for seed in range(start, start + number):
        stage = Stage.make(tmp_path / str(seed), index, spark)
        found = play_script(stage, seed)
        first = first or found
        assert found == first, seed
        print(f"script {seed}: {len(stage.produced)} files", flush=True)
        shutil.rmtree(stage.rig.root)
