"""``soundgate listen``: follow broadcasts without end; ``soundgate plays``: what plays, and what played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from streaming.commands.drawing import check_target, needing_look, write_picture
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
from streaming.partition_key import printable

EPILOG = """
Examples:

    soundgate listen --source kinesis:radio --index index --lake s3://lake/lake --checkpoint s3://lake/checkpoints/radio

    soundgate listen --source files:radio --index index --lake lake --checkpoint checkpoint --drain

    soundgate publish --lake lake --table play_changes --to https://example.org/plays

A channel is a partition key, a broadcast of it an upload whose chunks are segments (small files of their own), samples,
or slices of an endless MP3 or AAC stream: docs/long-streams.md. SIGTERM and the stop file finish the batch. Exit code
0: it ended as asked; 2: it could not start, or stopped by itself.
"""
PLAYS_EPILOG = "Example: `soundgate plays --lake lake --json | jq '.now'`"


def listen(
    source: Sources = None,
    index: Index = None,
    lake: LakeToWrite = None,
    checkpoint: Checkpoint = None,
    config: Config = None,
    drain: Annotated[
        bool, typer.Option("--drain", help="Hear what is there, then exit; what plays stays open.")
    ] = False,
    silence_seconds: Annotated[
        float, typer.Option(min=1, help="Wait so long for missing chunks, and for more, before plays are ended.")
    ] = 60.0,
    trigger_seconds: TriggerSeconds = None,
    stop_file: StopFile = None,
    partitions: Partitions = None,
    region: StreamRegion = None,
    endpoint_url: OtherKinesis = None,
    as_json: Annotated[bool, typer.Option("--json", help="At the end, print the rows written as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Say what plays in broadcasts: each recording's start and end, into the tables `plays` and `play_changes`."""
    from streaming.listen.job import listen as run_job
    from streaming.settings import load_settings

    flags = {
        "source": source or None,
        "index": index,
        "lake": lake,
        "checkpoint": checkpoint,
        "drain": drain or None,
        "trigger_seconds": trigger_seconds,
        "stop_file": stop_file,
        "partitions": partitions,
        "kinesis_region": region,
        "kinesis_endpoint_url": endpoint_url,
    }
    written = run_job(load_settings(flags, config), silence_seconds, debug=debug)
    told = ", ".join(f"{number} {name}" for name, number in written.items())
    typer.echo(json.dumps(written) if as_json else told)


def plays(
    lake: Annotated[str, typer.Option(envvar="SOUNDGATE_LAKE", help="The lake that is listened into.")],
    last: Annotated[int, typer.Option(min=1, help="How many plays that are over.")] = 20,
    png: Annotated[Path | None, typer.Option(metavar="OUT", help="Draw them by channel into this PNG file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what plays now on each channel, and what played last."""
    from streaming.listen.reader import name_play, read_now, read_plays

    if png is not None:
        check_target(png)
    now, over = read_now(lake), read_plays(lake, last)
    if png is not None:
        with needing_look():
            from streaming.pictures.plays import show_plays
            from streaming.pictures.style import to_png
        write_picture(to_png(show_plays(now, over)), png)
    if as_json:
        typer.echo(json.dumps({"now": now, "plays": over}, default=str))
        return
    for row in now:
        typer.echo(printable(f"{row['channel']}\tnow\tsince {row['started_at']:%H:%M:%S}\t{name_play(row)}"))
    for row in over:
        at = f"{row['started_at']:%Y-%m-%d %H:%M:%S} – {row['ended_at']:%H:%M:%S}"
        typer.echo(printable(f"{row['channel']}\t{at}\t{name_play(row)}"))
