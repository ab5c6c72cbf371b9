"""``soundgate catalogue``: recordings with their licences, from files, folders, buckets and Freesound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streaming.commands.index import told_to_the_user
from streaming.errors import UserError
from streaming.partition_key import printable

if TYPE_CHECKING:
    from references.catalogue.sync import Tally
    from references.catalogue.table import CatalogueTable

app = typer.Typer(no_args_is_help=True, help="Keep recordings with their licences, and an index in line with them.")

Where = Annotated[str, typer.Option("--catalogue", "-c", help="The catalogue's folder.")]
Index = Annotated[
    str | None, typer.Option("--index", "-i", help="Then bring this index in line: its folder, or delta:PLACE.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Title = Annotated[str | None, typer.Option(help="Its title.")]
Artist = Annotated[str | None, typer.Option(help="Its artist.")]
Isrc = Annotated[str | None, typer.Option(help="Its ISRC.")]
Mbid = Annotated[str | None, typer.Option(help="Its MusicBrainz recording id.")]
Licence = Annotated[str | None, typer.Option(help="Its licence, as SPDX names it or as an address.")]
Page = Annotated[str | None, typer.Option("--source", help="Where it comes from, for those who are to be named.")]

ADD_EPILOG = 'Example: `soundgate catalogue add song.flac -c catalogue --licence CC-BY-4.0 --artist "A. N. Other"`'
UPDATE_EPILOG = "Example: `soundgate catalogue update song -c catalogue --isrc DEA123456789 -i .index`"
REMOVE_EPILOG = "Example: `soundgate catalogue remove song -c catalogue -i .index` (no sync brings it back; `add` does)"
SYNC_EPILOG = (
    "Examples: `soundgate catalogue sync /mnt/music s3://bucket/music -c catalogue -i .index` · "
    "`soundgate catalogue sync 'freesound:rain?license:\"Creative Commons 0\"' -c catalogue` (its API key is read from "
    "SOUNDGATE_FREESOUND_KEY) · without a source: `soundgate catalogue sync -c catalogue -i .index`. "
    "Exit code 0: in line; 2: a source could not be read to its end, and the next sync goes on there."
)
LIST_EPILOG = "Example: `soundgate catalogue list -c catalogue --json | jq '.recordings[] | select(.licence == \"\")'`"


@app.command(epilog=ADD_EPILOG)
def add(
    files: Annotated[list[Path], typer.Argument(help="Audio files, or folders with all that is below them.")],
    catalogue: Where,
    title: Title = None,
    artist: Artist = None,
    isrc: Isrc = None,
    mbid: Mbid = None,
    licence: Licence = None,
    source: Page = None,
    reference_id: Annotated[str | None, typer.Option("--id", help="What verdicts are to call it.")] = None,
    index: Index = None,
    as_json: Json = False,
) -> None:
    """Add recordings; what is not said is read from tables beside the files or their tags."""
    from streaming.catalogue_command import add_files

    said = _said(title=title, artist=artist, isrc=isrc, mbid=mbid, licence=licence, source=source)
    if reference_id:
        if len(files) != 1 or not files[0].is_file():
            raise UserError("--id is for one file")
        said["reference_id"] = reference_id
    with _held(catalogue, made=False) as table:
        added, refused = add_files(table, files, said)
        result: dict[str, Any] = {"added": [entry.reference_id for entry in added], "refused": refused}
        _finish(table, index, result, as_json)
    if refused:
        raise UserError("; ".join(refused), exit_code=1)


@app.command(epilog=UPDATE_EPILOG)
def update(
    reference_id: Annotated[str, typer.Argument(help="Its reference id.")],
    catalogue: Where,
    title: Title = None,
    artist: Artist = None,
    isrc: Isrc = None,
    mbid: Mbid = None,
    licence: Licence = None,
    source: Page = None,
    index: Index = None,
    as_json: Json = False,
) -> None:
    """Set what is said of a recording; "" takes it away. No sync changes it back."""
    from streaming.catalogue_command import update as change

    said = _said(title=title, artist=artist, isrc=isrc, mbid=mbid, licence=licence, source=source)
    with _held(catalogue) as table:
        change(table, reference_id, said)
        _finish(table, index, {"updated": [reference_id]}, as_json)


@app.command(epilog=REMOVE_EPILOG)
def remove(
    reference_ids: Annotated[list[str], typer.Argument(help="Reference ids, as `catalogue list` shows them.")],
    catalogue: Where,
    index: Index = None,
    as_json: Json = False,
) -> None:
    """Take recordings out."""
    from streaming.catalogue_command import remove as take_out

    with _held(catalogue) as table:
        take_out(table, reference_ids)
        _finish(table, index, {"removed": reference_ids}, as_json)


@app.command(epilog=SYNC_EPILOG)
def sync(
    catalogue: Where,
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="A folder, s3://bucket/prefix or freesound:QUERY.")
    ] = None,
    index: Index = None,
    region: Annotated[str | None, typer.Option(help="AWS region, if not the configured one.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option("--endpoint-url", metavar="URL", help="Another S3 than AWS', for tests.")
    ] = None,
    api: Annotated[
        str | None, typer.Option("--api", metavar="URL", help="Another service with Freesound's API.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take what is new in sources, and note what left them."""
    from streaming.catalogue_command import sync as bring
    from streaming.catalogue_sources import open_source
    from streaming.files.access import Access

    if not sources and index is None:
        raise UserError("give a source, or --index to bring one in line with the catalogue")
    with told_to_the_user():
        opened = [open_source(text, Access(region, endpoint_url), api) for text in sources or ()]
    with _held(catalogue, made=not sources) as table:
        done = bring(table, opened, None if as_json else _tell)
        _finish(table, index, {"sources": {name: tally.as_json() for name, tally in done.items()}}, as_json)


@app.command("list", epilog=LIST_EPILOG)
def list_entries(
    catalogue: Where,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are not listed (any more).")] = False,
    as_json: Json = False,
) -> None:
    """List the recordings."""
    from references.catalogue.entry import State
    from streaming.catalogue_command import open_table

    with told_to_the_user():
        entries = [one for one in open_table(catalogue).entries() if everything or one.state is State.LISTED]
    if as_json:
        typer.echo(json.dumps({"recordings": [asdict(entry) for entry in entries]}, default=str))
        return
    for one in entries:
        minutes, seconds = divmod(one.duration_ms // 1000, 60)
        about = " – ".join(part for part in (one.artist, one.title) if part)
        state = "" if one.state is State.LISTED else f"{one.state.value}: {one.problem}".removesuffix(": ")
        told = (one.reference_id, f"{minutes}:{seconds:02}", about, one.isrc, one.licence, one.quality, state)
        typer.echo("\t".join(printable(part) for part in told).rstrip())
    without = sum(not one.licence for one in entries)
    typer.echo(f"{len(entries)} recordings in {catalogue}, {without} without a licence", err=True)


def _said(**options: str | None) -> dict[str, str]:
    from references.catalogue.entry import check_said

    with told_to_the_user():
        return check_said({name: value for name, value in options.items() if value is not None})


def _tell(reference_id: str, tally: Tally) -> None:
    done = ", ".join(f"{number} {name}" for name, number in tally.as_json().items() if number)
    typer.echo(printable(f"{reference_id} ({done})"), err=True)


@contextmanager
def _held(catalogue: str, made: bool = True) -> Iterator[CatalogueTable]:
    from streaming.catalogue_command import open_table

    with told_to_the_user():
        table = open_table(catalogue, made)
        with table.held():
            yield table


def _finish(table: CatalogueTable, index: str | None, result: dict[str, Any], as_json: bool) -> None:
    """Bring the index in line, and print what was done."""
    from streaming.catalogue_command import bring_in_line

    if index is not None:
        result["index"] = bring_in_line(table, index)
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, value in result.items():
        typer.echo(printable(f"{name}: {json.dumps(value, ensure_ascii=False)}"))
