"""The features' stage as a process beside the job, where the job runs on one machine.

It has a Spark of its own and the lowest priority, so the classifier waits for it nowhere: the operating system gives it
what the job leaves. On a cluster it is a step of its own (docs/features.md).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from streaming.errors import UserError
from streaming.features_of_files import parse_names
from streaming.session import submitted
from streaming.settings import Settings
from streaming.telling import tell

NICENESS = 19
STOP_SECONDS = 600.0  # for the batch that it is at

ON_A_CLUSTER = (
    "--features: on a cluster the features are a step of their own, `soundgate emr submit … -- features run --lake … "
    "--features …` (docs/features.md); the job itself starts none"
)


def check_features(settings: Settings) -> tuple[str, ...]:
    """Give the features' names.

    Raises
    ------
    UserError
        For a name that is none, where nothing is stored that they could be taken of, and on a cluster.
    """
    names = parse_names(",".join(settings.features))
    if names and submitted():
        raise UserError(ON_A_CLUSTER)
    if names and not settings.store_accepted:
        raise UserError("--features are taken of stored tracks: set store_accepted = true")
    return names


@contextmanager
def features_beside(settings: Settings) -> Iterator[None]:
    """Run the stage beside what happens inside, or, where that only drains its source, after it."""
    names = check_features(settings)
    if not names:
        yield
        return
    if settings.drain:
        yield
        told(_start(settings, names, "--once").wait())
        return
    process = _start(settings, names)
    try:
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            told(process.wait(STOP_SECONDS))
        except subprocess.TimeoutExpired:
            process.kill()
            tell("the features' process did not end in time, and was killed; the next run goes on where it was")


def told(status: int) -> None:
    """Say so when the stage failed; the job does not depend on it, and its state is in the lake."""
    if status:
        tell(f"the features' process ended with status {status}; the next run goes on where it was")


def _start(settings: Settings, names: Sequence[str], *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "streaming.cli", "features", "run", "--lake", settings.lake]
    command += ["--features", ",".join(names), "--max-track-seconds", str(settings.max_track_seconds), *options]
    # What the job was told in the environment is not said to the stage, but for how Spark and AWS are reached.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SOUNDGATE_")}
    jars = {name: os.environ[name] for name in ("SOUNDGATE_JARS",) if name in os.environ}
    # Signals that a terminal sends to a whole group must not end it in the midst of a batch.
    return subprocess.Popen(["nice", "-n", str(NICENESS), *command], env={**kept, **jars}, start_new_session=True)
