"""``soundgate status``: how far the job is, and what it has decided; without Spark."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from streaming.errors import UserError

EPILOG = """
Examples:

    soundgate status --lake lake --checkpoint checkpoint

    soundgate status --lake s3://uploads/lake --checkpoint s3://uploads/checkpoint --json | jq .in_flight

Exit code 0: printed; 2: could not run.
"""


def status(
    lake: Annotated[str | None, typer.Option(envvar="SOUNDGATE_LAKE", help="The job's lake.")] = None,
    checkpoint: Annotated[str | None, typer.Option(envvar="SOUNDGATE_CHECKPOINT", help="The job's checkpoint.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the last batch's progress, uploads in flight, decisions, and rejections by reason."""
    from streaming.identity import CHECKPOINT_FILE
    from streaming.lake_reader import tally
    from streaming.places import open_place
    from streaming.progress import read_progress

    if lake is None or checkpoint is None:
        raise UserError("--lake and --checkpoint are needed (or SOUNDGATE_LAKE and SOUNDGATE_CHECKPOINT)")
    place = open_place(checkpoint)
    if not place.exists(CHECKPOINT_FILE):
        raise UserError(f"--checkpoint {checkpoint}: no job has begun there (is it spelt right?)")
    progress = read_progress(place)
    found = {
        "progress": progress,
        "in_flight": progress["in_flight"] if progress else None,
        "lag_ms": progress["lag_ms"] if progress else None,
        "decisions": tally(lake, "verdicts", "decision"),
        "rejections": tally(lake, "rejections", "reason"),
    }
    typer.echo(json.dumps(found, ensure_ascii=True) if as_json else describe(found))


def describe(found: dict[str, Any]) -> str:
    """Write it for people."""
    progress = found["progress"]
    lines = ["no batch yet"] if progress is None else [describe_batch(progress)]
    lines += ["", "decisions", *_counts(found["decisions"]), "", "rejections", *_counts(found["rejections"])]
    return "\n".join(lines)


def describe_batch(progress: dict[str, Any]) -> str:
    """Write the last batch's progress in a few lines."""
    lag = "idle" if progress["lag_ms"] is None else f"{progress['lag_ms'] / 1000:.1f} s"
    return "\n".join(
        (
            f"batch      {progress['batch_id']} at {progress['at']}, {progress['batch_ms']} ms",
            f"records    {progress['records']}",
            f"lag        {lag}",
            f"in flight  {progress['in_flight']} uploads",
            f"state      {progress['state_rows']} rows",
        )
    )


def _counts(counts: dict[str, int]) -> list[str]:
    from streaming.partition_key import printable

    shown = {printable(name): number for name, number in counts.items()}
    width = max((len(name) for name in shown), default=0)
    return [f"  {name:{width}}  {number}" for name, number in shown.items()] or ["  none"]
