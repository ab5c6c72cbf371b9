"""``soundgate explain``: the evidence behind a verdict; without Spark."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from streaming.errors import UserError

EPILOG = """
Examples:

    soundgate explain 0b6c1c0e-8f4a-4c5e-9a39-5c8c6c0f6a11 --lake lake

    soundgate explain 0b6c1c0e-8f4a-4c5e-9a39-5c8c6c0f6a11 --lake lake --json | jq .verdict.reasons

Exit code 0: printed; 2: there is nothing about that upload, or it could not run.
"""

REJECTION_COLUMNS = ["reason", "message", "data_length", "data_sha256", "sequence_number", "arrived_at", "rejected_at"]


def explain(
    upload_id: Annotated[str, typer.Argument(metavar="UPLOAD_ID", help="As `soundgate produce` printed it.")],
    lake: Annotated[str | None, typer.Option(envvar="SOUNDGATE_LAKE", help="The job's lake.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
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
    verdict = read_evidence(verdicts[0]) if verdicts else None
    found = {"verdict": verdict, "rejections": rejections}
    typer.echo(json.dumps(found, default=str, ensure_ascii=True) if as_json else describe(found))


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
