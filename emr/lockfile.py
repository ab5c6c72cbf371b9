"""The lines of ``requirements.lock`` that the job on EMR needs: everything it imports less what EMR brings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from streaming.errors import UserError

# EMR's own Spark: two of them on one path is the fault that people meet most.
BROUGHT_BY_EMR = frozenset({"pyspark", "py4j"})
REQUIREMENT = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)\s*==")


def normalise(name: str) -> str:
    """Write a distribution's name as PEP 503 does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_lock(text: str) -> dict[str, list[str]]:
    """Read a pip requirements file with hashes: each name's entries, whole, with their hashes.

    A name may have several entries, told apart by their markers.
    """
    entries: dict[str, list[str]] = {}
    current: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith(("#", "--")) or not line.strip():
            continue
        match = REQUIREMENT.match(line)
        if match:
            current = entries.setdefault(normalise(match[1]), [])
            current.append(line)
        elif line[0].isspace() and current:
            current[-1] += f"\n{line}"
        else:
            raise UserError(f"this line of the lock file is not understood: {line}")
    return entries


def lines_for_emr(lock: Mapping[str, list[str]], wanted: Iterable[str]) -> str:
    """Give the lock's entries of the wanted names, less those that EMR brings; `UserError` for an unlocked one."""
    names = {normalise(name) for name in wanted} - BROUGHT_BY_EMR
    missing = sorted(names - lock.keys())
    if missing:
        raise UserError(f"requirements.lock has no {', '.join(missing)}: lock the dependencies anew")
    return "".join(f"{entry}\n" for name in sorted(names) for entry in lock[name])
