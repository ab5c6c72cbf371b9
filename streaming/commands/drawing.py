"""Pictures from the command line: where they may go, and that they need what draws them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from streaming.errors import UserError


def check_target(target: Path) -> None:
    """Make sure that a picture may be written there; raises UserError when its name is none of one."""
    if target.suffix.lower() != ".png":
        raise UserError(f"--png {target}: give a name that ends in .png")


@contextmanager
def needing_look() -> Iterator[None]:
    """Import what draws; raises UserError when it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed: pictures need the extra, soundgate[look]") from error


def write_picture(drawn: bytes, target: Path) -> None:
    """Write a picture and say so; raises UserError when it cannot be written."""
    try:
        target.write_bytes(drawn)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from error
    typer.echo(f"drew {target}", err=True)
