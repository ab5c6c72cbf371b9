"""``soundgate explain``: the evidence behind a verdict; without Spark."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from streaming.commands.drawing import check_target, needing_look, write_picture
from streaming.errors import UserError

EPILOG = """
Examples:

    soundgate explain 0b6c1c0e-8f4a-4c5e-9a39-5c8c6c0f6a11 --lake lake

    soundgate explain 0b6c1c0e-8f4a-4c5e-9a39-5c8c6c0f6a11 --lake lake --json | jq .verdict.reasons

    soundgate explain 0b6c1c0e-8f4a-4c5e-9a39-5c8c6c0f6a11 --lake lake --payload-to sample.bin

    soundgate explain 0b6c1c0e-8f4a-4c5e-9a39-5c8c6c0f6a11 --lake lake --index index --png upload.png

--png draws the upload: waveform, evidence, spectrogram with its constellation and the matched recording, the file's
bytes. --payload-to recovers the payload from the stored upload (the job's --quarantine keeps those that were refused)
and writes it: it may be malware. Without --payload-to no payload is ever written anywhere.

Exit code 0: printed; 2: there is nothing about that upload, or it could not run.
"""

REJECTION_COLUMNS = ["reason", "message", "data_length", "data_sha256", "sequence_number", "arrived_at", "rejected_at"]


def explain(
    upload_id: Annotated[str, typer.Argument(metavar="UPLOAD_ID", help="As `soundgate produce` printed it.")],
    lake: Annotated[str | None, typer.Option(envvar="SOUNDGATE_LAKE", help="The job's lake.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    payload_to: Annotated[
        Path | None, typer.Option("--payload-to", metavar="FILE", help="Write the recovered payload to this new file.")
    ] = None,
    png: Annotated[Path | None, typer.Option(metavar="OUT", help="Draw the upload into this PNG file.")] = None,
    index: Annotated[
        str | None, typer.Option(envvar="SOUNDGATE_INDEX", help="For --png: the index that it was matched in.")
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="For --png: the known recordings' own files.")
    ] = None,
) -> None:
    """Print an upload's verdict with everything that led to it, and its rejected records."""
    from streaming.lake_reader import rows_where
    from streaming.partition_key import printable

    if lake is None:
        raise UserError("--lake is needed (or SOUNDGATE_LAKE)")
    verdicts = rows_where(lake, "verdicts", "upload_id", upload_id)
    rejections = rows_where(lake, "rejections", "upload_id", upload_id, REJECTION_COLUMNS)
    if not verdicts and not rejections:
        raise UserError(f"nothing is known of {printable(upload_id)}: it is in flight, or was never seen")
    if payload_to is not None:
        write_payload(verdicts[0] if verdicts else {}, payload_to, lake)
    if png is not None:
        draw(verdicts[0] if verdicts else {}, png, lake, index, recordings)
    verdict = read_evidence(verdicts[0]) if verdicts else None
    found = {"verdict": verdict, "rejections": rejections}
    typer.echo(json.dumps(found, default=str, ensure_ascii=True) if as_json else describe(found))


def write_payload(verdict: dict[str, Any], target: Path, lake: str | None = None) -> None:
    """Recover the first payload of a stored upload, and write it to a file that only its owner can read.

    Raises
    ------
    UserError
        The upload is not stored, nothing is recovered from it, or the file is there or cannot be written.
    """
    from streaming.look.evidence import walk_bytes
    from streaming.look.stored import read_stored
    from udfs.errors import TrackError
    from udfs.forensics import recover
    from udfs.sandbox import SandboxedDecoder

    track = read_stored(verdict, lake)
    report = walk_bytes(track)
    try:
        with SandboxedDecoder() as decode:
            decoded = decode(track)
    except TrackError:
        decoded = None  # what lies beside the sound can be recovered all the same
    payloads = recover(track, report, decoded)
    if not payloads:
        raise UserError(f"no payload can be recovered from this upload; the whole of it is {verdict['stored_at']}")
    _, body = payloads[0]
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(body)
    except FileExistsError as error:
        raise UserError(f"{target} is there already; give another name") from error
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from error
    typer.echo(f"wrote {len(body)} bytes of payload to {target}", err=True)


def draw(verdict: dict[str, Any], target: Path, lake: str, index: str | None, recordings: Path | None) -> None:
    """Draw an upload's sheet into a PNG file.

    Raises
    ------
    UserError
        There is no verdict yet, nothing to draw with, no such index, or the file cannot be written.
    """
    if not verdict:
        raise UserError("there is nothing to draw: the upload has no verdict yet")
    check_target(target)
    if recordings is not None and not recordings.is_dir():
        raise UserError(f"--recordings {recordings}: there is no such folder")
    with needing_look():
        from streaming.pictures.style import to_png
        from streaming.pictures.upload import show_all
    from streaming.look.depth import Lens, open_index_to_look
    from udfs.sandbox import SandboxedDecoder

    opened = open_index_to_look(index)
    with SandboxedDecoder() as decode:
        drawn = to_png(show_all(Lens(decode, lake, opened, recordings).look(verdict)))
    write_picture(drawn, target)


def read_evidence(verdict: dict[str, Any]) -> dict[str, Any]:
    """Give the verdict with its evidence taken apart."""
    return {**verdict, "evidence": json.loads(verdict["evidence"] or "{}")}


def describe(found: dict[str, Any]) -> str:
    """Write it for people: the decision and its reasons first, then what was measured, then all the rest."""
    from streaming.partition_key import printable

    lines = []
    verdict = found["verdict"]
    if verdict is not None:
        evidence = verdict.pop("evidence")
        lines.append(f"{verdict['decision']}: {', '.join(verdict['reasons']) or 'nothing against it'}")
        lines += [f"  {each['code']}: {printable(each['detail'] or '')}" for each in evidence.get("reasons", ())]
        lines += [f"  {name} = {value:.6g}" for name, value in evidence.get("numbers", {}).items()]
        lines += [f"{name:22} {printable(str(value))}" for name, value in verdict.items() if value not in (None, [])]
    lines += [f"rejected record {each['sequence_number']}: {each['reason']}" for each in found["rejections"]]
    return "\n".join(printable(line) for line in lines)
