"""Run the job for long under a steady mixed load, crashes and poison; then reconcile every record with the tables.

    python tests/bench/soak.py                                  # 20 minutes
    python tests/bench/soak.py --minutes 60 --uploads-a-minute 60 --crash-every 120

The job is a process of its own over a folder of record files. It is killed by SIGKILL with all that it started,
now and then stopped by SIGTERM, and started again. Of the uploads some arrive whole, some in pieces over seconds and
out of order, some twice, some never to their end; some are data dressed as sound; among them are records of every kind
of poison. Exit code 1 when a record is lost or doubled, or an upload has another decision than the one it should.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parents[1] / name) for name in ("faults", "streaming", "udfs")]

import numpy as np
from job_rig import KNOWN, upload, write_wave
from poison import of_frames, poisonous_records
from process_memory import processes
from reconcile import Account, read_produced, reconcile_lake

from references.build import build_index
from streaming.lake_reader import open_table, query
from streaming.metrics import percentile
from streaming.places import open_place
from streaming.producer import Record
from streaming.progress import read_progress
from streaming.record_files import RecordFileWriter

TICK_SECONDS = 1.0
TIMEOUT_SECONDS = 30.0  # the job's, for uploads that never end
SAMPLE_SECONDS = 10.0
SOUNDS = 24
QUARTERS = 4


@dataclass
class Load:
    """What is put on the stream: new uploads each tick, and pieces of earlier ones."""

    folder: Path
    uploads_a_minute: float
    seed: int = 1
    expected: dict[str, str] = field(default_factory=dict)  # decision by upload id
    files: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._later: dict[int, list[Record]] = defaultdict(list)
        self._tick = self._number = 0
        self._owed = 0.0
        self._writer = RecordFileWriter(self.folder, "soak")
        self._sounds = [write_wave(seed, 1.0 + seed % 3) for seed in range(SOUNDS)]
        program = Path("/bin/sh").resolve().read_bytes()[: 44_100 * 2]
        self._mocks = [of_frames(np.frombuffer(program, "<i2")), program, json.dumps({"a": [1] * 5_000}).encode()]
        self._poison = [Record(key, data) for _, key, data in poisonous_records()]

    def tick(self) -> None:
        """Write what is due now as one record file."""
        self._owed += self.uploads_a_minute * TICK_SECONDS / 60
        while self._owed >= 1:
            self._owed -= 1
            self._begin()
        if self._chance.random() < 0.2:
            self._later[self._tick].append(self._chance.choice(self._poison))
        self._write(self._later.pop(self._tick, []))
        self._tick += 1

    def finish(self) -> None:
        """Write everything that is still due, tick by tick, at once."""
        for tick in sorted(self._later):
            self._write(self._later[tick])
        self._later.clear()

    def _begin(self) -> None:
        self._number += 1
        kind = self._chance.choices(["whole", "pieces", "twice", "torn", "mock"], [40, 25, 10, 10, 15])[0]
        data = self._chance.choice(self._mocks if kind == "mock" else self._sounds)
        records = upload(self._number, data, f"user{self._number % 7}/track {self._number}.wav", size=32 << 10)
        decision = {"mock": "reject", "torn": "incomplete"}.get(kind, "accept")
        self.expected[f"00000000-0000-4000-8000-{self._number:012d}"] = decision
        if kind == "torn":
            del records[self._chance.randrange(len(records))]
        elif kind == "twice":
            records += self._chance.choices(records, k=2)
        spread = 1 if kind in ("whole", "mock") else 6
        for record in records:
            self._later[self._tick + self._chance.randrange(spread)].append(record)
        if kind == "twice":  # and once more, long after the verdict
            self._later[self._tick + 60].append(records[0])

    def _write(self, records: list[Record]) -> None:
        self._chance.shuffle(records)
        if records:
            self.files += self._writer.write(records)


@dataclass
class Runner:
    """The job's process, killed and started again."""

    root: Path
    chance: random.Random
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0
    stops: int = 0
    failures: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start the job in a process group of its own."""
        places = {"index": "index", "lake": "lake", "checkpoint": "checkpoint"}
        line = [sys.executable, "-m", "streaming.cli", "run", "--source", f"files:{self.root / 'inbox'}"]
        line += [part for flag, name in places.items() for part in (f"--{flag}", str(self.root / name))]
        line += ["--trigger-seconds", "2", "--timeout-seconds", str(TIMEOUT_SECONDS), "--partitions", "2"]
        with (self.root / "job.log").open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)

    def disturb(self) -> None:
        """Kill the job with all its processes, or, one time in four, ask it to stop; then start it again."""
        if self.chance.random() < 0.25:
            self.stop()
            self.stops += 1
        else:
            self.kill()
            self.kills += 1
        self.start()

    def kill(self) -> None:
        """SIGKILL for the whole process group."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait for exit code 0."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=300)
        if code:
            self.failures.append(f"stopped with exit code {code}")

    def look(self) -> None:
        """Start a job again that ended by itself, which it never should."""
        if self.process is not None and self.process.poll() is not None:
            self.failures.append(f"ended by itself with exit code {self.process.returncode}")
            self.start()


class Meter:
    """Samples memory and state in a thread of its own."""

    def __init__(self, runner: Runner, checkpoint: Path) -> None:
        self._runner = runner
        self._checkpoint = checkpoint
        self.samples: list[dict[str, int]] = []  # resident bytes by kind of process
        self.state: list[int] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Sample no more."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            process = self._runner.process
            if process is None:
                continue
            found: dict[str, int] = Counter()
            for name, size in processes(process.pid).values():
                kind = {"java)": "jvm", "java": "jvm", "streaming.cli": "driver"}.get(name, name.rstrip(")"))
                found[kind] = max(found[kind], size)
            self.samples.append(found)
            progress = read_progress(open_place(str(self._checkpoint)))
            if progress:
                self.state.append((progress["state_memory_bytes"] or 0) + (progress["state_disk_bytes"] or 0))


def soak(root: Path, minutes: float, uploads_a_minute: float, crash_every: float, seed: int) -> int:
    """Run, reconcile and print; gives the exit code."""
    chance = random.Random(seed)
    (root / "known.wav").write_bytes(write_wave(KNOWN))
    build_index([root / "known.wav"], root / "index")
    load, runner = Load(root / "inbox", uploads_a_minute, seed), Runner(root, chance)
    runner.start()
    meter = Meter(runner, root / "checkpoint")
    began = time.monotonic()
    next_crash = began + crash_every
    while time.monotonic() - began < minutes * 60:
        load.tick()
        runner.look()
        if time.monotonic() >= next_crash:
            runner.disturb()
            next_crash = time.monotonic() + crash_every * chance.uniform(0.5, 1.5)
        time.sleep(TICK_SECONDS)
    load.finish()
    drained = wait_until_drained(root, runner, len(load.expected))
    runner.stop()
    meter.stop()
    account = reconcile_lake(read_produced(load.files), root / "lake")
    wrong = compare_decisions(root / "lake", load.expected)
    report(account, runner, meter, root / "lake", minutes)
    for problem in [*account.lost, *account.doubled, *wrong, *runner.failures, *([] if drained else ["not drained"])]:
        print(f"PROBLEM: {problem}")
    return 0 if account.balanced and drained and not wrong and not runner.failures else 1


def wait_until_drained(root: Path, runner: Runner, uploads: int, most_seconds: float = 1_200) -> bool:
    """Wait until each upload has a verdict and none is in flight."""
    deadline = time.monotonic() + most_seconds
    while time.monotonic() < deadline:
        runner.look()
        time.sleep(2)
        progress = read_progress(open_place(str(root / "checkpoint")))
        if progress and progress["in_flight"] == 0 and progress["records"] == 0:
            (number,) = query(open_table(str(root / "lake"), "verdicts"), "SELECT count(*) AS n FROM lake")
            if number["n"] >= uploads:
                return True
    return False


def compare_decisions(lake: Path, expected: dict[str, str]) -> list[str]:
    """Say which uploads were decided otherwise than they should be."""
    rows = query(open_table(str(lake), "verdicts"), "SELECT upload_id, decision, reasons FROM lake")
    found = {row["upload_id"]: row for row in rows}
    return [
        f"{name}: {found[name]['decision']} {found[name]['reasons']} instead of {decision}"
        for name, decision in expected.items()
        if name in found and found[name]["decision"] != decision
    ]


def report(account: Account, runner: Runner, meter: Meter, lake: Path, minutes: float) -> None:
    """Print the figures of docs/reliability.md."""
    rows = query(open_table(str(lake), "verdicts"), "SELECT decision, latency_ms FROM lake")
    decided = list(rows)
    latency = [row["latency_ms"] for row in decided if row["decision"] != "incomplete"]
    print(f"{minutes:g} minutes; records {account.records}, uploads {account.uploads}, verdicts {account.verdicts}")
    print(f"decisions {dict(Counter(row['decision'] for row in decided))}, rejections {account.rejections}")
    print(f"lost {len(account.lost)}, doubled {len(account.doubled)}")
    print(f"killed {runner.kills} times, stopped {runner.stops} times, failures {len(runner.failures)}")
    for share in (0.5, 0.95, 0.99):
        value = percentile(latency, share)
        print(f"latency p{share * 100:g}: {(value or 0) / 1000:.1f} s from the last chunk to the verdict")
    print(f"state at most {max(meter.state, default=0) / 1e6:.1f} MB")
    print("largest resident memory of one process in each quarter of the time, MB (median of samples in brackets):")
    size = max(1, len(meter.samples) // QUARTERS)
    kinds = sorted({kind for sample in meter.samples for kind in sample})
    for kind in kinds:
        quarters = [
            [sample[kind] for sample in meter.samples[start * size : (start + 1) * size] if kind in sample]
            for start in range(QUARTERS)
        ]
        shown = (f"{max(q) / 1e6:.0f} ({statistics.median(q) / 1e6:.0f})" if q else "-" for q in quarters)
        print(f"  {kind:24} {'  '.join(shown)}")


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--uploads-a-minute", type=float, default=60.0)
    parser.add_argument("--crash-every", type=float, default=120.0, help="seconds, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where everything lies; kept. A temporary one otherwise")
    given = parser.parse_args()
    root = given.folder or Path(tempfile.mkdtemp(prefix="soundgate-soak-"))
    root.mkdir(parents=True, exist_ok=True)
    try:
        return soak(root, given.minutes, given.uploads_a_minute, given.crash_every, given.seed)
    finally:
        if given.folder is None:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
