"""``soundgate quality``: of a recording by itself, or of a copy against the recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from streaming.errors import UserError

EPILOG = """
Examples:

    soundgate quality song.mp3

    soundgate quality original.wav copy.mp3

    soundgate quality original.wav copy.mp3 --json | jq .si_sdr_db

    soundgate quality --upload 0b6c1c0e-8f4a-4c5e-9a39-5c8c6c0f6a11 --lake lake --references recordings

One file is graded Excellent, Good, Fair or Poor by what is heard in it. Two are aligned, and the second is measured
against the first by PESQ (ITU-T P.862) and SI-SDR; so is the matched segment of a stored upload against the recording
that it matches. Exit code 0: measured; 1: nothing could be said of it; 2: could not run.
"""


def quality(
    file: Annotated[Path | None, typer.Argument(metavar="FILE|REFERENCE", help="The recording.")] = None,
    degraded: Annotated[Path | None, typer.Argument(metavar="DEGRADED", help="A copy of it.")] = None,
    speed: Annotated[
        float, typer.Option(min=0.5, max=2.0, help="The copy's speed, where a match tells another than 1.")
    ] = 1.0,
    upload: Annotated[
        str | None, typer.Option(metavar="ID", help="Compare a matched upload with its reference.")
    ] = None,
    lake: Annotated[str | None, typer.Option(envvar="SOUNDGATE_LAKE", help="With --upload: the job's lake.")] = None,
    references: Annotated[
        Path | None, typer.Option(metavar="DIR", help="With --upload: where the references' own files are kept.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how good a recording sounds, or how much of it is left in a copy."""
    from streaming.quality_of_files import compare_files, compare_upload, grade_file

    if (file is None) == (upload is None):
        raise UserError("say what: a FILE, a REFERENCE and a copy of it, or --upload ID")
    if upload is not None:
        if lake is None or references is None:
            raise UserError("--upload needs --lake (or SOUNDGATE_LAKE) and --references")
        told, text = compare_upload(lake, upload, references)
    elif file is not None:
        told, text = grade_file(file) if degraded is None else compare_files(file, degraded, speed)
    typer.echo(json.dumps(told, ensure_ascii=True) if as_json else text)
    raise typer.Exit(0 if told.get("grade", "") is not None else 1)
