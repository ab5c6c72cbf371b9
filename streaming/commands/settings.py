"""``soundgate settings``: what the job would run with, and who said so."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from streaming.commands.options import Config

EPILOG = """
Examples:

    soundgate settings

    SOUNDGATE_TIMEOUT_SECONDS=60 soundgate settings --config settings.toml --json | jq .timeout_seconds

Values that may be secret are not shown. Exit code 0: printed; 2: a value is not possible.
"""


def settings(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print every setting with its value, where that came from, and what it is for."""
    from streaming.partition_key import printable
    from streaming.settings import list_settings

    found = list_settings(config)
    if as_json:
        typer.echo(json.dumps({each.name: {"value": each.value, "from": each.origin} for each in found}, default=str))
        return
    for each in found:
        typer.echo(f"{each.name} = {printable(str(each.value))}  ({each.origin})\n    {each.text}")
