"""Measure the job: reading, rebuilding, judging; what a batch costs, and what grows with what.

    python tests/bench/pipeline.py [--only rebuild|growth|job] [--megabytes N] [--tracks N] [--json]

Everything is measured in one run and one JVM, after a first pass that warms both up, and as CPU seconds of the whole
process tree as well as by the clock: on a busy machine only the former means anything. Uploads are generated, in chunks
of 256 KiB; record files hold 32 MiB. Reading and rebuilding take one file a batch, and then the default size. The whole
job runs over a backlog with the product's own settings, but for the number of partitions: steady state is the second
half of its batches, since the JVM spends the first minute on compiling itself.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "streaming"))

import pandas as pd
import pyarrow.parquet as pq
from job_rig import write_wave
from process_meter import Usage, measure
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import LongType
from rebuilding import make_chunks

from references.build import build_index
from streaming.assemble import Assembler
from streaming.judge import JudgeOpener
from streaming.metrics import OBSERVED
from streaming.pipeline import open_spool, read_facts, rebuild
from streaming.producer import Record
from streaming.record_files import RecordFileWriter
from streaming.run import Job
from streaming.session import start_session
from streaming.settings import Settings, load_settings
from streaming.sources import group_records, read_records
from streaming.wire_v1 import encode_v1
from udfs.samples import DecodeLimits
from udfs.track import Track

PARTS = ("rebuild", "growth", "job")
MB = 1e6
CHUNK = 256 << 10
LOOK_SECONDS = 0.25
CORES = 2
BATCH_FILE = 32 << 20  # about one record file
LARGE_BATCHES = 5  # times as many megabytes for the batches of default size
SOUNDS = 50  # different ones; a longer backlog brings them again under other upload ids
LOOP_ROUNDS = 3
MIN_BATCHES, EMPTY_BATCHES = 4, 6
ENDLESS = 1 << 60  # a batch that never comes
SECONDS_A_TRACK = 60.0  # of mono sound at 22,050 Hz: 2.6 MB, eleven chunks


@dataclass(frozen=True)
class Cost:
    """What some of a query's batches cost, the first ones left out."""

    name: str
    megabytes: float
    chunks: int
    batches: int
    seconds: float
    cpu_seconds: float

    @property
    def speed(self) -> float:
        """MB a second by the clock."""
        return self.megabytes / self.seconds

    @property
    def cpu_a_chunk_ms(self) -> float:
        """CPU milliseconds a chunk."""
        return 1000 * self.cpu_seconds / self.chunks


def write_uploads(folder: Path, uploads: int, chunks: int, at_a_time: int, size: int = CHUNK) -> Path:
    """Write uploads of random bytes as record files, `at_a_time` of them interleaved chunk by chunk."""
    source = random.Random(1)

    def records() -> Iterator[Record]:
        for start in range(0, uploads, at_a_time):
            open_now = [
                make_chunks(source.randbytes(chunks * size), size, str(uuid.UUID(int=source.getrandbits(128))))
                for _ in range(start, min(uploads, start + at_a_time))
            ]
            for index in range(chunks):
                for number, upload in enumerate(open_now, start):
                    yield Record(f"user{number}/track{number}", encode_v1(upload[index]))

    RecordFileWriter(folder).write(records())
    return folder


def settings_for(folder: Path, work: Path, **more: int) -> Settings:
    """Give the settings of a job over a folder; the product's own, but for the number of partitions and `more`."""
    checkpoint = work / f"checkpoint-{folder.name}"  # one reads the same source for ever
    places = {"lake": str(work / "lake"), "checkpoint": str(checkpoint), "index": work / "index"}
    return load_settings({"source": f"files:{folder}", **places, "partitions": CORES, **more})


def run_query(
    name: str, query_of: DataFrame, folder: Path, work: Path, warm: int = 3, after: Callable[[int], None] | None = None
) -> Cost:
    """Run a query over all record files into nothing; the first `warm` batches are not counted.

    `after` is called with each batch that is done, while the next one runs.
    """
    files = list(folder.glob("*.parquet"))
    chunk_bytes, chunks = sum(file.stat().st_size for file in files), sum(map(count_rows, files))
    checkpoint = work / f"query-{uuid.uuid4()}"  # the state store may still be tidying up behind an earlier query
    query = (
        query_of.writeStream.format("noop")
        .option("checkpointLocation", str(checkpoint))
        .trigger(processingTime="0 seconds")
        .start()
    )
    marks: dict[int, tuple[float, Usage]] = {}
    rows: dict[int, int] = {}
    while sum(rows.values()) < chunks:
        time.sleep(LOOK_SECONDS)
        if query.exception() is not None:
            raise RuntimeError(f"{name}: {query.exception()}")
        for progress in query.recentProgress:
            if progress["numInputRows"] and progress["batchId"] not in rows:
                rows[progress["batchId"]] = progress["numInputRows"]
                marks[progress["batchId"]] = (time.monotonic(), measure())
                if after is not None:
                    after(progress["batchId"])
    query.stop()
    batches = sorted(rows)
    first, last = marks[batches[warm - 1]], marks[batches[-1]]
    counted = batches[warm:]
    done = sum(rows[batch] for batch in counted)
    cost = Cost(
        name,
        chunk_bytes * done / chunks / MB,
        done,
        len(counted),
        last[0] - first[0],
        last[1].cpu_seconds - first[1].cpu_seconds,
    )
    print(f"{name}: {cost.speed:.1f} MB/s, {cost.cpu_a_chunk_ms:.2f} CPU ms a chunk", file=sys.stderr)
    return cost


def count_rows(file: Path) -> int:
    """Count a record file's records."""
    return int(pq.ParquetFile(file).metadata.num_rows)


@pandas_udf(LongType())
def length(data: pd.Series) -> pd.Series:
    """Take the bytes to Python and do nothing with them: what crossing over costs."""
    return data.map(len)


def rebuilt(records: DataFrame, settings: Settings) -> DataFrame:
    """Rebuild, and take each track's bytes, joined and checked, to the process that would judge it."""
    assembler = Assembler(open_spool(settings).read, settings.max_upload_bytes)

    @pandas_udf(LongType())
    def fetch(recipes: pd.Series) -> pd.Series:
        return recipes.map(lambda recipe: None if recipe is None else len(assembler(recipe)))

    return read_facts(rebuild(group_records(records), settings, ())).select("kind", fetch("facts.recipe"))


def measure_rebuild(spark: SparkSession, work: Path, megabytes: int) -> list[Cost]:
    """Compare reading, a plain pandas UDF and the rebuild.

    For batches of one record file, with uploads within a batch and spread over all of them; and for batches of the
    product's own size.
    """
    uploads = max(8, round(megabytes * MB / (20 * CHUNK)))
    folders = {
        f"whole, {BATCH_FILE >> 20} MiB a batch": (write_uploads(work / "whole", uploads, 20, 1), BATCH_FILE),
        f"spread, {BATCH_FILE >> 20} MiB a batch": (write_uploads(work / "spread", uploads, 20, uploads), BATCH_FILE),
        "whole, default batches": (write_uploads(work / "large", LARGE_BATCHES * uploads, 20, 1), None),
    }
    costs = []
    for number, (name, (folder, batch_bytes)) in enumerate([next(iter(folders.items())), *folders.items()]):
        settings = settings_for(folder, work, **({"max_batch_bytes": batch_bytes} if batch_bytes else {}))
        records, warm = read_records(spark, settings), 3 if batch_bytes else 2
        # As the job does: an upload that is whole in a batch, or begun in it, needs nothing older.
        forget = None if "spread" in name else partial(open_spool(settings).forget, begun=ENDLESS)
        round_costs = [
            run_query("no-op read", records, folder, work, warm),
            run_query("pandas UDF", records.select(length("data")), folder, work, warm),
            run_query(f"rebuild, uploads {name}", rebuilt(records, settings), folder, work, warm, forget),
        ]
        costs += round_costs if number else []  # the first round warms up
    return costs


def measure_growth(spark: SparkSession, work: Path) -> dict[str, tuple[Cost, Cost]]:
    """Give the rebuild's cost for few and many chunks a track, and for few and many uploads in flight."""
    cases = {
        "10 to 100 chunks a track": ((160, 10, 160), (16, 100, 16)),
        "10 to 1,000 uploads in flight": ((2_000, 10, 10), (2_000, 10, 1_000)),
    }
    growth = {}
    for name, (small, large) in cases.items():
        size = CHUNK if "chunks" in name else 16 << 10
        pair = []
        for number, (uploads, chunks, at_a_time) in enumerate((small, large)):
            folder = write_uploads(work / f"{abs(hash(name))}-{number}", uploads, chunks, at_a_time, size)
            settings = settings_for(folder, work, max_batch_bytes=BATCH_FILE)
            records = read_records(spark, settings)
            pair.append(run_query(name, rebuilt(records, settings), folder, work, warm=2))
        growth[name] = (pair[0], pair[1])
    return growth


def measure_job(spark: SparkSession, work: Path, tracks: int) -> dict[str, float]:
    """Compare the whole job with a plain loop that judges the same tracks on two processes, without Spark."""
    sounds = [write_wave(seed, SECONDS_A_TRACK) for seed in range(min(tracks, SOUNDS))]
    known = work / "known.wav"
    known.write_bytes(sounds[0])
    build_index([known], work / "index")
    inbox = work / "inbox"
    RecordFileWriter(inbox).write(
        Record(f"user/track {number}", encode_v1(chunk))
        for number in range(tracks)
        for chunk in make_chunks(sounds[number % len(sounds)], CHUNK, str(uuid.UUID(int=number + 1)))
    )
    places = {"lake": str(work / "job/lake"), "checkpoint": str(work / "job/checkpoint"), "index": work / "index"}
    settings = load_settings({"source": f"files:{inbox}", **places, "partitions": CORES})
    measured = run_job(spark, settings, len(list(inbox.glob("*.parquet"))))
    loop_speed, loop_cpu = run_loop(work / "index", sounds)
    return {
        **measured,
        "plain loop MB/s": loop_speed,
        "plain loop CPU ms/MB": loop_cpu,
        "job / loop": measured["whole job MB/s"] / loop_speed,
        "loop CPU / job CPU": loop_cpu / measured["whole job CPU ms/MB"],
    }


def run_job(spark: SparkSession, settings: Settings, files: int) -> dict[str, float]:
    """Run the job over its record files, then some empty batches; the first half of the batches is not counted."""
    job = Job(spark, settings)
    query = job.start()
    rows = bytes_done = 0
    marks: list[tuple[float, float, float, float]] = []  # of each batch: bytes so far, clock, CPU, its own seconds
    empty: list[tuple[float, float]] = []
    seen = -1
    while len(empty) < EMPTY_BATCHES:
        time.sleep(LOOK_SECONDS / 5)
        if query.exception() is not None:
            raise RuntimeError(str(query.exception()))
        progress: Any = query.lastProgress
        if progress is None or progress["batchId"] == seen:
            continue
        seen = progress["batchId"]
        seconds = progress["durationMs"]["triggerExecution"] / 1000
        cpu = measure().cpu_seconds
        rows += progress["numInputRows"]
        bytes_done += (progress["observedMetrics"].get(OBSERVED) or {"bytes": 0})["bytes"] or 0
        if progress["numInputRows"]:
            marks.append((bytes_done, time.monotonic(), cpu, seconds))
            print(f"batch {seen}: {seconds:.2f} s, {cpu - marks[max(0, len(marks) - 2)][2]:.1f} CPU s", file=sys.stderr)
        elif marks:
            empty.append((seconds, cpu))
    job.stop()
    if len(marks) < 2 * MIN_BATCHES:
        raise RuntimeError(f"{len(marks)} batches are not a steady state: say more --tracks")
    first, last, counted = marks[len(marks) // 2 - 1], marks[-1], len(marks) - len(marks) // 2
    megabytes = (last[0] - first[0]) / MB
    return {
        "batches counted": counted,
        "MB a batch": megabytes / counted,
        "whole job MB/s": megabytes / (last[1] - first[1]),
        "whole job CPU ms/MB": 1000 * (last[2] - first[2]) / megabytes,
        "empty batch s": sum(seconds for seconds, _ in empty[1:]) / (len(empty) - 1),
        "empty batch CPU s": (empty[-1][1] - empty[0][1]) / (len(empty) - 1),
    }


_judge: Any = None


def open_judge(index: Path) -> None:
    """Open what a worker of the job opens."""
    global _judge
    _judge = JudgeOpener(index, DecodeLimits())()


def judge(data: bytes) -> str:
    """Judge one track."""
    return str(_judge.classifier.classify(Track(data)).decision)


def run_loop(index: Path, sounds: list[bytes]) -> tuple[float, float]:
    """Judge all tracks in a pool of two processes; MB/s and CPU ms a MB, without the processes' start."""
    with multiprocessing.get_context("spawn").Pool(CORES, partial(open_judge, index)) as pool:
        pool.map(judge, sounds[: 2 * CORES], chunksize=1)
        started, cpu = time.monotonic(), measure().cpu_seconds
        pool.map(judge, sounds * LOOP_ROUNDS, chunksize=1)
        megabytes = LOOP_ROUNDS * sum(map(len, sounds)) / MB
        return megabytes / (time.monotonic() - started), 1000 * (measure().cpu_seconds - cpu) / megabytes


def describe_costs(costs: list[Cost]) -> Iterator[str]:
    """Write the costs of reading and rebuilding for people."""
    yield f"{'':32} {'MB/s':>8} {'CPU ms/chunk':>13} {'s/batch':>8}"
    for cost in costs:
        seconds = cost.seconds / cost.batches
        yield f"{cost.name:32} {cost.speed:8.1f} {cost.cpu_a_chunk_ms:13.2f} {seconds:8.2f}"
    plain = [cost for cost in costs if cost.name == "pandas UDF"]
    for udf, cost in zip(plain, (each for each in costs if each.name.startswith("rebuild")), strict=True):
        yield f"{cost.name}: {cost.cpu_a_chunk_ms / udf.cpu_a_chunk_ms:.2f} x the pandas UDF's CPU (target 2)"


def describe_growth(growth: dict[str, tuple[Cost, Cost]]) -> Iterator[str]:
    """Write what grows with what for people."""
    for name, (small, large) in growth.items():
        ratio = large.cpu_a_chunk_ms / small.cpu_a_chunk_ms
        yield f"{name}: {small.cpu_a_chunk_ms:.2f} -> {large.cpu_a_chunk_ms:.2f} CPU ms a chunk ({ratio:.2f} x)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part alone; may be repeated")
    parser.add_argument("--megabytes", type=int, default=400, help="how much the rebuild is measured over")
    parser.add_argument("--tracks", type=int, default=1_100, help="how many tracks the whole job judges")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    said = parser.parse_args()
    parts = said.only or PARTS
    result: dict[str, Any] = {}
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="soundgate-bench-") as folder:
        work = Path(folder)
        spark = start_session(CORES, {"spark.master": f"local[{CORES}]", "spark.local.dir": str(work / "spark")})
        if "rebuild" in parts:
            costs = measure_rebuild(spark, work, said.megabytes)
            result["costs"] = [cost.__dict__ for cost in costs]
            lines += describe_costs(costs)
        if "growth" in parts:
            growth = measure_growth(spark, work)
            result["growth"] = {name: [cost.cpu_a_chunk_ms for cost in pair] for name, pair in growth.items()}
            lines += describe_growth(growth)
        if "job" in parts:
            result["job"] = measure_job(spark, work, said.tracks)
            lines += [f"{name:32} {value:8.2f}" for name, value in result["job"].items()]
        result["peak_bytes"] = peaks = measure().peak_bytes
        spark.stop()
    lines += [f"{'peak memory, ' + kind:32} {peak / MB:8.0f} MB" for kind, peak in peaks.most_common()]
    print(json.dumps(result) if said.json else "\n".join(lines))


if __name__ == "__main__":
    main()
