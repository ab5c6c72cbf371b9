"""Keep what Spark says of itself off standard error, so that an operator reads the job's own lines and real errors.

Spark's JVM and its Python workers write to the standard error that they were started with. They are given a pipe; a
thread passes on what comes out of it, less the lines that are known to say nothing.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

STDERR = 2
NOISE = re.compile(
    rb"WARNING: Using incubator modules"
    rb"|Using Spark's default log4j profile"
    rb"|Setting default log level to "
    rb"|To adjust logging level use "
    rb"|\d\d/\d\d/\d\d \d\d:\d\d:\d\d WARN "  # before Spark is told the level of its log
    rb"|(Starting )?Streaming TransformWithState\w* Python worker[ .]"  # some lines a batch, from PySpark's own worker
)


def without_noise(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Leave out noise, and blank lines right behind it."""
    quiet = False
    for line in lines:
        quiet = bool(NOISE.match(line)) or (quiet and not line.strip())
        if not quiet:
            yield line


@contextmanager
def quiet_children() -> Iterator[None]:
    """Give what is started inside a standard error whose noise is left out, for as long as it lives."""
    ours = os.dup(STDERR)
    reading, writing = os.pipe()
    os.dup2(writing, STDERR)
    os.close(writing)
    threading.Thread(target=_pass_on, args=(reading, os.dup(ours)), name="quiet", daemon=True).start()
    try:
        yield
    finally:
        os.dup2(ours, STDERR)
        os.close(ours)


def _pass_on(source: int, target: int) -> None:
    with os.fdopen(source, "rb") as lines:
        for line in without_noise(lines):
            with suppress(OSError):  # nobody reads us any more; who writes to us must not end by that
                os.write(target, line)
    os.close(target)
