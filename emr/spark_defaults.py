"""The Spark properties of the job on EMR, read from ``spark-defaults.conf`` beside this file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streaming.errors import UserError

PATH = Path(__file__).with_name("spark-defaults.conf")


def parse_properties(text: str) -> dict[str, str]:
    """Read ``key value`` lines; blank lines and those that begin with ``#`` are skipped, as Spark does."""
    properties: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, _, value = stripped.partition(" ")
        if not value.strip():
            raise UserError(f"line {number} of the Spark properties has a key but no value: {stripped}")
        if key in properties:
            raise UserError(f"line {number} of the Spark properties sets {key} a second time")
        properties[key] = value.strip()
    return properties


def job_properties(platform: str, overrides: Iterable[str] = ()) -> dict[str, str]:
    """Give the properties for ``cluster`` or ``serverless``, with ``KEY=VALUE`` overrides applied.

    EMR Serverless has no YARN: its lines are left out there, because it refuses a job with properties of that name.
    """
    properties = parse_properties(PATH.read_text(encoding="utf-8"))
    if platform == "serverless":
        properties = {key: value for key, value in properties.items() if not key.startswith("spark.yarn.")}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.startswith("spark."):
            raise UserError(f"--conf wants spark.KEY=VALUE, not {override!r}")
        properties[key] = value
    return properties
