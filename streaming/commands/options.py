"""Options that several commands have, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Sources = Annotated[list[str] | None, typer.Option(help="files:DIR or kinesis:STREAM; may be repeated.")]
Index = Annotated[str | None, typer.Option(help="The reference index: a folder, or delta:PLACE for Delta tables.")]
LakeToWrite = Annotated[str | None, typer.Option(help="Where the tables go: a folder or s3://…")]
Checkpoint = Annotated[str | None, typer.Option(help="Where the job remembers how far it is.")]
Config = Annotated[Path | None, typer.Option(help="A TOML file with settings.")]
TriggerSeconds = Annotated[float | None, typer.Option(help="From one batch's start to the next.")]
StopFile = Annotated[Path | None, typer.Option(help="When it appears, finish the batch and exit.")]
Partitions = Annotated[int | None, typer.Option(help="State partitions; fixed by the first batch.")]
StreamRegion = Annotated[str | None, typer.Option("--region", help="AWS region of the streams.")]
OtherKinesis = Annotated[
    str | None, typer.Option("--endpoint-url", metavar="URL", help="Another Kinesis than AWS', for tests.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show what Spark says on standard error, all of it.")]
