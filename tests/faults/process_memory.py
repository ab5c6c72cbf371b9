"""Resident memory of this process and all that it started, from /proc: the JVM, Python workers, decoders."""

from __future__ import annotations

import os
from pathlib import Path


def processes(root: int | None = None) -> dict[int, tuple[str, int]]:
    """Give (name, resident bytes) of each process below `root`, itself included, by its id."""
    found: dict[int, tuple[int, str, int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                head, _, tail = (folder / "stat").read_text().rpartition(")")
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has just ended
                continue
            fields = tail.split()
            name = next((part for part in command if part.startswith(b"streaming.") or b"_worker" in part), b"")
            shown = name.decode(errors="replace") or head.partition("(")[2]
            found[int(folder.name)] = (int(fields[1]), shown, int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))
    top = os.getpid() if root is None else root
    return {pid: found[pid][1:] for pid in found if _is_below(pid, top, found)}


def resident(root: int | None = None) -> int:
    """Add up what they hold; pages that they share are counted for each."""
    return sum(size for _, size in processes(root).values())


def _is_below(pid: int, top: int, found: dict[int, tuple[int, str, int]]) -> bool:
    while pid in found:
        if pid == top:
            return True
        pid = found[pid][0]
    return False
