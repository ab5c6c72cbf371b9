"""``soundgate files``: judge stored files, all under some places or as a queue announces them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from streaming.commands.options import Config, Debug, Index, LakeToWrite
from streaming.errors import UserError

if TYPE_CHECKING:
    from streaming.files.tally import Tally

EPILOG = """
Examples:

    soundgate files uploads/ --lake lake --index index

    soundgate files s3://inbox/uploads --lake s3://lake/lake --index index --reports s3://lake/reports

    soundgate files s3://inbox/uploads --lake s3://lake/lake --index index --sqs inbox-queue

A second run judges only what is new: every version of a file gets one verdict, also when a run is killed. With --sqs,
objects are judged as S3's notifications (SQS, also through SNS or EventBridge) announce them; only those under the
places named are. docs/files.md has the columns and the reports' schema.

Exit code 0: everything found has its verdict; 1: some files were gone or could not be read (it is said which); 2: could
not run.
"""


def files(
    places: Annotated[list[str], typer.Argument(metavar="PLACE", help="A folder or s3://bucket/prefix.")],
    lake: LakeToWrite = None,
    index: Index = None,
    config: Config = None,
    reports: Annotated[
        str | None,
        typer.Option(metavar="beside|FOLDER", help="Also write a JSON report a file: beside it, or in one folder."),
    ] = None,
    sqs: Annotated[str | None, typer.Option("--sqs", metavar="QUEUE", help="Judge what this queue announces.")] = None,
    drain: Annotated[bool, typer.Option("--drain", help="With --sqs: exit when the queue is empty.")] = False,
    quarantine: Annotated[str | None, typer.Option(help="Also keep tracks that are not accepted, here.")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region, if not the configured one.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", metavar="URL", help="Another S3 and SQS than AWS', for tests.")
    ] = None,
    job_stopped: Annotated[
        bool, typer.Option("--job-stopped", help="On S3: no streaming job writes to the lake meanwhile.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="At the end, print what was done as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Judge stored files with Spark, into the same tables as the stream's uploads."""
    from streaming.files.access import Access
    from streaming.files.command import Order, carry_out
    from streaming.files.listing import check_places
    from streaming.settings import load_settings

    if drain and sqs is None:
        raise UserError("--drain goes with --sqs; without a queue a run ends by itself")
    flags = {"lake": lake, "index": index, "quarantine": quarantine}
    order = Order(check_places(places), Access(region, endpoint_url), reports, sqs, drain, job_stopped)
    tally = carry_out(order, lambda more: load_settings({**flags, **more}, config), debug)
    show(tally, as_json)
    raise typer.Exit(0 if tally.complete else 1)


def show(tally: Tally, as_json: bool) -> None:
    """Print what was done."""
    from streaming.partition_key import printable

    if as_json:
        typer.echo(json.dumps(tally.as_json(), ensure_ascii=True))
        return
    for line in tally.in_words():
        typer.echo(printable(line))
