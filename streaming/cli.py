"""The command line: which commands there are, and how an error is shown.

Each command is a module in `streaming.commands` that imports what it needs inside its function, so that
``soundgate --help`` and ``soundgate scan`` start without Spark.
"""

from __future__ import annotations

import sys
import traceback
from typing import Annotated, NoReturn

import typer

from streaming import __version__
from streaming.commands import (
    browse,
    catalogue,
    emr,
    explain,
    features,
    files,
    index,
    lake,
    listen,
    produce,
    publish,
    quality,
    rebuild,
    run,
    sanitise,
    scan,
    settings,
    status,
    streams,
)
from streaming.errors import UserError
from streaming.partition_key import printable

app = typer.Typer(
    name="soundgate",
    help="Stand at the gate of an audio upload service: real or mock, and whose recording.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def show_version(asked: bool) -> None:
    """Print the version and stop, when asked."""
    if asked:
        typer.echo(f"soundgate {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the stack trace of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Options that go before any command."""


app.add_typer(catalogue.app, name="catalogue")
app.add_typer(emr.app, name="emr")
app.add_typer(features.app, name="features")
app.add_typer(index.app, name="index")
app.add_typer(lake.app, name="lake")
app.add_typer(streams.app, name="streams")
app.command("produce", epilog=produce.EPILOG)(produce.produce)
app.command("files", epilog=files.EPILOG)(files.files)
app.command("rebuild", epilog=rebuild.EPILOG)(rebuild.rebuild)
app.command("scan", epilog=scan.EPILOG)(scan.scan)
app.command("quality", epilog=quality.EPILOG)(quality.quality)
app.command("sanitise", epilog=sanitise.EPILOG)(sanitise.sanitise)
app.command("run", epilog=run.EPILOG)(run.run)
app.command("status", epilog=status.EPILOG)(status.status)
app.command("listen", epilog=listen.EPILOG)(listen.listen)
app.command("plays", epilog=listen.PLAYS_EPILOG)(listen.plays)
app.command("explain", epilog=explain.EPILOG)(explain.explain)
app.command("browse", epilog=browse.EPILOG)(browse.browse)
app.command("publish", epilog=publish.EPILOG)(publish.publish)
app.command("settings", epilog=settings.EPILOG)(settings.settings)


def main() -> None:
    """Run the command line; errors become one line on standard error and a stable exit code."""
    try:
        app()
    except UserError as error:
        fail(error)
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        fail(explain_aws(error))


def fail(error: UserError) -> NoReturn:
    """Say what is wrong on standard error, and end with the error's exit code."""
    if "--debug" in sys.argv:
        traceback.print_exc()
    lines = (printable(line) for line in str(error).split("\n"))  # it may quote what strangers wrote
    typer.secho("soundgate: " + "\n".join(lines), fg=typer.colors.RED, err=True)
    sys.exit(error.exit_code)


def explain_aws(error: Exception) -> UserError:
    """Put into words what an AWS service, or the way there, said to a place (`streaming.places`) on S3.

    It is done here and not where it is raised: a publisher or a job tells a store that is away from what a user can
    mend by the error's kind.
    """
    from streaming.aws import explained_service

    try:
        with explained_service("AWS"):
            raise error
    except UserError as told:
        return told


if __name__ == "__main__":
    main()
