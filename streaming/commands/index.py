"""``soundgate index``: build, change, list and verify what recordings are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streaming.errors import UserError
from streaming.partition_key import printable

if TYPE_CHECKING:
    from references.build import IndexInfo, Progress

app = typer.Typer(no_args_is_help=True, help="Build, change, list and verify the index of known recordings.")

Index = Annotated[Path, typer.Option("--index", "-i", help="The index's folder.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the index; an index that is there is replaced.")]
Sources = Annotated[list[Path], typer.Argument(help="Audio files, or folders with all that is below them.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

BUILD_EPILOG = (
    "Examples: `soundgate index build ~/music -o .index` · `soundgate index build a.flac b.wav -o .index --json`"
)
ADD_EPILOG = "Example: `soundgate index add new-album/ -i .index`"
REMOVE_EPILOG = "Example: `soundgate index remove track-07 -i .index`"
LIST_EPILOG = "Example: `soundgate index list -i .index --json | jq -r '.recordings[].reference_id'`"
VERIFY_EPILOG = "Example: `soundgate index verify -i .index` (exit code 1 when something is damaged)"


@app.command(epilog=BUILD_EPILOG)
def build(sources: Sources, out: Out, as_json: Json = False) -> None:
    """Build an index of recordings.

    Titles, artists, ISRCs and licences come from the files' tags or from a `metadata.csv`, `.jsonl` or `.json` beside
    them (columns `file, reference_id, title, artist, isrc, licence, source`).
    """
    from references.build import build_index

    with _told_to_the_user(), _progress(as_json) as progress:
        info = build_index(sources, out, progress)
    _report(info, as_json)


@app.command(epilog=ADD_EPILOG)
def add(sources: Sources, index: Index, as_json: Json = False) -> None:
    """Add recordings to an index, without reading those that are in it again."""
    from references.build import add_recordings

    with _told_to_the_user(), _progress(as_json) as progress:
        info = add_recordings(sources, index, progress)
    _report(info, as_json)


@app.command(epilog=REMOVE_EPILOG)
def remove(
    reference_ids: Annotated[list[str], typer.Argument(help="Reference ids, as `index list` shows them.")],
    index: Index,
    as_json: Json = False,
) -> None:
    """Remove recordings from an index."""
    from references.build import remove_recordings

    with _told_to_the_user():
        info = remove_recordings(reference_ids, index)
    _report(info, as_json)


@app.command("list", epilog=LIST_EPILOG)
def list_recordings(index: Index, as_json: Json = False) -> None:
    """List the recordings of an index."""
    from udfs.landmark_index import open_index

    with _told_to_the_user():
        opened = open_index(index)
        recordings = opened.recordings
    if as_json:
        typer.echo(json.dumps({"index_sha256": opened.sha256, "recordings": [asdict(one) for one in recordings]}))
        return
    for one in recordings:
        minutes, seconds = divmod(one.duration_ms // 1000, 60)
        about = " – ".join(part for part in (one.artist, one.title) if part)
        told = (one.reference_id, f"{minutes}:{seconds:02}", about, one.isrc, one.licence)
        typer.echo("\t".join(printable(part) for part in told).rstrip())  # the tags' text
    typer.echo(f"{len(recordings)} recordings in {index}", err=True)


@app.command(epilog=VERIFY_EPILOG)
def verify(index: Index, as_json: Json = False) -> None:
    """Read an index whole and compare every file with its manifest; opening one compares lengths and ends only."""
    from udfs.fingerprint import VERSION
    from udfs.index_files import damaged_files, read_manifest

    with _told_to_the_user():
        manifest, sha256 = read_manifest(index, VERSION)
        damaged = [f"{path} {what}" for path, what in damaged_files(index, manifest)]
    if as_json:
        typer.echo(json.dumps({"index_sha256": sha256, "bytes": manifest.bytes, "damaged": damaged}))
    elif not damaged:
        typer.echo(f"{index} is sound: {manifest.bytes:,} bytes as its manifest says")
    if damaged:
        raise UserError("; ".join([*damaged, "build the index again"]), exit_code=1)


def _report(info: IndexInfo, as_json: bool) -> None:
    if as_json:
        value: dict[str, Any] = asdict(info)
        value["folder"] = str(info.folder)
        typer.echo(json.dumps(value))
        return
    per_second = info.bytes / info.seconds if info.seconds else 0
    typer.echo(
        f"{info.folder}: {info.recordings} recordings, {info.seconds / 3600:.2f} hours, {info.bytes:,} bytes "
        f"({per_second:.0f} a second), index {info.sha256[:12]}"
    )
    for one in info.duplicates:
        same = f"{one.reference_id} holds what {one.of} holds (agreement {one.agreement:.2f})"
        typer.echo(f"duplicate: {printable(same)}", err=True)
    for _, why in info.unreadable:
        typer.echo(f"left out: {printable(why)}", err=True)


@contextmanager
def _told_to_the_user() -> Iterator[None]:
    from references.errors import RecordingsError
    from udfs.index_files import IndexRefusedError

    try:
        yield
    except (RecordingsError, IndexRefusedError, OSError) as error:
        raise UserError(str(error)) from error


@contextmanager
def _progress(as_json: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=as_json or not console.is_terminal, transient=True) as bar:
        task = bar.add_task("fingerprints", total=None)

        def show(path: Path, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=path.name[:40])

        yield show
