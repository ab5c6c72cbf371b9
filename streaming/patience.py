"""How long an upload may take: without a new chunk, in all, and with less time while too many are open; pure.

Times are milliseconds of processing time.
"""

from __future__ import annotations

from collections.abc import Sequence

from streaming.open_upload import OpenUpload
from streaming.pressure import SHORTENED, Changes, under_pressure


class Patience:
    """Says until when an upload is waited for.

    Parameters
    ----------
    timeout_ms
        The longest without a new chunk.
    max_open_ms
        The longest from the first chunk on, however busy.
    starts_ms
        When each run of the job on this checkpoint began (`streaming.starts`).

    Attributes
    ----------
    changes
        When uploads got less time (`streaming.pressure`); told anew for each batch.
    """

    def __init__(self, timeout_ms: int, max_open_ms: int, starts_ms: Sequence[int]) -> None:
        self._timeout_ms = timeout_ms
        self._max_open_ms = max_open_ms
        self._starts_ms = starts_ms
        self.changes: Changes = ()

    def deadlines(self, upload: OpenUpload, now_ms: int) -> tuple[int, int]:
        """Say when the upload is idle for too long, and open for too long, as seen in a batch of the time `now_ms`.

        What counts is the run that the batch began in, not the one that does it again after a crash: a timer that
        closed an upload in the first try and only moved in the second would leave it open for a second verdict.
        """
        started_ms = max((start for start in self._starts_ms if start <= now_ms), default=0)
        share = self._share(now_ms)
        idle = max(upload.active_ms, started_ms) + self._timeout_ms // share
        stale = max(upload.opened_ms, started_ms) + self._max_open_ms // share
        return idle, stale

    def next_look(self, upload: OpenUpload, now_ms: int) -> int:
        """Say when the timer goes off: no later than a shortened timeout would end, for only then is it looked at."""
        return min(*self.deadlines(upload, now_ms), now_ms + max(1, self._timeout_ms // SHORTENED))

    def why_over(self, upload: OpenUpload, now_ms: int) -> tuple[str, str]:
        """Give the reason code and the sentence of an upload whose time is over."""
        share = self._share(now_ms)
        shortened = ", shortened because too many uploads are open" if share > 1 else ""
        if now_ms >= self.deadlines(upload, now_ms)[0]:
            text = f"no new chunk within {self._timeout_ms / share / 1000:g} s"
            return "upload.missing_chunks", text + shortened
        return "upload.open_too_long", f"not whole within {self._max_open_ms / share / 1000:g} s{shortened}"

    def _share(self, now_ms: int) -> int:
        """Say by what the times are divided in a batch of the time `now_ms`."""
        return SHORTENED if under_pressure(self.changes, now_ms) else 1
