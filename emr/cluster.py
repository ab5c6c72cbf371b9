"""The job as a long-running step of an EMR cluster: submit, describe, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emr.job import Job, command_line, entry_point, spark_submit_options
from emr.run_state import Handle, RunState, split_script

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

ENDED = frozenset({"COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"})
FAILED = frozenset({"FAILED", "INTERRUPTED"})


def build_request(job: Job, cluster_id: str, role_arn: str | None, on_failure: str = "CONTINUE") -> dict[str, Any]:
    """Build the AddJobFlowSteps request.

    The driver runs inside the cluster (deploy mode cluster): the step is only its observer, so that a lost primary
    node's client does not take the job with it. `on_failure` is what EMR does with the cluster then: CONTINUE keeps
    it, so that YARN's own restarts and a person's look at the logs have something to work with.
    """
    step = {
        "Name": job.name,
        "ActionOnFailure": on_failure,
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                "spark-submit",
                *("--master", "yarn", "--deploy-mode", "cluster"),
                *spark_submit_options(job, "cluster"),
                entry_point(job),
                *command_line(job),
            ],
        },
    }
    request: dict[str, Any] = {"JobFlowId": cluster_id, "Steps": [step]}
    if role_arn:
        request["ExecutionRoleArn"] = role_arn
    return request


def submit(client: EMRClient, request: dict[str, Any]) -> Handle:
    """Send the request; gives the new step's handle."""
    response = client.add_job_flow_steps(**request)
    return Handle(request["JobFlowId"], response["StepIds"][0])


def describe(client: EMRClient, handle: Handle) -> RunState:
    """Ask for a step's state."""
    step = client.describe_step(ClusterId=handle.host, StepId=handle.run)["Step"]
    status = step.get("Status", {})
    state = str(status.get("State", "UNKNOWN"))
    failure = status.get("FailureDetails", {})
    detail = failure.get("Reason") or failure.get("Message") or status.get("StateChangeReason", {}).get("Message") or ""
    bundle, arguments = split_script(list(step.get("Config", {}).get("Args", [])))
    return RunState(
        handle=handle,
        name=step.get("Name", ""),
        state=state,
        detail=detail,
        started_at=status.get("Timeline", {}).get("StartDateTime"),
        ended=state in ENDED,
        failed=state in FAILED,
        bundle=bundle,
        arguments=arguments,
    )


def cancel(client: EMRClient, handle: Handle, grace_seconds: int) -> None:
    """Cancel a step. EMR knows no grace period for one: `grace_seconds` is not used."""
    del grace_seconds
    client.cancel_steps(ClusterId=handle.host, StepIds=[handle.run], StepCancellationOption="SEND_INTERRUPT")


def log_prefixes(client: EMRClient, handle: Handle) -> list[str]:
    """Give the ``s3://`` folders with a step's own logs; its containers' are found through them."""
    log_uri = client.describe_cluster(ClusterId=handle.host)["Cluster"].get("LogUri", "")
    return [f"{log_uri.replace('s3n://', 's3://').rstrip('/')}/{handle.host}/steps/{handle.run}/"] if log_uri else []
