"""``soundgate run``: the streaming job."""

from __future__ import annotations

from typing import Annotated

import typer

from streaming.commands.options import (
    Checkpoint,
    Config,
    Debug,
    Index,
    LakeToWrite,
    OtherKinesis,
    Partitions,
    Sources,
    StopFile,
    StreamRegion,
    TriggerSeconds,
)

EPILOG = """
Examples:

    soundgate run --source files:inbox --index index --lake lake --checkpoint checkpoint

    soundgate run --source files:inbox --index index --lake lake --checkpoint checkpoint --drain --timeout-seconds 5

    soundgate run --source kinesis:uploads-1 --source kinesis:uploads-2 --config settings.toml --stop-file /run/stop

Every option can be said in the environment (SOUNDGATE_TRIGGER_SECONDS) or in the --config file (trigger_seconds) too.
SIGTERM and the stop file finish the batch. Exit code 0: it ended as asked; 2: it could not start, or stopped by itself.
"""


def run(
    source: Sources = None,
    index: Index = None,
    lake: LakeToWrite = None,
    checkpoint: Checkpoint = None,
    config: Config = None,
    drain: Annotated[bool, typer.Option("--drain", help="Process what is there, then exit.")] = False,
    trigger_seconds: TriggerSeconds = None,
    timeout_seconds: Annotated[float | None, typer.Option(help="Without a new chunk for so long = incomplete.")] = None,
    stop_file: StopFile = None,
    quarantine: Annotated[str | None, typer.Option(help="Also keep tracks that are not accepted, here.")] = None,
    partitions: Partitions = None,
    features: Annotated[
        list[str] | None,
        typer.Option(help="Features of accepted tracks, by a process beside the job: mel,pitch or all."),
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option(help="prometheus:PORT, pushgateway:URL, emf:FILE, cloudwatch:GROUP or log:FILE.")
    ] = None,
    publish: Annotated[list[str] | None, typer.Option(help="Tell sns:ARN, sqs:QUEUE or https://… of verdicts.")] = None,
    region: StreamRegion = None,
    endpoint_url: OtherKinesis = None,
    adopt_lake: Annotated[bool, typer.Option("--adopt-lake", help="New checkpoint on an old lake.")] = False,
    debug: Debug = False,
) -> None:
    """Judge uploads as they come, from a folder of record files or a Kinesis stream, into Delta tables."""
    from streaming.run import run as run_job
    from streaming.settings import load_settings

    flags = {
        "source": source or None,
        "index": index,
        "lake": lake,
        "checkpoint": checkpoint,
        "drain": drain or None,
        "trigger_seconds": trigger_seconds,
        "timeout_seconds": timeout_seconds,
        "stop_file": stop_file,
        "quarantine": quarantine,
        "partitions": partitions,
        "features": features or None,
        "metrics": metrics or None,
        "publish": publish or None,
        "kinesis_region": region,
        "kinesis_endpoint_url": endpoint_url,
        "adopt_lake": adopt_lake or None,
    }
    run_job(load_settings(flags, config), debug=debug)
