"""What ``soundgate features FILE…`` does: decode, extract, and tell it as text, CSV, JSON or a picture."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from streaming.errors import UserError
from streaming.local_files import decode_file
from streaming.partition_key import printable
from udfs.features import NAMES, Features, extract_features
from udfs.features.annotation_csv import LAYOUTS, write_lines
from udfs.features.rows import rows_of, summarise
from udfs.sandbox import SandboxedDecoder

NO_MATPLOTLIB = "--picture needs matplotlib: install soundgate with its extra `look`"


def parse_names(text: str) -> tuple[str, ...]:
    """Read a list of features' names; ``all`` is all of them.

    Raises
    ------
    UserError
        For a name that is none.
    """
    asked = {name.strip() for name in text.split(",") if name.strip()}
    if asked == {"all"}:
        return NAMES
    if unknown := sorted(asked - set(NAMES)):
        raise UserError(f"there is no feature {unknown[0]!r}: {', '.join(NAMES)}, or all")
    return tuple(name for name in NAMES if name in asked)


def select(only: str | None, layout: str | None) -> tuple[str, ...]:
    """Say which features are needed for what was asked for."""
    if layout is not None and layout not in LAYOUTS:
        raise UserError(f"--csv {layout}: it is one of {', '.join(LAYOUTS)}")
    if only is not None:
        names = parse_names(only)
        if layout is not None and LAYOUTS[layout][0] not in names:
            raise UserError(f"--csv {layout} needs the feature {LAYOUTS[layout][0]!r}, which --only leaves out")
        return names
    return (LAYOUTS[layout][0],) if layout is not None else NAMES


def extract(path: Path, names: tuple[str, ...]) -> Features:
    """Decode a file and extract its features.

    Raises
    ------
    UserError
        The file cannot be read, or holds no sound.
    """
    return extract_features(*decode_file(path, _decoder()), names)


@cache
def _decoder() -> SandboxedDecoder:
    return SandboxedDecoder()


def to_text(features: Features, path: Path, layout: str | None, as_json: bool, several: bool) -> str:
    """Tell a file's features: as CSV in Sonic Annotator's layout, as a line of JSON, or for people."""
    if layout is not None:
        return "".join(write_lines(features, layout, printable(str(path)) if several else None))
    if as_json:
        return json.dumps({"path": str(path), **_as_json(features)}, ensure_ascii=True) + "\n"
    lines = [printable(str(path)), *(f"  {name:20} {printable(text)}" for name, text in _told(features).items())]
    return "\n".join(lines) + "\n"


def draw(features: Features, path: Path, picture: Path) -> None:
    """Draw a file's features.

    Raises
    ------
    UserError
        matplotlib is not installed, or the picture cannot be written.
    """
    try:
        from streaming.pictures.features import show_features
        from streaming.pictures.style import to_png
    except ImportError as error:
        raise UserError(NO_MATPLOTLIB) from error
    try:
        picture.write_bytes(to_png(show_features(features, path.name)))
    except OSError as error:
        raise UserError(f"--picture {picture}: {error.strerror}") from error


def _as_json(features: Features) -> dict[str, Any]:
    whole = summarise(features)
    parsed = {name: json.loads(whole.pop(name) or "null") for name in ("metadata", "parameters")}
    seconds = [
        {name: value for name, value in row.items() if name not in ("mel", "track")} for row in rows_of(features)
    ]
    return {**whole, **parsed, "by_second": seconds}


def _told(features: Features) -> dict[str, str]:
    whole = summarise(features)
    metadata = json.loads(whole.pop("metadata") or "{}")
    whole.pop("parameters")
    tags = {f"tag {name}": value for name, value in metadata.pop("tags", {}).items()}
    told = {**metadata, **whole, **tags}
    return {
        name: f"{value:.4g}" if isinstance(value, float) else str(value)
        for name, value in told.items()
        if value is not None
    }
