"""Switch safeguards off, one at a time, and see that the tests go red: a safeguard that no test misses is not one.

    python tests/bench/mutants.py                # all; those with Spark take a minute each
    python tests/bench/mutants.py dedupe caps    # those whose name begins so

Each mutant is one replacement in a copy of the working tree, in which the few tests that should notice are run. Without
any replacement the same tests have to be green. Prints the table of docs/reliability.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RED, GREEN = 1, 0  # pytest's exit codes; everything else is a mistake in this file
SECONDS = 1_500


@dataclass(frozen=True)
class Mutant:
    """A safeguard, how it is switched off, and who should notice."""

    name: str
    what: str
    file: str
    old: str
    new: str
    tests: str


REBUILD, SANDBOX = "tests/streaming/test_rebuild.py", "tests/udfs/test_sandbox.py"
CONFINED = "tests/faults/test_confined_worker.py"
MUTANTS = (
    Mutant(
        "dedupe of chunks",
        "a copy of a chunk counts as a new one",
        "streaming/rebuild.py",
        "    if chunk.index in upload.seen:\n        upload.duplicates += 1\n    else:\n",
        "    if True:\n",
        REBUILD,
    ),
    Mutant(
        "dedupe of rivals",
        "another chunk of the same index replaces the first",
        "streaming/rebuild.py",
        "    if not _same_payload(upload, chunk):\n        return",
        "    if False:\n        return",
        REBUILD,
    ),
    Mutant(
        "dedupe of uploads",
        "a finished upload is not remembered",
        "streaming/rebuild.py",
        "    finished = group.finished\n    if finished is None:",
        "    finished = None\n    if finished is None:",
        REBUILD,
    ),
    Mutant(
        "transaction ids",
        "appends carry no transaction id",
        "streaming/sinks.py",
        '    writer.option("txnAppId", app_id).option("txnVersion", batch_id).save(path)',
        "    writer.save(path)",
        "tests/faults/test_retries.py",
    ),
    Mutant(
        "transaction pair",
        "a checkpoint older than its lake may start",
        "streaming/identity.py",
        'if newest is not None and not checkpoint.exists(f"offsets/{newest}"):',
        "if False:",
        "tests/streaming/test_job_memory.py",
    ),
    Mutant(
        "timers",
        "a timer that fires closes nothing",
        "streaming/rebuild.py",
        "        if now_ms < min(self.patience.deadlines(upload, now_ms)):",
        "        if True:",
        REBUILD,
    ),
    Mutant(
        "timers of the busy",
        "an upload may be open for ever if it is busy",
        "streaming/patience.py",
        "self._max_open_ms // share",
        "10**15",
        REBUILD,
    ),
    Mutant(
        "timers under pressure",
        "the timeout is never shortened",
        "streaming/patience.py",
        "return SHORTENED if under_pressure(self.changes, now_ms) else 1",
        "return 1",
        REBUILD,
    ),
    Mutant(
        "caps on an upload's bytes",
        "an upload may have any size",
        "streaming/rebuild.py",
        "        if claimed > limits.max_upload_bytes:",
        "        if False:",
        REBUILD,
    ),
    Mutant(
        "caps on an upload's chunks",
        "an upload may have any number of chunks",
        "streaming/rebuild.py",
        "        if chunks > limits.max_chunks:",
        "        if False:",
        REBUILD,
    ),
    Mutant(
        "caps on inflating",
        "a gzip member may inflate to any size",
        "streaming/inflate.py",
        "    if len(data) > max_bytes:",
        "    if False:",
        "tests/streaming/test_inflate.py",
    ),
    Mutant(
        "caps on rejected bytes",
        "a rejected record is kept whole",
        "streaming/rebuild.py",
        "data[: self._limits.rejected_bytes]",
        "data",
        REBUILD,
    ),
    Mutant(
        "checksum of a chunk",
        "a payload's CRC-32 is not compared",
        "streaming/wire_v1.py",
        "    if found != message.crc32:",
        "    if False:",
        "tests/streaming/test_wire.py",
    ),
    Mutant(
        "checksum of a track",
        "a track's SHA-256 is not compared",
        "streaming/assemble.py",
        "    if recipe.track_sha256 is not None and hashlib",
        "    if False and hashlib",
        REBUILD,
    ),
    Mutant(
        "sandbox: confinement",
        "the decoder keeps network, files and programs",
        "udfs/decode_worker.py",
        "confined = confinement.confine()",
        'confined = "seccomp"',
        CONFINED,
    ),
    Mutant(
        "sandbox: memory",
        "the decoder may take any memory",
        "udfs/confinement.py",
        "    _lower(resource.RLIMIT_AS, mapped + memory_bytes)\n",
        "    del mapped\n",
        SANDBOX,
    ),
    Mutant(
        "sandbox: deadline",
        "a decoder that hangs is waited for",
        "udfs/sandbox.py",
        "if left <= 0 or not waiting.poll(left * 1000):",
        "if not waiting.poll(60_000):",
        SANDBOX,
    ),
    Mutant(
        "sandbox: its parent's end",
        "a decoder outlives its worker",
        "udfs/decode_worker.py",
        "    confinement.die_with_parent(parent)\n",
        "",
        SANDBOX,
    ),
)


def main(wanted: list[str]) -> int:
    """Run the mutants; 1 when one was not noticed."""
    mutants = [each for each in MUTANTS if not wanted or any(each.name.startswith(name) for name in wanted)]
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_tree(Path(folder) / "tree")
        for tests in dict.fromkeys(each.tests for each in mutants):
            code, told = run(copy, tests)
            if code != GREEN:
                raise SystemExit(f"without a mutant, {tests} is not green:\n{told}")
        rows = [try_one(copy, mutant) for mutant in mutants]
    print("| switched off | so that | first red in | at |\n|---|---|---|---|")
    for mutant, noticed, told in rows:
        print(f"| {mutant.name} | {mutant.what} | `{mutant.tests}` | {told if noticed else '**green**'} |")
    return 0 if all(noticed for _, noticed, _ in rows) else 1


def copy_tree(target: Path) -> Path:
    """Copy the files that git knows or would add, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def try_one(copy: Path, mutant: Mutant) -> tuple[Mutant, bool, str]:
    """Apply a mutant, run its tests, and take it back."""
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.file} has changed; its text is there {text.count(mutant.old)} times")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        code, told = run(copy, mutant.tests)
    finally:
        path.write_text(text, encoding="utf-8")
    if code not in (RED, GREEN):
        raise SystemExit(f"{mutant.name}: the tests did not run:\n{told}")
    print(f"{mutant.name}: {'red' if code == RED else 'GREEN'}", file=sys.stderr, flush=True)
    failed = re.search(r"^(?:FAILED|ERROR) \S+::(\w+)", told, re.MULTILINE)
    return mutant, code == RED, failed[1] if failed else ""


def run(copy: Path, tests: str) -> tuple[int, str]:
    """Run tests against the copy's code, its workers included; gives pytest's exit code and what it said."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(copy),  # before the installed, editable one
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOUNDGATE_JARS": os.environ.get("SOUNDGATE_JARS") or str(ROOT / ".cache" / "jars"),
    }
    line = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow or spark", tests]
    told = subprocess.run(line, cwd=copy, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    return told.returncode, told.stdout[-3000:] + told.stderr[-1000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
