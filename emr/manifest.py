"""What is in a bundle: ``manifest.json``, the one file of it that people and `soundgate emr` read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streaming.errors import UserError

NAME = "manifest.json"
ENVIRONMENT, DATA, ENTRY = "environment.tar.gz", "data.tar.gz", "entry.py"
FORMAT = 1


@dataclass(frozen=True)
class Part:
    """One file of a bundle: its length in bytes and its SHA-256, lower-case hex."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds and what it was made for.

    `parts` are the files beside the manifest; `data` names each file inside the data archive (``settings.toml``,
    ``index/…``) with its SHA-256. `state_schema` is what `upgrade` compares: the state variables that this version
    of the job keeps.
    """

    version: str
    architecture: str  # aarch64 | x86_64
    python: str
    lock_sha256: str
    state_schema: Mapping[str, str]
    parts: Mapping[str, Part]
    data: Mapping[str, str]

    @property
    def identity(self) -> str:
        """Give a name for the bundle that changes with anything in it: version, architecture, digest."""
        digest = hashlib.sha256(self.to_json().encode()).hexdigest()
        return f"{self.version}-{self.architecture}-{digest[:12]}"

    def to_json(self) -> str:
        """Write the manifest as JSON, keys sorted, so that the same bundle gives the same text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True) + "\n"


def parse_manifest(text: str | bytes, where: str) -> Manifest:
    """Read a manifest; `where` is named in the message of the `UserError` when it is none."""
    try:
        raw: dict[str, Any] = json.loads(text)
        if raw.pop("format") != FORMAT:
            raise UserError(f"{where} was made by another version of soundgate: make the bundle anew")
        raw["parts"] = {name: Part(**part) for name, part in raw["parts"].items()}
        return Manifest(**raw)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{where} is not a bundle's {NAME}: {error}") from error


def measure(path: Path) -> Part:
    """Take a file's length and SHA-256."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Part(path.stat().st_size, digest)


def verify_parts(folder: Path) -> Manifest:
    """Read a bundle's manifest and compare each part with it; raises `UserError` on the first that differs."""
    path = folder / NAME
    if not path.is_file():
        raise UserError(f"{folder} is no bundle: it has no {NAME}; make one with `soundgate emr bundle -o {folder}`")
    manifest = parse_manifest(path.read_bytes(), str(path))
    for name, part in manifest.parts.items():
        if not (folder / name).is_file():
            raise UserError(f"the bundle lacks {folder / name}", exit_code=1)
        if measure(folder / name) != part:
            raise UserError(f"{folder / name} is not the file that {NAME} describes (SHA-256 differs)", exit_code=1)
    return manifest
