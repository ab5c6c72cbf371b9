"""``soundgate scan``: judge files and folders on this machine, without Spark and without an index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streaming.errors import UserError
from streaming.local_files import find_files

if TYPE_CHECKING:
    from streaming.scan_report import Scanned

EPILOG = """
Examples:

    soundgate scan uploads/

    soundgate scan a.wav b.mp3 --csv verdicts.csv

    soundgate scan uploads/ --json | jq 'select(.verdict != "real")'

Exit code 0: everything is real; 1: something was refused or could not be judged; 2: could not run.
"""


def scan(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, or folders with files at any depth.")],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="OUT", help="Also write path,verdict,score,reason to this file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with all the evidence.")] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes at work; as many as there are cores unless said.")
    ] = None,
) -> None:
    """Say of each file whether it is real sound or data dressed as sound."""
    from streaming.scan_report import judge_file, make_writers, show_progress

    files = list(find_files(paths))
    if not files:
        raise UserError("there is no file to scan in what was given")
    refused = 0
    with ExitStack() as open_things:
        writers = make_writers(csv, as_json, open_things)
        pool = open_things.enter_context(ProcessPoolExecutor(min(jobs or os.cpu_count() or 1, len(files))))
        results: Iterator[Scanned] = pool.map(judge_file, files)
        for scanned in show_progress(results, len(files)):
            refused += scanned.verdict != "real"
            for writer in writers:
                writer(scanned)
    raise typer.Exit(1 if refused else 0)
