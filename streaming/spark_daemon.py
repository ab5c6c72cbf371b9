"""Spark's Python daemon, made cheap between tasks; ``spark.python.daemon.module`` names it.

**Archives.** Each Python task makes the interpreter look again at every place that modules come from, and for an
archive that is reading its whole directory, once for each folder in it that was ever looked at. Spark puts three on
the path: pyspark's and Py4J's zip files, and the jar of its core, whose 15,000 entries hold no Python: 0.3 s of CPU a
task. Wherever pyspark is an installed package, the same modules lie unzipped around the archives, so there they are
taken off the path; nothing changes where it is not.

**Garbage.** Behind each task a worker looks through everything that it holds for cycles that nothing refers to. What
it holds is, nearly all of it, modules: 80 ms of CPU a task, and a third of a second in a batch without a single record.
What has outlived a task is therefore set aside (`gc.freeze`), where it still goes when its last reference does; now and
then it is looked through after all.
"""

from __future__ import annotations

import gc
import sys
from importlib.machinery import PathFinder
from pathlib import Path

ARCHIVES = (".zip", ".jar")
LOOKED_THROUGH = 1_000  # tasks from one look at everything to the next: cycles that outlived a task stay until then


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


class Tidy:
    """What Spark's daemon takes for the module `gc`: collects what a task left, and sets aside what outlived it."""

    def __init__(self) -> None:
        self._tasks = 0

    def collect(self) -> int:
        """Collect; gives how many objects nothing could reach."""
        self._tasks += 1
        if self._tasks % LOOKED_THROUGH == 0:
            gc.unfreeze()
        found = gc.collect()
        gc.freeze()
        return found


def main() -> None:
    """Run Spark's daemon on the shorter path, tidied up cheaply."""
    sys.path[:] = without_archives(sys.path)
    sys.path_importer_cache.clear()
    from pyspark import daemon

    vars(daemon)["gc"] = Tidy()  # the name by which it collects behind each task
    daemon.manager()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
