"""The job as a streaming job of an EMR Serverless application: submit, describe, cancel."""

from __future__ import annotations

import shlex
import uuid
from typing import TYPE_CHECKING, Any

from emr.job import Job, command_line, entry_point, spark_submit_options
from emr.run_state import Handle, RunState
from streaming.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_emr_serverless import EMRServerlessClient

ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED"})
GRACE_SECONDS = range(15, 1801)  # what the service accepts


def build_request(
    job: Job, application_id: str, role_arn: str, log_uri: str | None, log_group: str | None, attempts_an_hour: int = 5
) -> dict[str, Any]:
    """Build the StartJobRun request, in STREAMING mode.

    In that mode the service starts a failed job again on its checkpoint, in another zone if need be, until it failed
    `attempts_an_hour` times within an hour; there is no time limit (0 minutes = none).
    """
    request: dict[str, Any] = {
        "applicationId": application_id,
        "executionRoleArn": role_arn,
        "name": job.name,
        "mode": "STREAMING",
        "clientToken": str(uuid.uuid4()),
        "executionTimeoutMinutes": 0,
        "retryPolicy": {"maxFailedAttemptsPerHour": attempts_an_hour},
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": entry_point(job),
                "entryPointArguments": command_line(job),
                "sparkSubmitParameters": shlex.join(spark_submit_options(job, "serverless")),
            }
        },
    }
    monitoring: dict[str, Any] = {}
    if log_uri:
        monitoring["s3MonitoringConfiguration"] = {"logUri": log_uri}
    if log_group:
        monitoring["cloudWatchLoggingConfiguration"] = {"enabled": True, "logGroupName": log_group}
    if monitoring:
        request["configurationOverrides"] = {"monitoringConfiguration": monitoring}
    return request


def submit(client: EMRServerlessClient, request: dict[str, Any]) -> Handle:
    """Send the request; gives the new job run's handle."""
    response = client.start_job_run(**request)
    return Handle(request["applicationId"], response["jobRunId"])


def describe(client: EMRServerlessClient, handle: Handle) -> RunState:
    """Ask for a job run's state."""
    run = client.get_job_run(applicationId=handle.host, jobRunId=handle.run)["jobRun"]
    driver = run.get("jobDriver", {}).get("sparkSubmit", {})
    return RunState(
        handle=handle,
        name=run.get("name", ""),
        state=run["state"],
        detail=run.get("stateDetails", ""),
        started_at=run.get("startedAt") or run.get("createdAt"),
        ended=run["state"] in ENDED,
        failed=run["state"] == "FAILED",
        bundle=driver.get("entryPoint", "").removesuffix("/entry.py"),
        arguments=tuple(driver.get("entryPointArguments", [])),
    )


def cancel(client: EMRServerlessClient, handle: Handle, grace_seconds: int) -> None:
    """Cancel a job run: the driver gets SIGTERM, finishes its batch, and is killed after the grace period."""
    if grace_seconds not in GRACE_SECONDS:
        raise UserError(f"the grace period is {GRACE_SECONDS[0]} to {GRACE_SECONDS[-1]} seconds, not {grace_seconds}")
    client.cancel_job_run(applicationId=handle.host, jobRunId=handle.run, shutdownGracePeriodInSeconds=grace_seconds)


def log_prefixes(client: EMRServerlessClient, handle: Handle) -> list[str]:
    """Give the ``s3://`` folder with a job run's logs, if it writes any there."""
    run = client.get_job_run(applicationId=handle.host, jobRunId=handle.run)["jobRun"]
    monitoring = run.get("configurationOverrides", {}).get("monitoringConfiguration", {})
    log_uri = monitoring.get("s3MonitoringConfiguration", {}).get("logUri", "")
    return [f"{log_uri.rstrip('/')}/applications/{handle.host}/jobs/{handle.run}/"] if log_uri else []
