"""What Spark says of itself stays off standard error; whatever else is said there does not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from streaming.quiet import _pass_on, without_noise
from streaming.telling import tell

SAID = b"""\
WARNING: Using incubator modules: jdk.incubator.vector
Using Spark's default log4j profile: org/apache/spark/log4j2-defaults.properties
26/11/21 13:58:57 WARN Utils: Your hostname resolves to a loopback address
Setting default log level to "WARN".
To adjust logging level use sc.setLogLevel(newLevel). For SparkR, use setLogLevel(newLevel).
Starting Streaming TransformWithStateInPandas Python worker.

Streaming TransformWithStateInPandas Python worker Completed execution of UDF: <function>.

26/11/21 13:58:58 ERROR Executor: Exception in task 0.0

java.io.IOException: No space left on device
Streaming
"""


def test_noise_goes_and_errors_stay_with_their_blank_lines() -> None:
    kept = b"".join(without_noise(SAID.splitlines(keepends=True)))
    assert kept == SAID[SAID.index(b"26/11/21 13:58:58 ERROR") :]


def test_children_are_quiet_for_as_long_as_they_live_and_this_process_says_what_it_likes() -> None:
    child = "import sys; sys.stdin.read(); sys.stderr.write('To adjust logging level use it\\n\\nloud\\n')"
    script = f"""
import subprocess, sys, threading
from streaming.quiet import quiet_children
with quiet_children():
    child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE)
print("To adjust logging level use words", file=sys.stderr, flush=True)
child.communicate(b"")
for reader in threading.enumerate():
    if reader.name == "quiet":
        reader.join(30)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == "To adjust logging level use words\nloud\n"


def test_work_goes_on_when_nobody_reads_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as closed, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", closed)
        tell("anything")
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # what is buffered has to go somewhere


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_who_writes_to_us_does_not_end_when_nobody_reads_us() -> None:
    reading, writing = os.pipe()
    nobody, target = os.pipe()
    os.close(nobody)
    passing = threading.Thread(target=_pass_on, args=(reading, target))
    passing.start()
    for _ in range(50):
        os.write(writing, b"ERROR something\n" * 200)
    os.close(writing)
    passing.join(10)
    assert not passing.is_alive()
