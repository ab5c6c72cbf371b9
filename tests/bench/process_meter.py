"""CPU and memory of this process and everything that it started: the JVM, Python workers, decoders."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# What a process is, by what its command line holds; the first that fits.
KINDS = {"java": "JVM", "decode_worker": "decoders", "daemon": "Python workers", "python": "this process"}


@dataclass(frozen=True)
class Usage:
    """`cpu_seconds` of all processes, ended ones included; `peak_bytes`, their largest resident sizes, by kind.

    Pages that forked workers share are counted in each of them, so the sum is an upper bound.
    """

    cpu_seconds: float
    peak_bytes: Counter[str]


def measure() -> Usage:
    """Add up the process tree below this process, from /proc."""
    parents: dict[int, int] = {}
    cpu: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            parents[int(folder.name)] = int(fields[1])
            cpu[int(folder.name)] = sum(int(value) for value in fields[11:15]) / TICKS  # its own and ended children's
    tree = [process for process in parents if _is_below(process, parents)]
    peaks: Counter[str] = Counter()
    for process in tree:
        peaks[_kind(process)] += _peak(process)
    return Usage(sum(cpu[process] for process in tree), +peaks)


def _is_below(process: int, parents: dict[int, int]) -> bool:
    while process in parents:
        if process == os.getpid():
            return True
        process = parents[process]
    return False


def _kind(process: int) -> str:
    try:
        line = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return "others"
    return next((kind for word, kind in KINDS.items() if word in line), "others")


def _peak(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
