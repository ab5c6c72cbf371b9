"""One scanned file: judged, told in a line, a CSV row or a JSON object."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress

from streaming.errors import UserError
from streaming.partition_key import printable
from udfs.classify import Classifier
from udfs.findings import Classification, Content, Decision
from udfs.sandbox import SandboxedDecoder
from udfs.track import Track

CSV_COLUMNS = ("path", "verdict", "score", "reason")
MAX_FILE_BYTES = 1 << 30  # the most that one upload may ever be (docs of the job); a larger file is not read

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # how a cell begins that a spreadsheet works out

Writer = Callable[["Scanned"], None]


@dataclasses.dataclass(frozen=True, slots=True)
class Scanned:
    """What scanning one file gave.

    `verdict` is real, mock or error; `reason` begins with the first stable code; `score` is None only for errors.
    """

    path: str
    verdict: str
    score: float | None
    reason: str
    classification: Classification | None = None


@cache
def classifier() -> Classifier:
    """This process's classifier; made once, so that its decoder's process lives on from file to file."""
    return Classifier(SandboxedDecoder(), index=None)


def judge_file(path: Path) -> Scanned:
    """Judge one file; whatever is wrong with it becomes its verdict."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return Scanned(str(path), "error", None, f"error.too_large: over {MAX_FILE_BYTES} bytes")
        track = Track.from_file(path)
    except OSError as error:
        return Scanned(str(path), "error", None, f"error.unreadable: {error.strerror}")
    return describe(str(path), classifier().classify(track))


def describe(path: str, judged: Classification) -> Scanned:
    """Put a classification into the scan's three words: what would be let in is real, what held back is mock."""
    reasons = [f"{reason.code}: {reason.detail}" if reason.detail else reason.code for reason in judged.reasons]
    if judged.decision is Decision.REVIEW and reasons and reasons[0].startswith("error."):
        return Scanned(path, "error", judged.mock_score, reasons[0], judged)
    verdict = "real" if judged.decision is Decision.ACCEPT else "mock"
    if not reasons and judged.content is Content.UNDECIDED:
        reasons = ["undecided.score"]
    score = 1.0 if judged.mock_score is None else judged.mock_score
    return Scanned(path, verdict, score, "; ".join(reasons[:3]) or "ok", judged)


def make_writers(csv_path: Path | None, as_json: bool, open_things: ExitStack) -> list[Writer]:
    """Writers of everything that was asked for; files are closed with `open_things`."""
    writers: list[Writer] = [write_json if as_json else write_line]
    if csv_path is not None:
        try:
            stream = csv_path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise UserError(f"--csv {csv_path}: {error.strerror}") from error
        open_things.enter_context(stream)
        rows = csv.writer(stream)
        rows.writerow(CSV_COLUMNS)
        writers.append(lambda scanned: rows.writerow(to_row(scanned)) and None)
    return writers


def to_row(scanned: Scanned) -> tuple[str, str, str, str]:
    """One row of the CSV; the path as it was found, the reason as one printable line."""
    score = "" if scanned.score is None else f"{scanned.score:.6f}"
    return as_text_cell(scanned.path), scanned.verdict, score, printable(scanned.reason)


def as_text_cell(path: str) -> str:
    """Write a path so that no spreadsheet takes it for a formula: the same path, said from the folder it is in."""
    return f"./{path}" if path.startswith(FORMULA) else path


def write_line(scanned: Scanned) -> None:
    """Print one line for people."""
    score = "     " if scanned.score is None else f"{scanned.score:.3f}"
    typer.echo(f"{scanned.verdict:5}  {score}  {printable(scanned.path)}  {printable(scanned.reason)}")


def write_json(scanned: Scanned) -> None:
    """Print one JSON object on a line: the four columns and the whole classification."""
    typer.echo(json.dumps(dataclasses.asdict(scanned), default=dict, ensure_ascii=True, sort_keys=True))


def show_progress(results: Iterable[Scanned], total: int) -> Iterator[Scanned]:
    """Pass results on under a progress bar on standard error; none where that is no terminal."""
    console = Console(stderr=True)
    # Where both are terminals the lines must go round the bar; a piped standard output must never be redirected.
    with Progress(console=console, redirect_stdout=sys.stdout.isatty(), disable=not console.is_terminal) as bar:
        yield from bar.track(results, total=total, description="scanning")
