"""Being asked to stop by a file: one on this machine, or one in the checkpoint, for those who cannot reach it."""

from __future__ import annotations

import time
from pathlib import Path

from streaming.places import Place
from streaming.telling import tell

REQUEST = "stop/requested"  # in the checkpoint; `soundgate emr stop` leaves it there
REQUEST_SECONDS = 5.0  # on S3 each look is a request


def withdraw(checkpoint: Place) -> None:
    """Take a request away, or else the next start on this checkpoint would stop at once."""
    checkpoint.remove_tree(REQUEST.partition("/")[0])


class StopRequest:
    """Looks whether somebody asked; what asked is taken away.

    Parameters
    ----------
    checkpoint
        The query's.
    stop_file
        A local file; None = there is none.
    """

    def __init__(self, checkpoint: Place, stop_file: Path | None = None) -> None:
        self._checkpoint = checkpoint
        self._stop_file = stop_file
        self._look_again = 0.0

    def made(self) -> bool:
        """Look for the stop file, and now and then for a request in the checkpoint."""
        if self._stop_file is not None and self._stop_file.exists():
            try:
                self._stop_file.unlink(missing_ok=True)
            except OSError as error:
                why = f"cannot be taken away ({error.strerror}); while it is there, each start stops at once"
                tell(f"the stop file {self._stop_file} {why}")
            return True
        if time.monotonic() < self._look_again:
            return False
        self._look_again = time.monotonic() + REQUEST_SECONDS
        if not self._checkpoint.exists(REQUEST):
            return False
        withdraw(self._checkpoint)
        return True
