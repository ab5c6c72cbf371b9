"""When each run of the job on a checkpoint began, so that a batch that is done again is done as the first time.

An upload's timeout does not count the time that the job stood still, so it depends on when the run began. A batch that
was begun before a crash keeps its time when the next run does it again; the starts that are not later than that time
tell which run it belongs to.
"""

from __future__ import annotations

import json

from streaming.places import Place

FILE = "starts.json"
MOST = 1_000  # more runs than can fail on one batch before somebody looks; each task carries the list


def note_start(checkpoint: Place, now_ms: int) -> tuple[int, ...]:
    """Write down that a run begins.

    Parameters
    ----------
    checkpoint
        The checkpoint's small files.
    now_ms
        The time, in ms since the epoch.

    Returns
    -------
    tuple of int
        The starts of all runs, this one included, oldest first.
    """
    data = checkpoint.read(FILE)
    starts = (*(json.loads(data) if data else ()), now_ms)[-MOST:]
    checkpoint.write(FILE, json.dumps(starts).encode())
    return starts
