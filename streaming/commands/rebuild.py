"""``soundgate rebuild``: answer the requests of the replaced system's queue, an upload each, without Spark."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from streaming.commands.options import Config, Index

EPILOG = """
Examples:

    soundgate rebuild --queue uploads.fifo --stream uploads --lake lake --index index

    soundgate rebuild --queue uploads.fifo --stream files:inbox --lake lake --index index --drain --json

A message names a partition key (UserID, TrackName, TrackPath, SampleRate, TrackLength, PartitionKey); the upload's
records are fetched from the stream, and its verdict is written if it has none. An upload that is not whole yet is
looked for again until the timeout. Exit code 0: everything asked for has its verdict; 1: some messages could not be
used, or their records are gone; 2: could not run.
"""


def rebuild(
    queue: Annotated[str, typer.Option("--queue", metavar="QUEUE", help="The queue's name or URL.")],
    stream: Annotated[
        str, typer.Option("--stream", metavar="STREAM|files:DIR", help="Where the uploads' records are.")
    ],
    lake: Annotated[str | None, typer.Option(help="The job's lake.")] = None,
    index: Index = None,
    config: Config = None,
    drain: Annotated[bool, typer.Option("--drain", help="Exit when the queue gives no more.")] = False,
    region: Annotated[str | None, typer.Option(help="AWS region, if not the configured one.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", metavar="URL", help="Another SQS and Kinesis than AWS', for tests.")
    ] = None,
    lock_table: Annotated[
        str | None, typer.Option(metavar="TABLE", help="On S3: the DynamoDB table that the job locks with.")
    ] = None,
    job_stopped: Annotated[bool, typer.Option("--job-stopped", help="On S3: no job writes to the lake.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="At the end, print what was done as JSON.")] = False,
) -> None:
    """Fetch, rebuild and judge just the uploads that a queue's messages name."""
    from streaming.files.access import Access
    from streaming.partition_key import printable
    from streaming.settings import load_settings
    from streaming.single.command import Order, carry_out

    order = Order(queue, stream, Access(region, endpoint_url), drain, lock_table, job_stopped)
    done = carry_out(order, lambda more: load_settings({"lake": lake, "index": index, **more}, config))
    if as_json:
        typer.echo(json.dumps(done.as_json(), ensure_ascii=True))
    else:
        written = ", ".join(f"{number} {decision}" for decision, number in sorted(done.written.items())) or "none"
        typer.echo(f"{done.requests} requests; verdicts: {written}; {done.known} had theirs, {done.waiting} put off")
        for key in done.gone:
            typer.echo(f"no record is left of {printable(key)}")
    raise typer.Exit(1 if done.refused or done.gone else 0)
