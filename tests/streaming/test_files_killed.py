"""A run over stored files that is killed, for real: the next one writes what is missing, and nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from deltalake import DeltaTable
from job_rig import write_wave

pytestmark = [pytest.mark.slow, pytest.mark.spark]

COMMAND = Path(sys.executable).with_name("soundgate")
FILES = 40


@pytest.mark.timeout(900)
@pytest.mark.parametrize("when", ["judging", "committing"])
def test_a_run_that_is_killed_is_made_up_for_exactly(tmp_path: Path, index: Path, when: str) -> None:
    folder, lake = tmp_path / "uploads", tmp_path / "lake"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number}.wav").write_bytes(write_wave(100 + number, 2.0))
    line = [str(COMMAND), "files", str(folder), "--lake", str(lake), "--index", str(index), "--json"]
    process = subprocess.Popen(line, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(process, lake, when)
    os.killpg(process.pid, signal.SIGKILL)  # with its JVM and its workers
    process.wait()
    before = DeltaTable(lake / "verdicts").to_pyarrow_table().num_rows
    assert before in (0, FILES), "a slice is one commit"
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert (said["known"], said["judged"]) == (before, FILES - before)
    names = Counter(DeltaTable(lake / "verdicts").to_pyarrow_table()["partition_key"].to_pylist())
    assert names == Counter(f"{number}.wav" for number in range(FILES))


def wait_until(process: subprocess.Popen[bytes], lake: Path, when: str) -> None:
    """Wait until a run has begun to stage a slice, or has staged it and is about to commit."""
    pattern = "*/staged/0/_temporary" if when == "judging" else "*/staged/0/_SUCCESS"
    while process.poll() is None:
        if list((lake / "_soundgate" / "files").glob(pattern)):
            return
        time.sleep(0.02)
    pytest.fail(f"the run ended before it was {when}")
