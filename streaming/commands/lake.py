"""``soundgate lake``: upkeep of the tables, beside the running job."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from streaming.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Keep the tables small and quick to read, beside the running job.")

EPILOGS = {
    "optimize": """
Examples:

    soundgate lake optimize --lake lake

    soundgate lake optimize --lake s3://uploads/lake --table verdicts --lock-table delta_log
""",
    "vacuum": """
Example:

    soundgate lake vacuum --lake lake --dry-run
""",
    "expire": """
Example:

    soundgate lake expire --lake lake --table rejections --days 30
""",
}


class Table(StrEnum):
    """The tables of a lake."""

    VERDICTS = "verdicts"
    REJECTIONS = "rejections"
    FEATURES = "features"


Lake = Annotated[str | None, typer.Option(envvar="SOUNDGATE_LAKE", help="The job's lake.")]
Tables = Annotated[list[Table] | None, typer.Option("--table", help="Only this table; else verdicts and rejections.")]
LockTable = Annotated[str | None, typer.Option(help="On S3: the DynamoDB table that the job's writes lock, too.")]
JobStopped = Annotated[bool, typer.Option("--job-stopped", help="On S3: no job writes to this lake now.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and delete nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("optimize", epilog=EPILOGS["optimize"])
def optimize(
    lake: Lake = None,
    table: Tables = None,
    lock_table: LockTable = None,
    job_stopped: JobStopped = False,
    as_json: AsJson = False,
) -> None:
    """Write small files together into large ones; the rows stay what they are."""
    from streaming import upkeep

    access = upkeep.Access(needed(lake), lock_table, job_stopped)
    show({name: upkeep.optimize(access, name) for name in names(table)}, as_json)


@app.command("vacuum", epilog=EPILOGS["vacuum"])
def vacuum(
    lake: Lake = None,
    table: Tables = None,
    hours: Annotated[int, typer.Option(help="Keep what versions of the last so many hours need.")] = 168,
    dry_run: DryRun = False,
    lock_table: LockTable = None,
    job_stopped: JobStopped = False,
    as_json: AsJson = False,
) -> None:
    """Delete files that no recent version of a table needs."""
    from streaming import upkeep

    access = upkeep.Access(needed(lake), lock_table, job_stopped)
    show({name: upkeep.vacuum(access, name, hours, dry_run) for name in names(table)}, as_json)


@app.command("expire", epilog=EPILOGS["expire"])
def expire(
    days: Annotated[float, typer.Option(help="Delete rows older than so many days.")],
    table: Annotated[list[Table], typer.Option("--table", help="The table; said explicitly, because rows go.")],
    lake: Lake = None,
    dry_run: DryRun = False,
    lock_table: LockTable = None,
    job_stopped: JobStopped = False,
    as_json: AsJson = False,
) -> None:
    """Delete old rows; their bytes go with a later vacuum."""
    from streaming import upkeep

    access = upkeep.Access(needed(lake), lock_table, job_stopped)
    show({name: upkeep.expire(access, name, days, dry_run) for name in names(table)}, as_json)


def needed(lake: str | None) -> str:
    """Give the lake, or say that it is needed."""
    if lake is None:
        raise UserError("--lake is needed (or SOUNDGATE_LAKE)")
    return lake


def names(tables: list[Table] | None) -> list[str]:
    """Give the tables' names; those that every lake has when none was said."""
    return [table.value for table in tables] if tables else ["verdicts", "rejections"]


def show(results: dict[str, dict[str, Any]], as_json: bool) -> None:
    """Print what was done, a line a table."""
    if as_json:
        typer.echo(json.dumps(results))
        return
    for name, result in results.items():
        typer.echo(f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in result.items()))
