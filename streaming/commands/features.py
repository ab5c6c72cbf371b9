"""``soundgate features``: of files on this machine, and of a lake's accepted tracks beside the job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from streaming.errors import UserError

FILES_EPILOG = """
Examples:

    soundgate features song.mp3

    soundgate features *.wav --csv pitch -o pitch.csv

    soundgate features song.mp3 --only mel,tempo,pitch --picture song.png

    soundgate features run --lake lake --features mel,loudness --once

CSV is in Sonic Annotator's layout: time and values, without a header; of several files the name goes before, once.
Exit code 0: printed; 1: some file could not be read; 2: could not run.
"""

RUN_EPILOG = """
Examples:

    soundgate features run --lake lake --features mel,tempo,loudness

    soundgate features run --lake s3://LAKE/lake --features pitch --checkpoint s3://LAKE/checkpoints/features --once

A stage of its own beside the job: it follows the lake's verdicts and writes a row a second of each accepted, stored
track to the table `features`, each track once. SIGTERM ends it after its batch. Exit code 0: it ended as asked;
2: it could not start, or stopped by itself.
"""


class FilesUnlessNamed(TyperGroup):
    """Takes what is no command's name for files: ``soundgate features song.mp3``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the hidden command's name before files and their options."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["files", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=FilesUnlessNamed,
    no_args_is_help=True,
    help="Features of files (`soundgate features FILE…`), or of a lake's tracks (`soundgate features run`).",
    rich_markup_mode="markdown",
    epilog=FILES_EPILOG,
)


@app.command("files", epilog=FILES_EPILOG)
def files(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files, or folders with files at any depth.")],
    only: Annotated[str | None, typer.Option("--only", metavar="NAME,…", help="Only these features.")] = None,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="WHAT", help="pitch, onsets, beats, loudness or chroma, as CSV.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Write to this file, not to standard output.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="PNG", help="Draw one file's features into this picture.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with every second's values.")
    ] = False,
) -> None:
    """Extract features of files: what they say of themselves, mel, chroma, tempo and beats, onsets, loudness, pitch."""
    from streaming.features_of_files import draw, extract, select, to_text
    from streaming.local_files import find_files

    names = select(only, csv)
    found = list(find_files(paths))
    if not found:
        raise UserError("there is no file in what was given")
    if picture is not None and len(found) > 1:
        raise UserError(f"--picture draws one file, and {len(found)} were given")
    written: list[str] = []
    failed = 0
    for path in found:
        try:
            features = extract(path, names)
        except UserError as error:
            failed += 1
            typer.secho(f"soundgate: {error}", err=True)
            continue
        if picture is not None:
            draw(features, path, picture)
        written.append(to_text(features, path, csv, as_json, several=len(found) > 1))
    text = "".join(written)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write(output, text)
    raise typer.Exit(1 if failed else 0)


@app.command("run", epilog=RUN_EPILOG)
def run(
    lake: Annotated[str | None, typer.Option(envvar="SOUNDGATE_LAKE", help="The job's lake.")] = None,
    features: Annotated[
        str | None, typer.Option(envvar="SOUNDGATE_FEATURES", metavar="NAME,…", help="Which features; `all` for all.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="Where it remembers how far it is; LAKE/_soundgate/features unless said.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Do what is there, then exit.")] = False,
    trigger_seconds: Annotated[float, typer.Option(min=0, help="Time from one batch's start to the next.")] = 30.0,
    batch_files: Annotated[int, typer.Option(min=1, help="Most of the verdict table's files in a batch.")] = 20,
    max_track_seconds: Annotated[float, typer.Option(min=1, help="Longest sound that is decoded.")] = 14_400.0,
) -> None:
    """Extract features of a lake's accepted tracks into its table `features`, as a Spark job of its own."""
    from streaming.features_job import FeaturesSettings, run_features
    from streaming.features_of_files import parse_names

    if lake is None or not features:
        raise UserError("--lake (or SOUNDGATE_LAKE) and --features (or SOUNDGATE_FEATURES) are needed")
    run_features(
        FeaturesSettings(
            lake=lake.rstrip("/"),
            names=parse_names(features),
            checkpoint=checkpoint,
            once=once,
            trigger_seconds=trigger_seconds,
            batch_files=batch_files,
            max_track_seconds=max_track_seconds,
        )
    )


def write(path: Path, text: str) -> None:
    """Write a file, or say why it cannot be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"-o {path}: {error.strerror}") from error
