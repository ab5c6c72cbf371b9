"""Dealing files out: into slices, each of which is one commit, and a slice's files to tasks, by their bytes. Pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence

from streaming.chunk import KIB, MIB
from streaming.files.stored_file import StoredFile

FILE_COST = 256 * KIB  # what a file costs beside its bytes, in bytes: opening, walking, a row
LEAST_TASK = 4 * MIB  # less is not worth a task of its own
TASKS_A_CORE = 4  # so that a core that is done early finds more to do


def cut(files: Iterable[StoredFile], max_bytes: int, max_files: int) -> Iterator[list[StoredFile]]:
    """Cut a listing into slices, in its order; a file that is larger than a slice is one by itself or ends one."""
    held: list[StoredFile] = []
    held_bytes = 0
    for file in files:
        held.append(file)
        held_bytes += file.size
        if held_bytes >= max_bytes or len(held) >= max_files:
            yield held
            held, held_bytes = [], 0
    if held:
        yield held


def deal(files: Sequence[StoredFile], cores: int) -> list[list[StoredFile]]:
    """Deal files out to tasks so that all have about as much to do, the heaviest task first.

    The longest-processing-time rule (Graham 1969): each file, the largest first, goes to the task with the least so
    far. One huge file is thus a task by itself, begun first, and the small ones go by beside it.

    Parameters
    ----------
    files
        At least one.
    cores
        How many tasks run at a time.
    """
    total = sum(_cost(file) for file in files)
    worth = math.ceil(total / LEAST_TASK)
    number = min(len(files), max(cores, min(cores * TASKS_A_CORE, worth)))
    loads = [(0, task) for task in range(number)]
    tasks: list[list[StoredFile]] = [[] for _ in range(number)]
    for file in sorted(files, key=_cost, reverse=True):
        load, task = heapq.heappop(loads)
        tasks[task].append(file)
        heapq.heappush(loads, (load + _cost(file), task))
    return [tasks[task] for _, task in sorted(loads, key=lambda each: (-each[0], each[1]))]


def _cost(file: StoredFile) -> int:
    return file.size + FILE_COST
