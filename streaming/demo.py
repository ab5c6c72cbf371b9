"""``make demo``: real recordings, and what only claims to be one, through the real job into Delta tables.

Runs the commands that anybody would run and prints each, then the tables that they left behind.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streaming.demo_uploads import DEMONSTRATIONS, KNOWN, RECORDINGS
from streaming.lake_reader import open_table, query
from streaming.record_files import RecordFileWriter

COMMAND = Path(sys.executable).with_name("soundgate")
USER = "demo"
TIMEOUT_S = 4  # an upload that lacks a chunk is given up so soon here; the default is ten minutes
LOG, LOG_LINES = "job.log", 20
COLOURS = {"accept": "green", "review": "yellow", "reject": "red", "incomplete": "magenta"}


def run_demo(folder: Path, console: Console) -> None:
    """Index, produce and classify in `folder`, which is made anew; raises CalledProcessError when a command fails."""
    for name in ("index", "uploads", "records", "lake", "checkpoint"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / LOG).unlink(missing_ok=True)
    (folder / "uploads").mkdir(parents=True)
    index, records, lake = folder / "index", folder / "records", folder / "lake"
    console.rule(f"1  {len(KNOWN)} recordings into a reference index")
    soundgate(["index", "build", *(str(RECORDINGS / name) for name in KNOWN), "-o", str(index)], console)
    console.rule(f"2  {len(DEMONSTRATIONS)} uploads into chunk records")
    produce(folder / "uploads", records, console)
    console.rule("3  the job: rebuild, decode, examine, identify, decide, write")
    arguments = [
        *("run", "--source", f"files:{records}", "--index", str(index), "--lake", str(lake)),
        *("--checkpoint", str(folder / "checkpoint"), "--timeout-seconds", str(TIMEOUT_S)),
        *("--trigger-seconds", "1", "--drain"),
    ]
    soundgate(arguments, console, log=folder / LOG)


def produce(uploads: Path, records: Path, console: Console) -> None:
    """Write the demo's files, produce them, and add the records that are no whole file's."""
    for one in DEMONSTRATIONS:
        if one.write is not None:
            one.write(uploads / one.track_name)
    soundgate(["produce", str(uploads), "--to", f"files:{records}", "--user", USER], console)
    writer = RecordFileWriter(records)
    for one in DEMONSTRATIONS:
        if one.records is not None:
            made = one.records(USER)
            writer.write(made)
            console.print(f"{len(made)} records of {one.what}", highlight=False)


def soundgate(arguments: Sequence[str], console: Console, log: Path | None = None) -> None:
    """Show a command and run it; what Spark has to say goes to a log."""
    console.print(f"$ soundgate {shlex.join(arguments)}", style="bold", markup=False, highlight=False, soft_wrap=True)
    command = [str(COMMAND), *arguments]
    if log is None:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return
    console.print(f"(less than a minute; its log is {log})", style="dim", markup=False, highlight=False)
    with log.open("wb") as file:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)


def read_table(lake: Path, name: str) -> list[dict[str, Any]]:
    """Read a table of the lake, without a JVM."""
    return list(query(open_table(str(lake), name), "SELECT * FROM lake"))


def show_verdicts(verdicts: Sequence[dict[str, Any]], console: Console) -> None:
    """Print a row for each upload, in the demo's order."""
    table = Table(title="verdicts", title_justify="left", show_lines=True)
    for name in ("upload", "what it really is", "decision", "content", "identity", "why"):
        table.add_column(name, overflow="fold")
    by_name = {row["track_name"]: row for row in verdicts}
    for one in DEMONSTRATIONS:
        row = by_name.get(one.track_name)
        if row is None:
            table.add_row(one.track_name, one.what, "[red]no verdict[/]", "", "", "")
            continue
        decision = f"[{COLOURS[row['decision']]}]{row['decision']}[/]"
        why = ", ".join(row["reasons"] or ()) or "-"
        table.add_row(one.track_name, one.what, decision, content(row), escape(identity(row)), why)
    console.print(table)


def content(row: dict[str, Any]) -> str:
    """Say in a word and a number whether an upload is sound."""
    score = "" if row["mock_score"] is None else f" ({row['mock_score']:.2f})"
    return f"{row['content'] or '-'}{score}"


def identity(row: dict[str, Any]) -> str:
    """Say whose recording an upload is, and from where in it."""
    if row["identity"] != "match":
        return str(row["identity"])
    begins = row["reference_offset_ms"] / 1000
    return f"{row['title']} by {row['artist']}, from {begins:.1f} s, score {row['score']:.2f}"


def show_rejections(rejections: Sequence[dict[str, Any]], console: Console) -> None:
    """Print a row for each record that could not be used."""
    table = Table(title="rejections", title_justify="left")
    for name in ("partition key", "reason", "message"):
        table.add_column(name, overflow="fold")
    for row in rejections:
        table.add_row(*(escape(row[name] or "") for name in ("partition_key", "reason", "message")))
    console.print(table)


def main() -> None:
    """Run the demo in .demo of the current folder."""
    started = time.monotonic()
    # Wide enough for the table where there is no terminal to ask.
    console = Console(width=None if os.isatty(1) else 150)
    folder = Path(".demo")
    try:
        run_demo(folder, console)
    except subprocess.CalledProcessError as error:
        log = folder / LOG
        end = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        sys.exit("\n".join([*end, f"demo: soundgate {error.cmd[1]} ended with exit code {error.returncode}"]))
    verdicts = read_table(folder / "lake", "verdicts")
    console.rule("4  the tables")
    show_verdicts(verdicts, console)
    show_rejections(read_table(folder / "lake", "rejections"), console)
    first = next(row for row in verdicts if row["decision"] == "reject")
    console.print(
        f"Done in {time.monotonic() - started:.0f} s. To look around: {folder}/lake/verdicts, "
        f"{folder}/lake/rejections, {folder}/index, {folder}/{LOG};\n"
        f"the evidence behind a verdict: .venv/bin/soundgate explain {first['upload_id']} --lake {folder}/lake",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
