"""``soundgate sanitise``: a safe copy of one file."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from streaming.errors import UserError

EPILOG = """
Examples:

    soundgate sanitise upload.mp3 safe.flac

    soundgate sanitise upload.wav safe.flac --force --json

The copy holds the sound (16-bit FLAC; WAV for more than 8 channels) and title, artist, album, date, genre and track
number. Whatever else the file held is not in it, nor is anything in the low bits of its samples.

Exit code 0: written; 2: could not be (what is no audio has no safe copy).
"""


def sanitise(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An audio file of any kind that can be decoded.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Where the copy goes: a name ending in .flac.")],
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was written as one JSON object.")] = False,
) -> None:
    """Write a copy that holds the sound and nothing else: encoded anew, known tags only, low bits wiped."""
    from udfs.errors import TrackError
    from udfs.sandbox import SandboxedDecoder
    from udfs.sanitise import extension_for, write_safe_copy
    from udfs.track import Track

    if target.exists() and not force:
        raise UserError(f"{target} is there already; give another name, or --force to replace it")
    try:
        track = Track.from_file(source)
    except OSError as error:
        raise UserError(f"cannot read {source}: {error.strerror}") from error
    try:
        with SandboxedDecoder() as decode:
            decoded = decode(track)
    except TrackError as error:
        raise UserError(f"{source} has no safe copy: {error}") from error
    extension = extension_for(decoded)
    if target.suffix.lower() != f".{extension}":
        raise UserError(f"the copy is a .{extension} file; call it {target.with_suffix('.' + extension)}")
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".soundgate-", suffix=f".{extension}") as file:
            write_safe_copy(decoded, file)
            file.flush()
            # A rename would take the private temporary file's permissions along.
            target.write_bytes(Path(file.name).read_bytes())
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from error
    written = {
        "source": str(source),
        "target": str(target),
        "bytes_in": len(track.data),
        "bytes_out": target.stat().st_size,
        "duration_ms": decoded.facts.duration_ms,
        "tags": dict(decoded.tags),
    }
    typer.echo(json.dumps(written) if as_json else _in_words(written))


def _in_words(written: dict[str, object]) -> str:
    return "{target}: {duration_ms} ms of sound, {bytes_out} bytes (from {bytes_in})".format_map(written)
