"""Assemble the folder of the Lambda function: our packages, what they import, and the index; no Spark.

It is what ``/var/task`` holds in the image (lambda/Dockerfile). Wheels alone, by the lock's hashes, for the
architecture and the Python asked for, as in a bundle.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from emr.bundle import PLATFORM, Architecture, build_wheel, make_empty, resolve, run_uv
from emr.elf import counted, survey
from streaming.errors import UserError

PYTHON = "3.13"  # of the base image
INDEX = "index"
# What only the streaming job, its tables and the pages need.
LEFT_OUT = frozenset({"delta-spark", "deltalake", "arro3-core", "prometheus-client", "pandas", "grpcio"})


def assemble(
    project: Path,
    output: Path,
    architecture: Architecture,
    *,
    index: Path | None = None,
    python: str = PYTHON,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Assemble the function's folder in `output`, which is made, or must be empty.

    Parameters
    ----------
    project
        The checkout.
    index
        The reference index's folder, to go along.
    python
        Whose wheels.
    say
        Called with a line of progress at each step.

    Returns
    -------
    int
        Its size in bytes.

    Raises
    ------
    UserError
        It cannot be assembled.
    """
    make_empty(output, "choose a new folder")
    with tempfile.TemporaryDirectory(prefix="soundgate-lambda-") as scratch:
        work = Path(scratch)
        say(f"1/3 resolving the lock for {PLATFORM[architecture]}, Python {python}")
        requirements = resolve(project, architecture, work, python, LEFT_OUT)
        say("2/3 building our own wheel")
        wheel = build_wheel(project, work)
        say("3/3 installing wheels by hash")
        into = ("--target", output, "--python-version", python, "--python-platform", PLATFORM[architecture])
        run_uv("pip", "install", *into, "--no-deps", "--no-build", "--require-hashes", "-r", requirements)
        run_uv("pip", "install", *into, "--no-deps", wheel)
    foreign = {machine: paths for machine, paths in survey(output).items() if machine != architecture}
    if foreign:
        raise UserError(f"not all native code is for {architecture}: {counted(foreign)}")
    if index is not None:
        shutil.copytree(index, output / INDEX)
    return sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
