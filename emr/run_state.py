"""A submitted job, seen from outside: its handle and the state that the platform reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from emr.job import Platform
from streaming.errors import UserError


@dataclass(frozen=True)
class Handle:
    """Names a submitted job: ``j-CLUSTER/s-STEP`` or ``APPLICATION/JOBRUN``, as ``submit`` prints it."""

    host: str
    run: str

    @property
    def platform(self) -> Platform:
        """Tell which of the two platforms the job is on."""
        return "cluster" if self.host.startswith("j-") else "serverless"

    def __str__(self) -> str:
        return f"{self.host}/{self.run}"


def parse_handle(text: str) -> Handle:
    """Read a handle; raises `UserError` when it is none."""
    match = re.fullmatch(r"(j-[A-Z0-9]+)/(s-[A-Z0-9]+)|([a-z0-9]{6,64})/([a-z0-9]{6,64})", text)
    if not match:
        raise UserError(f"{text!r} names no job: give what `soundgate emr submit` printed, j-…/s-… or APPLICATION/RUN")
    return Handle(match[1] or match[3], match[2] or match[4])


@dataclass(frozen=True)
class RunState:
    """What the platform says of a job.

    `state` is the platform's own word. `arguments` is the script's command line, by which the job's checkpoint is
    known to whoever stops or upgrades it; `bundle` is where its script lies.
    """

    handle: Handle
    name: str
    state: str
    detail: str
    started_at: datetime | None
    ended: bool
    failed: bool
    bundle: str
    arguments: tuple[str, ...]


def split_script(arguments: list[str]) -> tuple[str, tuple[str, ...]]:
    """Find the bundle and the script's arguments in a spark-submit line; ("", ()) where it is not one of ours."""
    for position, argument in enumerate(arguments):
        if argument.startswith("s3") and argument.endswith("/entry.py"):
            return argument.removesuffix("/entry.py"), tuple(arguments[position + 1 :])
    return "", ()
