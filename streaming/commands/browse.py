"""``soundgate browse``: a local, read-only page over a lake; without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streaming.errors import UserError

EPILOG = """
Examples:

    soundgate browse --lake lake --index index

    soundgate browse --lake s3://uploads/lake --port 0

The page needs the extra soundgate[look]. It reads and never writes, asks nothing of any other machine, and is bound to
127.0.0.1: there is no login, so whoever reaches it sees every upload.

Exit code 0: it was told to stop; 2: it could not run.
"""


def browse(
    lake: Annotated[str | None, typer.Option(envvar="SOUNDGATE_LAKE", help="The job's lake.")] = None,
    index: Annotated[
        str | None, typer.Option(envvar="SOUNDGATE_INDEX", help="The index, to show what a match was compared with.")
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The known recordings' own files, to show how they sound.")
    ] = None,
    address: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="On which port; 0: any free one.")] = 8501,
) -> None:
    """Show a lake's uploads on a local page: a list with filters, each upload in depth, and the whole over time."""
    from streaming.look.depth import open_index_to_look
    from streaming.look.uploads import open_if_there
    from streaming.page.serve import bind, is_loopback

    if lake is None:
        raise UserError("--lake is needed (or SOUNDGATE_LAKE)")
    if recordings is not None and not recordings.is_dir():
        raise UserError(f"--recordings {recordings}: there is no such folder")
    try:
        import matplotlib  # noqa: F401
        import streamlit  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed: the page needs the extra, soundgate[look]") from error
    from streaming.page.serve import serve

    open_index_to_look(index)
    if open_if_there(lake, "verdicts") is None:
        typer.echo(f"{lake} has no verdicts yet; the page shows them as they come", err=True)
    listener = bind(address, port)
    if not is_loopback(address):
        typer.echo(f"{address} is reached from other machines too, and the page has no login", err=True)
    typer.echo(f"http://{address}:{listener.getsockname()[1]} (Ctrl+C ends it)")
    arguments = ["--lake", lake]
    arguments += ["--index", index] if index else []
    arguments += ["--recordings", str(recordings)] if recordings else []
    serve(arguments, address, listener)
