"""``soundgate emr submit|status|logs|stop|upgrade``: the job on a cluster or on EMR Serverless."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streaming.errors import UserError

if TYPE_CHECKING:
    from emr.job import Job
    from emr.run_state import Handle, RunState

EPILOGS = {
    "submit": """
Examples (what stands behind -- goes to `soundgate run`):

    soundgate emr submit --cluster j-2AXXXXXXGAPLF --role ARN --bundle s3://B/bundles/ID -- --source kinesis:uploads
    --lake s3://L/lake --checkpoint s3://L/checkpoints/gate

    soundgate emr submit --application 00f1abcd --role ARN --bundle s3://B/bundles/ID --dry-run -- …
""",
    "status": """
Examples:

    soundgate emr status j-2AXXXXXXGAPLF/s-1XXXXXXXXXXXX

    soundgate emr status 00f1abcd/00f2efgh --json

Exit code 0: it runs, or ended as asked; 1: it failed; 2: could not ask.
""",
    "logs": """
Examples:

    soundgate emr logs j-2AXXXXXXGAPLF/s-1XXXXXXXXXXXX -n 200

    soundgate emr logs 00f1abcd/00f2efgh --list
""",
    "stop": """
Example:

    soundgate emr stop j-2AXXXXXXGAPLF/s-1XXXXXXXXXXXX --wait 600
""",
    "upgrade": """
Example (the running job's own arguments are used again):

    soundgate emr upgrade 00f1abcd/00f2efgh --role ARN --bundle s3://B/bundles/NEW
""",
}


class OnFailure(StrEnum):
    """What EMR does with a cluster whose step failed."""

    CONTINUE = "CONTINUE"
    CANCEL_AND_WAIT = "CANCEL_AND_WAIT"
    TERMINATE_CLUSTER = "TERMINATE_CLUSTER"


JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="What submit printed: j-…/s-… or APPLICATION/RUN.")]
Region = Annotated[str | None, typer.Option(help="AWS region, if not the configured one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Bundle = Annotated[str, typer.Option("--bundle", metavar="s3://…", help="What `emr bundle --upload` printed.")]
Role = Annotated[str | None, typer.Option("--role", metavar="ARN", help="The job's runtime role.")]
Name = Annotated[str, typer.Option(help="What the job is called in the consoles.")]
Executors = Annotated[int, typer.Option(min=1, help="How many executors; fixed while it runs.")]
Conf = Annotated[list[str] | None, typer.Option("--conf", metavar="KEY=VALUE", help="Replace a Spark property.")]
Failure = Annotated[OnFailure, typer.Option("--on-failure", help="Cluster: what to do when the job fails.")]
Attempts = Annotated[
    int, typer.Option("--attempts", min=1, max=10, help="Serverless: failures an hour before it ends.")
]
LogUri = Annotated[str | None, typer.Option("--log-uri", metavar="s3://…", help="Serverless: where logs go.")]
LogGroup = Annotated[str | None, typer.Option("--log-group", help="Serverless: also to this CloudWatch log group.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the exact request, and send nothing.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the batch to end.")]
Grace = Annotated[
    int, typer.Option("--grace", min=15, max=1800, help="Serverless: seconds between SIGTERM and SIGKILL.")
]
RunOptions = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="-- RUN_OPTIONS", help="Options of `soundgate run`; or files, listen or features run, and theirs."
    ),
]


def submit(
    bundle: Bundle,
    run_options: RunOptions = None,
    cluster: Annotated[str | None, typer.Option(metavar="j-…", help="Run as a step of this cluster.")] = None,
    application: Annotated[str | None, typer.Option(metavar="ID", help="Run on this Serverless application.")] = None,
    role: Role = None,
    name: Name = "soundgate",
    executors: Executors = 2,
    conf: Conf = None,
    on_failure: Failure = OnFailure.CONTINUE,
    attempts: Attempts = 5,
    log_uri: LogUri = None,
    log_group: LogGroup = None,
    region: Region = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Start the job: a long-running step of a cluster, or a streaming job of EMR Serverless."""
    if (cluster is None) == (application is None):
        raise UserError("say where to run it: --cluster j-… or --application ID, one of the two")
    job = describe_job(bundle, name, run_options or [], executors, conf, region)
    request = build_request(job, cluster, application, role, on_failure, attempts, log_uri, log_group)
    if dry_run:
        typer.echo(json.dumps(request, indent=2))
        return
    handle = send(request, region)
    typer.echo(json.dumps({"job": str(handle)}) if as_json else str(handle))


def status(job: JobArgument, region: Region = None, as_json: AsJson = False) -> None:
    """Say what the platform says of a job."""
    from emr.run_state import parse_handle
    from emr.submitted import open_job

    state = open_job(parse_handle(job), region).describe()
    typer.echo(json.dumps(as_dict(state)) if as_json else in_words(state))
    raise typer.Exit(1 if state.failed else 0)


def logs(
    job: JobArgument,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines of each log.")] = 100,
    only_list: Annotated[bool, typer.Option("--list", help="List all log files, print none.")] = False,
    region: Region = None,
) -> None:
    """Print the end of the driver's logs; they reach S3 some minutes late."""
    from emr.clients import explained
    from emr.logs import read_log, tail
    from emr.run_state import parse_handle
    from emr.submitted import open_job
    from streaming.aws import make_client

    s3 = make_client("s3", region)
    found = open_job(parse_handle(job), region).logs(s3)
    if not found:
        raise UserError(f"{job} has no logs on S3 (yet): they come some minutes late, and only where logging is set up")
    for log in found:
        if only_list:
            typer.echo(f"{log.bytes:>12}  {log.uri}")
        elif log.of_driver or not any(other.of_driver for other in found):
            typer.secho(log.uri, bold=True)
            with explained(f"read {log.uri}"):
                typer.echo(tail(read_log(s3, log), lines))


def stop(job: JobArgument, wait: Wait = 900, grace: Grace = 120, region: Region = None) -> None:
    """Stop a job after its batch; cancel it when it does not stop in time."""
    from emr.lifecycle import stop as stop_job
    from emr.run_state import parse_handle
    from emr.submitted import open_job

    stop_job(open_job(parse_handle(job), region), wait, grace, say)


def upgrade(
    job: JobArgument,
    bundle: Bundle,
    run_options: RunOptions = None,
    role: Role = None,
    name: Name = "soundgate",
    executors: Executors = 2,
    conf: Conf = None,
    on_failure: Failure = OnFailure.CONTINUE,
    attempts: Attempts = 5,
    log_uri: LogUri = None,
    log_group: LogGroup = None,
    wait: Wait = 900,
    grace: Grace = 120,
    region: Region = None,
    dry_run: DryRun = False,
) -> None:
    """Stop a job and start a new version on its checkpoint, if the new one keeps the same state."""
    from emr.lifecycle import check_upgrade, checkpoint_of, run_options_of
    from emr.lifecycle import stop as stop_job
    from emr.run_state import parse_handle
    from emr.store import fetch_manifest
    from emr.submitted import open_job
    from streaming.aws import make_client

    running = open_job(parse_handle(job), region)
    state = running.describe()
    checkpoint = checkpoint_of(state)
    new = describe_job(bundle, name, run_options or run_options_of(state), executors, conf, region, checkpoint)
    check_upgrade(fetch_manifest(make_client("s3", region), state.bundle).state_schema, new.manifest.state_schema, job)
    on_cluster = running.handle.platform == "cluster"
    cluster, application = (running.handle.host, None) if on_cluster else (None, running.handle.host)
    request = build_request(new, cluster, application, role, on_failure, attempts, log_uri, log_group)
    if dry_run:
        typer.echo(json.dumps(request, indent=2))
        return
    stop_job(running, wait, grace, say)
    typer.echo(str(send(request, region)))


def describe_job(
    bundle: str,
    name: str,
    run_options: list[str],
    executors: int,
    conf: list[str] | None,
    region: str | None,
    checkpoint: str | None = None,
) -> Job:
    """Put a job together from a bundle on S3 and options; says what is missing before anything is sent."""
    from emr.job import Job, option_of
    from emr.store import fetch_manifest
    from streaming.aws import find_region, make_client

    said = option_of(run_options, "--checkpoint") or ""
    ends_by_itself = run_options[:1] == ["files"]  # and goes on where it was, without a checkpoint
    if not said.startswith("s3://") and not ends_by_itself:
        raise UserError("behind --, say --checkpoint s3://BUCKET/PREFIX: it is how the job is stopped and upgraded")
    if checkpoint and said.rstrip("/") != checkpoint.rstrip("/"):
        raise UserError(f"an upgrade goes on with the checkpoint of the running job, {checkpoint}, not {said}")
    bundle = bundle.rstrip("/")
    manifest = fetch_manifest(make_client("s3", region), bundle)
    return Job(name, bundle, manifest, tuple(run_options), find_region(region), executors, tuple(conf or ()))


def build_request(
    job: Job,
    cluster: str | None,
    application: str | None,
    role: str | None,
    on_failure: OnFailure,
    attempts: int,
    log_uri: str | None,
    log_group: str | None,
) -> dict[str, Any]:
    """Build the platform's request."""
    from emr import cluster as on_cluster
    from emr import serverless

    if cluster is not None:
        return on_cluster.build_request(job, cluster, role, on_failure.value)
    if role is None:
        raise UserError("EMR Serverless wants the job's role: pass --role ARN (the template's output JobRoleArn)")
    return serverless.build_request(job, str(application), role, log_uri, log_group, attempts)


def send(request: dict[str, Any], region: str | None) -> Handle:
    """Send a request to the platform it is for."""
    from emr import cluster, serverless
    from emr.clients import explained
    from emr.submitted import SERVICES
    from streaming.aws import make_client

    with explained("submit the job"):
        if "JobFlowId" in request:
            return cluster.submit(make_client(SERVICES["cluster"], region), request)
        return serverless.submit(make_client(SERVICES["serverless"], region), request)


def as_dict(state: RunState) -> dict[str, Any]:
    """Lay out a state for JSON."""
    return {
        "job": str(state.handle),
        "name": state.name,
        "state": state.state,
        "detail": state.detail,
        "started_at": state.started_at.isoformat() if state.started_at else None,
        "ended": state.ended,
        "bundle": state.bundle,
        "arguments": list(state.arguments),
    }


def in_words(state: RunState) -> str:
    """Lay out a state for people."""
    since = f" since {state.started_at:%Y-%m-%d %H:%M:%S %Z}" if state.started_at else ""
    return "\n".join(
        [f"{state.name}: {state.state}{since}", f"  {state.bundle}", *([state.detail] * bool(state.detail))]
    )


def say(line: str) -> None:
    """Print a line of progress."""
    typer.echo(line, err=True)
