"""``make demo``: real recordings, and what only claims to be one, through the real job into Delta tables.

``make demo-kinesis`` (``--kinesis``) does the same through a stream of a local Kinesis server. Either runs the commands
that anybody would run and prints each, then the tables that they left behind.
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

from streaming.demo_transport import STREAM, OverFiles, OverKinesis, Transport
from streaming.demo_uploads import DEMONSTRATIONS, KNOWN, RECORDINGS
from streaming.errors import UserError
from streaming.lake_reader import open_table, query
from streaming.local_kinesis import LocalKinesis

COMMAND = Path(sys.executable).with_name("soundgate")
USER = "demo"
TIMEOUT_S = 4  # an upload that lacks a chunk is given up so soon here; the default is ten minutes
LOG, LOG_LINES = "job.log", 20
COLOURS = {"accept": "green", "review": "yellow", "reject": "red", "incomplete": "magenta"}


def run_demo(folder: Path, console: Console, transport: Transport | None = None) -> None:
    """Index, produce and classify in `folder`, which is made anew; raises CalledProcessError when a command fails.

    Parameters
    ----------
    folder
        Where everything goes.
    console
        Where it is shown.
    transport
        What carries the records; record files in the folder where nothing is said.
    """
    for name in ("index", "uploads", "records", "lake", "checkpoint"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / LOG).unlink(missing_ok=True)
    (folder / "uploads").mkdir(parents=True)
    transport = transport or OverFiles(folder / "records")
    console.rule(f"1  {len(KNOWN)} recordings into a reference index")
    names = [str(RECORDINGS / name) for name in KNOWN]
    soundgate(["index", "build", *names, "-o", str(folder / "index")], console)
    console.rule(f"2  {len(DEMONSTRATIONS)} uploads into chunk records")
    produce_files(folder / "uploads", transport, console)
    produce_records(transport, console)
    console.rule("3  the job: rebuild, decode, examine, identify, decide, write")
    soundgate([*job_line(folder, transport), "--drain"], console, log=folder / LOG)


def run_over_kinesis(folder: Path, console: Console) -> None:
    """Run the demo through a local Kinesis server, which lives as long."""
    with LocalKinesis({STREAM: 2}) as kinesis:
        os.environ.update(kinesis.environment)
        console.print(f"A local Kinesis server with the stream {STREAM!r} of 2 shards: {kinesis.url}", highlight=False)
        run_demo(folder, console, OverKinesis(kinesis.url))


def produce_files(uploads: Path, transport: Transport, console: Console) -> None:
    """Write the demo's files and produce them."""
    for one in DEMONSTRATIONS:
        if one.write is not None:
            one.write(uploads / one.track_name)
    soundgate(["produce", str(uploads), "--to", transport.place, *transport.flags, "--user", USER], console)


def produce_records(transport: Transport, console: Console) -> None:
    """Add the records that are no whole file's."""
    for one in DEMONSTRATIONS:
        if one.records is not None:
            made = one.records(USER)
            transport.write(made)
            console.print(f"{len(made)} records of {one.what}", highlight=False)


def job_line(folder: Path, transport: Transport) -> list[str]:
    """Give the job's command line, less the end."""
    return [
        *("run", "--source", transport.place, *transport.flags, "--index", str(folder / "index")),
        *("--lake", str(folder / "lake"), "--checkpoint", str(folder / "checkpoint")),
        *("--timeout-seconds", str(TIMEOUT_S), "--trigger-seconds", "1"),
    ]


def soundgate(arguments: Sequence[str], console: Console, log: Path | None = None) -> None:
    """Show a command and run it; what Spark has to say goes to a log."""
    shown = shlex.join(shorten(argument) for argument in arguments)
    console.print(f"$ soundgate {shown}", style="bold", markup=False, highlight=False, soft_wrap=True)
    command = [str(COMMAND), *arguments]
    if log is None:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return
    console.print(f"(about a minute; its log is {log})", style="dim", markup=False, highlight=False)
    with log.open("wb") as file:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)


def shorten(argument: str) -> str:
    """Give a path below the working directory as one would type it there."""
    path, here = Path(argument), Path.cwd()
    return str(path.relative_to(here)) if path.is_absolute() and path.is_relative_to(here) else argument


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
    """Run the demo in .demo of the current folder, with ``--kinesis`` in .demo-kinesis."""
    started = time.monotonic()
    # Wide enough for the table where there is no terminal to ask.
    console = Console(width=None if os.isatty(1) else 150)
    over_kinesis = sys.argv[1:] == ["--kinesis"]
    folder = Path(".demo-kinesis" if over_kinesis else ".demo")
    try:
        if over_kinesis:
            run_over_kinesis(folder, console)
        else:
            run_demo(folder, console)
    except UserError as error:
        sys.exit(f"demo: {error}")
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
