"""A flood of uploads that never complete: the timeout is shortened, others are judged, and the state drains.

FAULT_FLOOD=1000000 pytest tests/faults/test_flood.py      # a million instead of 20,000
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from job_rig import records, upload, upload_id, write_wave
from job_script import Add, Advance, Settle, Stage, Start, Stop, play
from process_memory import resident
from pyspark.sql import SparkSession
from rebuilding import make_chunks

from streaming.lake_reader import open_table, query
from streaming.metrics import Counted
from streaming.producer import Record

pytestmark = pytest.mark.spark

FLOOD, HONEST, SECOND = 1_000_000, 1, 2
BOUND = 100
FILE = 10_000  # records; a writer of record files begins a new one behind so many
ONE_KEY = "mallory/one key for all"


def flood(first: int, number: int) -> list[Record]:
    """Give first chunks of uploads whose second never comes, half of them under one key."""
    made = []
    for upload_number in range(first, first + number):
        key = ONE_KEY if upload_number % 2 else f"bot{upload_number}/x"
        made += records(make_chunks(b"0123456789" * 20, 100, upload_id(upload_number))[:1], key)
    return made


def play_flood(stage: Stage, number: int, waves: int, shortened_seconds: int) -> list[int]:
    """Pour the flood in waves, honest uploads among it, and let time pass; gives memory after each wave.

    All waves together have to take less real time than a shortened timeout, else the first of them are over already.
    """
    honest, second = upload(HONEST, write_wave(HONEST)), upload(SECOND, write_wave(SECOND))
    size, memory = number // waves, []
    play(stage, Add(honest[:2]), Start(), Settle())
    assert stage.job is not None
    seen: list[Counted] = []
    stage.job.writer.observers.append(lambda _, counted: seen.append(counted))
    for wave in range(waves):
        parts = range(wave * size, wave * size + size, FILE)
        play(stage, *(Add(flood(FLOOD + part, min(FILE, wave * size + size - part))) for part in parts), Settle())
        memory.append(resident())
    assert max(counted.in_flight for counted in seen) == waves * size + 1
    play(stage, Add([*honest[2:], *second]), Settle(), Advance(shortened_seconds + 1), Settle())
    assert [counted.shortened for counted in seen][-1] is False  # half of the bound is not open any more
    assert any(counted.shortened for counted in seen)
    play(stage, Stop())
    return memory


def check(stage: Stage, number: int, shortened_seconds: int) -> None:
    """Hold what is true after any flood; counted where the rows are, since a million of them fill a memory."""
    why = f"no new chunk within {shortened_seconds} s, shortened"
    counted = query(
        open_table(str(stage.rig.root / "lake"), "verdicts"),
        f"SELECT decision, count(*) AS number, count(DISTINCT upload_id) AS uploads, "  # noqa: S608 - ours
        f"sum(CASE WHEN evidence LIKE '%{why}%' THEN 1 ELSE 0 END) AS shortened FROM lake GROUP BY 1 ORDER BY 1",
    )
    accepted, incomplete = counted
    assert accepted == {"decision": "accept", "number": 2, "uploads": 2, "shortened": 0}
    assert incomplete == {"decision": "incomplete", "number": number, "uploads": number, "shortened": number}
    assert stage.rig.in_flight() == 0
    assert stage.rig.rejections() == []


@pytest.mark.timeout(0)
def test_in_a_flood_the_timeout_shrinks_others_are_judged_memory_stays_and_the_state_drains(
    tmp_path: Path, index: Path, spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    number = int(os.environ.get("FAULT_FLOOD", "20000"))
    timeout = 18_000.0 * max(1, number // 200_000)
    stage = Stage.make(
        tmp_path, index, spark, max_open_uploads=BOUND, timeout_seconds=timeout, max_open_seconds=timeout
    )
    memory = play_flood(stage, number, waves=5, shortened_seconds=round(timeout / 10))
    told = capsys.readouterr().err
    with capsys.disabled():
        print(f"{number} uploads; memory after each wave, MB: {[size >> 20 for size in memory]}")
    check(stage, number, shortened_seconds=round(timeout / 10))
    assert memory[-1] < memory[1] * 1.25 + (200 << 20)
    assert f"over max_open_uploads = {BOUND}" in told
    assert "whole timeout again" in told
