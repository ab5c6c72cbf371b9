"""The two platforms behind one set of verbs: describe, cancel, list logs; chosen by a job's handle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emr import cluster, serverless
from emr.clients import explained
from emr.logs import LogFile, list_logs
from emr.run_state import Handle, RunState
from streaming.aws import make_client

SERVICES = {"cluster": "emr", "serverless": "emr-serverless"}


@dataclass(frozen=True)
class SubmittedJob:
    """A job that was submitted, with a client to ask about it."""

    handle: Handle
    client: Any
    region: str | None = None

    def describe(self) -> RunState:
        """Ask for the job's state; raises `UserError` where there is no such job."""
        verb: Callable[[Any, Handle], RunState] = (
            cluster.describe if self.handle.platform == "cluster" else serverless.describe
        )
        with explained(f"describe {self.handle}"):
            return verb(self.client, self.handle)

    def cancel(self, grace_seconds: int) -> None:
        """Tell the platform to end the job."""
        verb: Callable[[Any, Handle, int], None] = (
            cluster.cancel if self.handle.platform == "cluster" else serverless.cancel
        )
        with explained(f"cancel {self.handle}"):
            verb(self.client, self.handle, grace_seconds)

    def logs(self, s3: Any) -> list[LogFile]:
        """List the job's log objects on S3."""
        verb: Callable[[Any, Handle], list[str]] = (
            cluster.log_prefixes if self.handle.platform == "cluster" else serverless.log_prefixes
        )
        with explained(f"list the logs of {self.handle}"):
            return list_logs(s3, verb(self.client, self.handle))


def open_job(handle: Handle, region: str | None = None) -> SubmittedJob:
    """Give a submitted job by its handle."""
    return SubmittedJob(handle, make_client(SERVICES[handle.platform], region), region)
