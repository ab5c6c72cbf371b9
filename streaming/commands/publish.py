"""``soundgate publish``: tell a topic, a queue or a webhook of each verdict."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from streaming.errors import UserError
from streaming.signals import stop_signals

EPILOG = """
Examples:

    soundgate publish --lake lake --to https://example.org/verdicts

    soundgate publish --lake s3://uploads/lake --to sns:arn:aws:sns:eu-central-1:123456789012:verdicts.fifo --once

    soundgate publish --lake lake --to sqs:verdicts.fifo --from-now

    soundgate publish --lake lake --table play_changes --to https://example.org/plays

Each verdict is sent at least once; the upload id is the message's id. How far each target has got is kept in the lake,
so a publisher that was stopped goes on where it was. Exit code 0: stopped as asked; 2: could not run.
"""


def publish(
    lake: Annotated[str | None, typer.Option(envvar="SOUNDGATE_LAKE", help="The job's lake.")] = None,
    to: Annotated[str, typer.Option("--to", metavar="TARGET", help="sns:ARN, sqs:QUEUE or https://…")] = "",
    table: Annotated[
        str, typer.Option(help="What is published: verdicts, or play_changes (`soundgate listen`).")
    ] = "verdicts",
    once: Annotated[bool, typer.Option("--once", help="Publish what is there, then exit.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Publish the whole table as it is now, then exit.")] = False,
    from_now: Annotated[
        bool, typer.Option("--from-now", help="A new target: only verdicts that are yet to come.")
    ] = False,
    region: Annotated[str | None, typer.Option(help="AWS region, if not the configured one.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Another AWS endpoint, for tests.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="At the end, print what was done as JSON.")] = False,
) -> None:
    """Send each final verdict to a target, beside the job and independent of it."""
    from streaming.publisher import PUBLISHED, Publisher
    from streaming.publisher_targets import open_target

    if lake is None or not to:
        raise UserError("--lake (or SOUNDGATE_LAKE) and --to are needed")
    if table not in PUBLISHED:
        raise UserError(f"--table {table}: it is one of {', '.join(PUBLISHED)}")
    with stop_signals() as stop:
        publisher = Publisher(lake, to, open_target(to, region, endpoint_url), from_now, stop, table)
        if everything:
            publisher.publish_everything()
        elif once:
            publisher.catch_up()
        else:
            publisher.run()
    tally = publisher.tally
    typer.echo(json.dumps(asdict(tally)) if as_json else f"{tally.taken} published, {tally.refused} refused")
