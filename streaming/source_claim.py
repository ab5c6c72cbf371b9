"""Which sources a checkpoint reads, and who reads its streams: written down at its first start, the same for ever.

Spark keeps an offset for each source by its position, and each reader of streams has offsets of its own kind; a change
would be noticed late and in words that help nobody, or not at all.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from streaming.errors import UserError
from streaming.places import Place

FILE = "sources.json"
FILES = "files:"


@dataclass(frozen=True)
class Claim:
    """A checkpoint's sources in their order, and the Spark format that reads the streams among them, if there are any.

    Parameters
    ----------
    sources
        ``files:DIR`` (absolute) and ``kinesis:STREAM``.
    kinesis_reader
        The format's name.
    """

    sources: tuple[str, ...]
    kinesis_reader: str | None


def check_claim(before: Claim | None, claim: Claim) -> None:
    """Make sure that a checkpoint's sources and their reader are still those that it belongs to.

    Parameters
    ----------
    before
        What it belongs to; None for a new one.
    claim
        What is to be read now.

    Raises
    ------
    UserError
        It belongs to others; says the way out.
    """
    if before is None:
        return
    if before.sources != claim.sources:
        raise UserError(
            f"this checkpoint reads {', '.join(before.sources)}, in that order, and --source now says "
            f"{', '.join(claim.sources)}. A checkpoint's sources never change: let the job drain (--drain), then begin "
            "a new checkpoint with --adopt-lake and kinesis_starting_position = 'AT_TIMESTAMP …' of that time."
        )
    if before.kinesis_reader != claim.kinesis_reader:
        raise UserError(
            f"this checkpoint was begun with the reader {before.kinesis_reader}, whose offsets {claim.kinesis_reader} "
            f"cannot read: set kinesis_reader to {before.kinesis_reader} or auto, or begin a new checkpoint."
        )


def keep_claim(checkpoint: Place, claim: Claim) -> None:
    """Write down what a checkpoint belongs to; once its sources could be opened, so that a slip binds nobody."""
    checkpoint.write(FILE, json.dumps(asdict(claim), indent=2).encode())


def recall_claim(checkpoint: Place) -> Claim | None:
    """Read what a checkpoint belongs to; None for a new one."""
    data = checkpoint.read(FILE)
    if data is None:
        return None
    try:
        written = json.loads(data)
        return Claim(tuple(written["sources"]), written["kinesis_reader"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{FILE} in the checkpoint is damaged ({error!r}): put it back from a backup, or begin a new checkpoint"
        ) from error


def absolute(source: str) -> str:
    """Name a source so that it means the same from every working folder."""
    folder = source.removeprefix(FILES)
    return f"{FILES}{Path(folder).absolute()}" if source.startswith(FILES) and "://" not in folder else source
