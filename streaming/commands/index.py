"""``soundgate index``: build, change, list and verify what recordings are known."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streaming.errors import UserError
from streaming.index_place import is_catalogue, place_of
from streaming.partition_key import printable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from references.build import IndexInfo, Progress
    from references.duplicates import Duplicate
    from streaming.catalogue import Catalogue
    from udfs.landmark_index import Recording

app = typer.Typer(no_args_is_help=True, help="Build, change, list and verify the index of known recordings.")

Index = Annotated[str, typer.Option("--index", "-i", help="The index: its folder, or delta:PLACE for Delta tables.")]
Out = Annotated[
    str, typer.Option("--out", "-o", help="A folder, or delta:PLACE for Delta tables; an index there is replaced.")
]
Sources = Annotated[list[Path], typer.Argument(help="Audio files, or folders with all that is below them.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

BUILD_EPILOG = (
    "Examples: `soundgate index build ~/music -o .index` · `soundgate index build a.flac b.wav -o .index --json` · "
    "`soundgate index build /mnt/music -o delta:s3://bucket/catalogue`"
)
ADD_EPILOG = "Example: `soundgate index add new-album/ -i .index`"
REMOVE_EPILOG = "Example: `soundgate index remove track-07 -i .index`"
LIST_EPILOG = "Example: `soundgate index list -i .index --json | jq -r '.recordings[].reference_id'`"
PUBLISH_EPILOG = "Example: `soundgate index publish -i /build/index --to /mnt/shared/index`"
USE_EPILOG = (
    "Example: `soundgate index add new-album/ -i .index && soundgate index use --checkpoint s3://lake/checkpoints/gate "
    "--wait 60` (exit code 1 when the job did not take it)"
)
VERIFY_EPILOG = "Example: `soundgate index verify -i .index` (exit code 1 when something is damaged)"


@app.command(epilog=BUILD_EPILOG)
def build(sources: Sources, out: Out, as_json: Json = False) -> None:
    """Build an index of recordings.

    Titles, artists, ISRCs and licences come from the files' tags or from a `metadata.csv`, `.jsonl` or `.json` beside
    them (columns `file, reference_id, title, artist, isrc, licence, source`). An index is a folder that every worker
    maps into memory; with `-o delta:PLACE` a Spark job builds a catalogue that may be larger than that.
    """
    if is_catalogue(out):
        _build_catalogue(sources, out, as_json)
        return
    from references.build import build_index

    with told_to_the_user(), _progress(as_json) as progress:
        info = build_index(sources, out, progress)
    _report(info, as_json)


@app.command(epilog=ADD_EPILOG)
def add(sources: Sources, index: Index, as_json: Json = False) -> None:
    """Add recordings to an index, without reading those that are in it again."""
    if is_catalogue(index):
        _add_to_catalogue(sources, index, as_json)
        return
    from references.build import add_recordings

    with told_to_the_user(), _progress(as_json) as progress:
        info = add_recordings(sources, index, progress)
    _report(info, as_json)


@app.command(epilog=REMOVE_EPILOG)
def remove(
    reference_ids: Annotated[list[str], typer.Argument(help="Reference ids, as `index list` shows them.")],
    index: Index,
    as_json: Json = False,
) -> None:
    """Remove recordings from an index."""
    if is_catalogue(index):
        _remove_from_catalogue(reference_ids, index, as_json)
        return
    from references.build import remove_recordings

    with told_to_the_user():
        info = remove_recordings(reference_ids, index)
    _report(info, as_json)


@app.command("list", epilog=LIST_EPILOG)
def list_recordings(index: Index, as_json: Json = False) -> None:
    """List the recordings of an index."""
    with told_to_the_user():
        sha256, recordings = _recordings(index)
    if as_json:
        typer.echo(json.dumps({"index_sha256": sha256, "recordings": [asdict(one) for one in recordings]}))
        return
    for one in recordings:
        minutes, seconds = divmod(one.duration_ms // 1000, 60)
        about = " – ".join(part for part in (one.artist, one.title) if part)
        told = (one.reference_id, f"{minutes}:{seconds:02}", about, one.isrc, one.licence)
        typer.echo("\t".join(printable(part) for part in told).rstrip())  # the tags' text
    typer.echo(f"{len(recordings)} recordings in {index}", err=True)


@app.command(epilog=VERIFY_EPILOG)
def verify(index: Index, as_json: Json = False) -> None:
    """Read an index whole and compare every file with its manifest; opening a large one compares lengths and ends."""
    from udfs.fingerprint import VERSION
    from udfs.index_files import damaged_files, read_manifest

    if is_catalogue(index):
        raise UserError(f"{index} is made of Delta tables, which Delta's own checksums guard: verify is for folders")
    with told_to_the_user():
        manifest, sha256 = read_manifest(Path(index), VERSION)
        damaged = [f"{path} {what}" for path, what in damaged_files(Path(index), manifest)]
    if as_json:
        typer.echo(json.dumps({"index_sha256": sha256, "bytes": manifest.bytes, "damaged": damaged}))
    elif not damaged:
        typer.echo(f"{index} is sound: {manifest.bytes:,} bytes as its manifest says")
    if damaged:
        raise UserError("; ".join([*damaged, "build the index again"]), exit_code=1)


@app.command(epilog=PUBLISH_EPILOG)
def publish(
    index: Index,
    to: Annotated[Path, typer.Option(help="The folder in which a running job reads its index.")],
    as_json: Json = False,
) -> None:
    """Copy an index to where a job reads it; what is copied is read and compared before anything refers to it."""
    from references.publish import publish_index

    if is_catalogue(index):
        raise UserError(f"{index} is made of Delta tables: readers see its newest state where it is")
    with told_to_the_user():
        sha256 = publish_index(Path(index), to)
    typer.echo(json.dumps({"index_sha256": sha256}) if as_json else f"{to} is index {sha256[:12]}")


@app.command(epilog=USE_EPILOG)
def use(
    checkpoint: Annotated[str, typer.Option(help="The running job's checkpoint: a folder or s3://…")],
    wait: Annotated[float, typer.Option(min=0, help="Wait so many seconds for the job's answer.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Tell a running job to answer from its index as it is now, from its next batch on."""
    import secrets
    import time

    from streaming.identity import CHECKPOINT_FILE
    from streaming.index_in_use import read_answer, request_index
    from streaming.places import open_place

    place = open_place(checkpoint)
    if not place.exists(CHECKPOINT_FILE):
        raise UserError(f"--checkpoint {checkpoint}: no job has run with it")
    name = secrets.token_hex(8)
    request_index(place, name)
    until = time.monotonic() + wait
    answer = read_answer(place, name)
    while answer is None and time.monotonic() < until:
        time.sleep(0.5)
        answer = read_answer(place, name)
    if as_json:
        typer.echo(json.dumps(answer or {"request": name}))
    if answer is None:
        if wait:
            raise UserError(f"no answer within {wait:g} s: is the job running? The request stays", exit_code=1)
        return
    if "problem" in answer:
        raise UserError(f"the job goes on with the index that it has: {answer['problem']}", exit_code=1)
    if not as_json:
        typer.echo(f"the job answers from index {answer['index_sha256'][:12]}")


def _recordings(index: str) -> tuple[str, Sequence[Recording]]:
    if is_catalogue(index):
        from streaming.catalogue import list_recordings

        with _catalogue(index) as (spark, catalogue):
            return catalogue.sha256, list_recordings(spark, catalogue)
    from udfs.landmark_index import open_index

    opened = open_index(index)
    return opened.sha256, opened.recordings


def _build_catalogue(sources: list[Path], out: str, as_json: bool) -> None:
    from streaming.catalogue_build import build_catalogue

    with told_to_the_user(), spark_session() as spark:
        unreadable = build_catalogue(spark, sources, place_of(out))
        _report_catalogue(spark, out, unreadable, as_json, since=0)


def _add_to_catalogue(sources: list[Path], index: str, as_json: bool) -> None:
    from streaming.catalogue_build import add_to_catalogue

    with told_to_the_user(), _catalogue(index) as (spark, catalogue):
        unreadable = add_to_catalogue(spark, sources, catalogue)
        _report_catalogue(spark, index, unreadable, as_json, since=len(catalogue.edges) - 1)


def _remove_from_catalogue(reference_ids: list[str], index: str, as_json: bool) -> None:
    from streaming.catalogue_build import remove_from_catalogue

    with told_to_the_user(), _catalogue(index) as (spark, catalogue):
        remove_from_catalogue(spark, reference_ids, catalogue)
        _report_catalogue(spark, index, [], as_json)


def _report_catalogue(
    spark: SparkSession, index: str, unreadable: list[tuple[str, str]], as_json: bool, since: int | None = None
) -> None:
    """Say what a catalogue holds now; `since` is the number of the first recording that came, None where none did."""
    from streaming.catalogue import open_catalogue
    from streaming.catalogue_duplicates import find_duplicates

    catalogue = open_catalogue(spark, index)
    duplicates = [] if since is None else find_duplicates(spark, catalogue, since)
    if as_json:
        value = {"index": index, "sha256": catalogue.sha256, "recordings": len(catalogue), "unreadable": unreadable}
        typer.echo(json.dumps({**value, "duplicates": [asdict(one) for one in duplicates]}))
        return
    typer.echo(f"{index}: {len(catalogue)} recordings, index {catalogue.sha256[:12]}")
    _tell_duplicates(duplicates)
    for _, why in unreadable:
        typer.echo(f"left out: {printable(why)}", err=True)


@contextmanager
def spark_session() -> Iterator[SparkSession]:
    """Start Spark, and end it unless it was there before."""
    import os

    from pyspark.sql import SparkSession

    from streaming.session import start_session

    before = SparkSession.getActiveSession()
    session = before or start_session(os.cpu_count() or 1)
    try:
        yield session
    finally:
        if before is None:
            session.stop()


@contextmanager
def _catalogue(index: str) -> Iterator[tuple[SparkSession, Catalogue]]:
    from streaming.catalogue import open_catalogue

    with spark_session() as spark:
        yield spark, open_catalogue(spark, index)


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
    _tell_duplicates(info.duplicates)
    for _, why in info.unreadable:
        typer.echo(f"left out: {printable(why)}", err=True)


def _tell_duplicates(duplicates: Iterable[Duplicate]) -> None:
    for one in duplicates:
        same = f"{one.reference_id} holds what {one.of} holds (agreement {one.agreement:.2f})"
        typer.echo(f"duplicate: {printable(same)}", err=True)


@contextmanager
def told_to_the_user() -> Iterator[None]:
    """Show what is wrong with recordings or an index as the message that it is."""
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
