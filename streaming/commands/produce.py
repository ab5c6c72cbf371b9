"""``soundgate produce``: put files on a stream, or into record files, as an upload service's front end does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from streaming.commands.options import OtherKinesis
from streaming.errors import UserError
from streaming.local_files import find_files
from udfs.track import Encoding

if TYPE_CHECKING:
    from streaming.producer import Record
    from streaming.uploads import Upload, UploadOptions

EPILOG = """
Examples:

    soundgate produce song.flac --to files:.demo/records

    soundgate produce uploads/ --to kinesis:soundgate --region eu-west-1 --user alice

    soundgate produce uploads/ --to streams:s3://BUCKET/streams.json

    soundgate produce talk.wav --to files:records --legacy --json | jq '.uploads[].partition_key'

Exit code 0: everything was written; 1: a file could not be (it is said which); 2: could not run.
"""

FILES, KINESIS, STREAMS = "files", "kinesis", "streams"
OVERHEAD_BYTES = 2048  # what a record adds to its payload: fields, key, and what gzip adds to bytes that do not shrink


class Sink(Protocol):
    """Where records go."""

    def put(self, batch: Sequence[Record]) -> object:
        """Write a batch; it is there for good when this returns."""


def produce(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders with files at any depth.")],
    to: Annotated[
        str, typer.Option("--to", metavar="files:DIR|kinesis:STREAM|streams:ROUTING", help="Where the records go.")
    ],
    chunk_size: Annotated[str, typer.Option("--chunk-size", help="Bytes of a track in a record (v1).")] = "256KiB",
    encoding: Annotated[
        Encoding, typer.Option("--encoding", help="The file's own bytes, or its samples decoded here (v1).")
    ] = Encoding.FILE,
    gzip: Annotated[bool, typer.Option("--gzip", help="Compress each chunk (v1).")] = False,
    legacy: Annotated[bool, typer.Option("--legacy", help="Write the legacy JSON format: mono samples.")] = False,
    user: Annotated[str, typer.Option("--user", help="User id, the first part of the partition key.")] = "local",
    endpoint_url: OtherKinesis = None,
    region: Annotated[str | None, typer.Option("--region", help="AWS region of the stream.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Cut files into chunk records and put them on a Kinesis stream or into record files.

    Prints each file's upload id, by which `soundgate explain` finds its verdict (a legacy upload is found by its
    partition key).
    """
    from streaming.chunk import Compression
    from streaming.producer import OPEN_UPLOADS, interleave
    from streaming.uploads import UploadOptions, plan, records_of

    if legacy and (gzip or encoding is not Encoding.FILE):
        raise UserError("--legacy is always samples under gzip: leave --encoding and --gzip out")
    compression = Compression.GZIP if gzip else Compression.NONE
    options = UploadOptions(user, _parse_size(chunk_size), encoding, compression, legacy)
    uploads = plan(_named_files(paths), options)
    if not uploads:
        raise UserError("there is no file to produce in what was given")
    sink, batch_limits = _open_sink(to, region, endpoint_url, options)
    # A decoded track is held whole: only files are cut several at a time.
    width = OPEN_UPLOADS if encoding is Encoding.FILE and not legacy else 1
    records = interleave((records_of(upload, options) for upload in uploads), width)
    try:
        _write(records, sink, batch_limits, uploads, options.chunk_bytes)
    finally:  # also where it ended early: what was written has upload ids, too
        _report(to, uploads, getattr(sink, "resent", 0), as_json)
    raise typer.Exit(0 if all(upload.complete for upload in uploads) else 1)


def _parse_size(text: str) -> int:
    """Read ``262144``, ``256KiB`` or ``1MB``; raises UserError for no size, or one that no record can carry."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    from streaming.chunk import DEFAULT_LIMITS

    most = min(DEFAULT_LIMITS.max_payload_bytes, DEFAULT_LIMITS.max_record_bytes - OVERHEAD_BYTES)
    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError as error:
        raise UserError(f"--chunk-size {text!r} is no size: write 262144, 256KiB or 1MB") from error
    if not 1 <= size <= most:
        raise UserError(f"--chunk-size {text!r} is outside 1 to {most} bytes")
    return size


def _named_files(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Name a file by its path below the folder that was given, or by its own name alone."""
    for given in paths:
        for path in find_files([given]):
            name = str(path.relative_to(given)) if given.is_dir() else path.name
            yield path, name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _open_sink(
    to: str, region: str | None, endpoint_url: str | None, options: UploadOptions
) -> tuple[Sink, tuple[int, int]]:
    """Open what ``--to`` names; gives it and the most records and bytes that it takes at once."""
    kind, _, name = to.partition(":")
    if not name or kind not in (FILES, KINESIS, STREAMS):
        raise UserError(f"--to {to!r} is neither files:DIR nor kinesis:STREAM nor streams:ROUTING")
    if kind == FILES:
        from streaming.record_files import FILE_BYTES, FILE_RECORDS, RecordFileWriter

        if region or endpoint_url:
            raise UserError("--region and --endpoint-url are for --to kinesis:STREAM and streams:ROUTING")
        try:
            return RecordFileWriter(Path(name)), (FILE_RECORDS, FILE_BYTES)
        except OSError as error:
            raise UserError(f"cannot write into {name!r}: {error}") from error
    from streaming.aws import kinesis_client
    from streaming.kinesis_writer import CALL_BYTES, CALL_RECORDS, KinesisWriter
    from streaming.stream_routing import RoutedWriter, Routing

    client = kinesis_client(region, endpoint_url)
    writer = RoutedWriter(client, Routing(name)) if kind == STREAMS else KinesisWriter(client, name)
    if not options.legacy and options.chunk_bytes + OVERHEAD_BYTES > writer.max_record_bytes:
        raise UserError(
            f"{to} takes records of {writer.max_record_bytes} bytes: use a --chunk-size of at most "
            f"{writer.max_record_bytes - OVERHEAD_BYTES}, or raise the stream's record size limit"
        )
    return writer, (CALL_RECORDS, CALL_BYTES)


def _write(
    records: Iterator[Record], sink: Sink, limits: tuple[int, int], uploads: list[Upload], chunk_bytes: int
) -> None:
    """Write everything, counting what each upload got and showing progress in bytes of the files."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from streaming.producer import batches
    from streaming.wire import route

    by_id = {upload.upload_id or upload.partition_key: upload for upload in uploads}
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("producing", total=sum(upload.file_bytes for upload in uploads))
        for batch in batches(records, *limits):
            try:
                sink.put(batch)
            except OSError as error:
                raise UserError(f"cannot write records: {error}") from error
            for record in batch:
                upload = by_id[route(record.data) or record.partition_key]
                upload.count(record, chunk_bytes)
            progress.update(task, completed=sum(upload.sent_bytes for upload in uploads))


def _report(to: str, uploads: list[Upload], resent: int, as_json: bool) -> None:
    """Print what came of each file: for people a line each, for machines one object."""
    from streaming.partition_key import printable

    if as_json:
        written = {
            "to": to,
            "records": sum(upload.chunks for upload in uploads),
            "record_bytes": sum(upload.record_bytes for upload in uploads),
            "resent": resent,
            "uploads": [upload.summary() for upload in uploads],
        }
        typer.echo(json.dumps(written, indent=2))
        return
    for upload in uploads:
        name = upload.upload_id or "legacy (find it by its key)"
        typer.echo(f"{name}  {printable(upload.partition_key)}  {upload.chunks} chunks")
        if not upload.complete:
            why = upload.failure or "the run ended before"
            typer.secho(f"soundgate: {printable(str(upload.path))} was not written whole: {why}", err=True)
