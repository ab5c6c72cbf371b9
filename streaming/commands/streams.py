"""``soundgate streams``: make, describe, scale and delete the Kinesis streams that uploads come through."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streaming.commands.options import OtherKinesis, StreamRegion
from streaming.errors import UserError
from streaming.stream_set import Mode, StreamSet, StreamSettings, Tracking

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

    from streaming.stream_admin import Described

app = typer.Typer(
    no_args_is_help=True,
    help="""Make, describe, scale and delete the Kinesis streams that uploads come through.

A set is so many baseline streams an availability zone, and extra ones under load. Which streams are in use, and were,
is written down in a routing document, by which producers choose a key's stream: a local file or an object on S3.
""",
)

CREATE_EPILOG = """
Examples:

    soundgate streams create uploads --routing s3://BUCKET/streams.json --per-az 1

    soundgate streams create uploads --routing streams.json --az eu-west-1a --mode provisioned --shards 4 --track 0.6
"""
DESCRIBE_EPILOG = """
Examples:

    soundgate streams describe --routing s3://BUCKET/streams.json --hot-keys 60

Exit code 0: all is well; 1: a stream is missing, or a partition key is hot; 2: could not run.
"""
SCALE_EPILOG = """
Examples:

    soundgate streams scale --routing s3://BUCKET/streams.json --extra 2

    soundgate streams scale --routing s3://BUCKET/streams.json --extra 0

    soundgate streams scale --routing s3://BUCKET/streams.json
"""
DELETE_EPILOG = """
Examples:

    soundgate streams delete --routing s3://BUCKET/streams.json

    soundgate streams delete --routing s3://BUCKET/streams.json --all --yes
"""
LOOKUP_EPILOG = """
Examples:

    soundgate streams lookup 'alice/song.flac' --routing s3://BUCKET/streams.json
"""

RoutingOption = Annotated[
    str,
    typer.Option(
        "--routing",
        envvar="SOUNDGATE_ROUTING",
        metavar="FILE|s3://…",
        help="The routing document.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("create", epilog=CREATE_EPILOG)
def create(
    name: Annotated[str, typer.Argument(help="What the streams' names begin with.")],
    routing: RoutingOption,
    per_az: Annotated[int, typer.Option("--per-az", min=1, max=20, help="Baseline streams a zone.")] = 1,
    az: Annotated[
        list[str] | None, typer.Option("--az", help="A zone; all of the region unless said. Repeats.")
    ] = None,
    mode: Annotated[str, typer.Option("--mode", metavar="on-demand|provisioned", help="Capacity.")] = "on-demand",
    shards: Annotated[int, typer.Option("--shards", min=1, help="Shards of a provisioned stream, at first.")] = 1,
    track: Annotated[
        float | None, typer.Option("--track", help="Target tracking: share of the shards' capacity to keep in use.")
    ] = None,
    max_shards: Annotated[int, typer.Option("--max-shards", min=1, help="Most shards that tracking gives.")] = 64,
    record_size: Annotated[int, typer.Option("--record-kib", min=1024, max=10240, help="Largest record, KiB.")] = 1024,
    retention: Annotated[int, typer.Option("--retention-hours", min=24, max=8760, help="How long records stay.")] = 24,
    kms_key: Annotated[
        str, typer.Option("--kms-key", help="Key for encryption at rest; an empty one leaves it out.")
    ] = "alias/aws/kinesis",
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="NAME=VALUE", help="A tag. Repeats.")] = None,
    region: StreamRegion = None,
    endpoint_url: OtherKinesis = None,
) -> None:
    """Make the baseline streams of a new set and write them down. Run it again when it was cut off: it goes on."""
    from streaming.aws import kinesis_client
    from streaming.stream_admin import create_stream, now_text
    from streaming.stream_routing import Routing
    from streaming.stream_set import Epoch, baseline_names

    settings = _settings(mode, shards, track, max_shards, record_size, retention, kms_key, tag or [])
    document = Routing(routing)
    written = document.read()
    if written.streams is not None:
        raise UserError(f"{routing!r} holds the set {written.streams.name!r} already: scale it, or delete it first")
    names = baseline_names(name, az or _find_zones(region, endpoint_url), per_az)
    client = kinesis_client(region, endpoint_url)
    for stream in names:
        create_stream(client, stream, name, settings)
        typer.echo(f"made  {stream}")
    document.write(StreamSet(name, settings, (Epoch(now_text(), names),)), written.version)


@app.command("describe", epilog=DESCRIBE_EPILOG)
def describe(
    routing: RoutingOption,
    hot_keys: Annotated[
        float, typer.Option("--hot-keys", min=0, help="Read the records of so many seconds, to find hot keys.")
    ] = 0,
    region: StreamRegion = None,
    endpoint_url: OtherKinesis = None,
    as_json: JsonOption = False,
) -> None:
    """Show every stream of the set, and partition keys that bring more than the 1 MB/s that one shard takes."""
    from streaming.aws import kinesis_client
    from streaming.partition_key import printable
    from streaming.stream_admin import MISSING, describe_stream
    from streaming.stream_load import find_hot_keys, sample_records
    from streaming.stream_routing import Routing

    streams = Routing(routing).load()
    client = kinesis_client(region, endpoint_url)
    described = [describe_stream(client, streams, name) for name in streams.existing]
    sampled = [stream.name for stream in described if hot_keys and stream.status != MISSING]
    hot = {name: find_hot_keys(sample_records(client, name, hot_keys), hot_keys) for name in sampled}
    if as_json:
        found = [
            {**asdict(stream), "hot_keys": [asdict(key) for key in hot.get(stream.name, [])]} for stream in described
        ]
        typer.echo(json.dumps({"name": streams.name, "streams": found}, indent=2))
    else:
        for stream in described:
            typer.echo(_line(stream))
        for name, keys in hot.items():
            for key in keys:
                rates = f"{key.bytes_per_second / 1e6:.2f} MB/s, {key.records_per_second:.0f} records/s"
                typer.echo(f"hot key in {name}: {printable(key.partition_key)}: {rates}; a shard takes 1 MB/s")
    ill = any(stream.status == MISSING for stream in described) or any(hot.values())
    raise typer.Exit(1 if ill else 0)


@app.command("scale", epilog=SCALE_EPILOG)
def scale(
    routing: RoutingOption,
    extra: Annotated[int | None, typer.Option("--extra", min=0, max=100, help="Have so many extra streams.")] = None,
    region: StreamRegion = None,
    endpoint_url: OtherKinesis = None,
) -> None:
    """Add or retire extra streams; without --extra, give provisioned streams the shards that their tracking asks for.

    A retired stream gets no new records and is drained by the job; `delete` removes it when its retention is over.
    Run tracking every few minutes from a scheduler: Kinesis has none of its own.
    """
    from streaming.aws import kinesis_client
    from streaming.stream_admin import create_stream, now_text
    from streaming.stream_routing import Routing
    from streaming.stream_set import with_extras

    document = Routing(routing)
    streams, version = document.load(), document.read().version
    client = kinesis_client(region, endpoint_url)
    if extra is None:
        _track(client, streams, region, endpoint_url)
        return
    wanted = with_extras(streams, extra)
    for stream in wanted:
        if stream not in streams.active:
            create_stream(client, stream, streams.name, streams.settings)
            typer.echo(f"made  {stream}")
    for stream in streams.active:
        if stream not in wanted:
            typer.echo(f"draining  {stream}")
    if wanted != streams.active:
        document.write(streams.change(wanted, now_text()), version)


@app.command("delete", epilog=DELETE_EPILOG)
def delete(
    routing: RoutingOption,
    everything: Annotated[bool, typer.Option("--all", help="The whole set, with every record in it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Needed with --all.")] = False,
    region: StreamRegion = None,
    endpoint_url: OtherKinesis = None,
) -> None:
    """Delete retired streams whose retention is over, so that nothing unread goes; or the whole set."""
    from streaming.aws import kinesis_client
    from streaming.stream_admin import delete_streams, drained, now_text
    from streaming.stream_routing import Routing

    document = Routing(routing)
    streams, version = document.load(), document.read().version
    if everything and not yes:
        raise UserError(f"--all deletes {len(streams.existing)} streams with every record in them: say --yes, too")
    client = kinesis_client(region, endpoint_url)
    names = streams.existing if everything else drained(client, streams, datetime.fromisoformat(now_text()))
    for name in delete_streams(client, names):
        typer.echo(f"deleted  {name}")
    if everything:
        document.remove()
    elif names:
        document.write(streams.forget(names), version)


@app.command("lookup", epilog=LOOKUP_EPILOG)
def lookup(
    partition_key: Annotated[str, typer.Argument(help="A partition key: userID/Track Name.")],
    routing: RoutingOption,
    as_json: JsonOption = False,
) -> None:
    """Tell which stream a partition key goes to, and went to before."""
    from streaming.stream_routing import Routing

    history = Routing(routing).load().history_of(partition_key)
    if as_json:
        typer.echo(json.dumps([{"since": since, "stream": stream} for since, stream in history], indent=2))
        return
    for since, stream in history:
        typer.echo(f"{since}  {stream}")


def _settings(
    mode: str,
    shards: int,
    track: float | None,
    max_shards: int,
    record_kib: int,
    retention_hours: int,
    kms_key: str,
    tags: list[str],
) -> StreamSettings:
    """Put the flags together; raises UserError where they do not go together."""
    modes = {"on-demand": Mode.ON_DEMAND, "provisioned": Mode.PROVISIONED}
    if mode not in modes:
        raise UserError(f"--mode {mode!r} is neither on-demand nor provisioned")
    if track is not None and modes[mode] is Mode.ON_DEMAND:
        raise UserError("--track is for --mode provisioned: on-demand streams scale by themselves")
    for tag in tags:
        if "=" not in tag.strip("="):
            raise UserError(f"--tag {tag!r} is not NAME=VALUE")
    try:
        tracking = None if track is None else Tracking(track, shards, max_shards)
    except ValueError as error:
        raise UserError(f"--track {track} with {shards} to {max_shards} shards cannot be: {error}") from error
    named: dict[str, Any] = dict(tag.split("=", 1) for tag in tags)
    return StreamSettings(modes[mode], shards, record_kib, retention_hours, kms_key, named, tracking)


def _find_zones(region: str | None, endpoint_url: str | None) -> list[str]:
    """Ask EC2 for the region's zones."""
    from streaming.aws import make_client
    from streaming.stream_admin import find_zones

    return find_zones(make_client("ec2", region, endpoint_url))


def _track(client: KinesisClient, streams: StreamSet, region: str | None, endpoint_url: str | None) -> None:
    """Give each stream in use the shards that its load asks for."""
    from streaming.aws import make_client
    from streaming.stream_admin import describe_stream, set_shards
    from streaming.stream_load import measure_load, wanted_shards

    policy = streams.settings.tracking
    if policy is None:
        raise UserError("the set has no tracking policy (`create --mode provisioned --track`): say --extra N")
    watch = make_client("cloudwatch", region, endpoint_url)
    for name in streams.active:
        described, load = describe_stream(client, streams, name), measure_load(watch, name)
        wanted = wanted_shards(described.shards, load, policy)
        if described.status == "ACTIVE" and wanted != described.shards:
            set_shards(client, name, wanted)
        typer.echo(f"{name}  {described.shards} -> {wanted} shards at {load.bytes_per_second / 1e6:.2f} MB/s")


def _line(stream: Described) -> str:
    """One stream for people to read."""
    encrypted = stream.kms_key or "not encrypted"
    details = f"{stream.mode}  {stream.shards} shards  {stream.retention_hours} h  {stream.record_kib} KiB  {encrypted}"
    return f"{stream.name}  {stream.role}  {stream.status}" + (f"  {details}" if stream.mode else "")
