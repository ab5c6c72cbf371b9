"""Spark's Python daemon, less the archives on its path; ``spark.python.daemon.module`` names it.

Each Python task makes the interpreter look again at every place that modules come from, and for an archive that is
reading its whole directory, once for each folder in it that was ever looked at. Spark puts three on the path:
pyspark's and Py4J's zip files, and the jar of its core, whose 15,000 entries hold no Python: 0.3 s of CPU a task.
Wherever pyspark is an installed package, the same modules lie unzipped around the archives, so there they are taken
off the path; nothing changes where it is not.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

ARCHIVES = (".zip", ".jar")


def without_archives(path: list[str]) -> list[str]:
    """Take off the archives that lie inside the very package that is found without them.

    Parameters
    ----------
    path
        As `sys.path`.
    """
    unzipped = [entry for entry in path if not entry.endswith(ARCHIVES)]
    found = PathFinder.find_spec("pyspark", unzipped)
    if found is None or found.origin is None:
        return path
    package = Path(found.origin).parent
    return [entry for entry in path if not (entry.endswith(ARCHIVES) and Path(entry).is_relative_to(package))]


def main() -> None:
    """Run Spark's daemon on the shorter path."""
    sys.path[:] = without_archives(sys.path)
    sys.path_importer_cache.clear()
    from pyspark.daemon import manager

    manager()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
