"""Whether the open uploads are too many or too large; while they are, an upload is given less time.

What an upload that never ends takes, it takes for the timeout: a flood of them holds arrival rate × timeout. Above a
bound the driver shortens the timeout, and says so in a metric and on standard error, until the state is well below it.

The change is written down with its time, beside the checkpoint, and the rebuild asks for the time of its batch: a batch
that is done again after a crash gives up the uploads that it gave up the first time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from streaming.places import Place
from streaming.telling import tell

FILE = "pressure.json"
SHORTENED = 10  # the timeouts are divided by this under pressure
RELIEVED = 0.5  # the share of the bounds below which the pressure is over: at the bound itself it would flap
MOST = 1_000  # changes that are remembered: of batches that may be done again, only the last matters

Changes = Sequence[tuple[int, bool]]  # (from when on, in ms since the epoch; whether there is pressure), oldest first


def read_changes(place: Place) -> tuple[tuple[int, bool], ...]:
    """Read when the pressure began and ended."""
    data = place.read(FILE)
    return tuple((int(since), bool(on)) for since, on in json.loads(data)) if data else ()


def under_pressure(changes: Changes, now_ms: int) -> bool:
    """Say whether there was pressure in a batch of the time `now_ms`."""
    return next((on for since, on in reversed(changes) if since <= now_ms), False)


class Pressure:
    """Watches the bounds after each batch; the driver's side.

    Parameters
    ----------
    place
        The checkpoint's small files.
    most_uploads
        Open uploads above which there is pressure.
    most_bytes
        Bytes of state above which there is.
    """

    def __init__(self, place: Place, most_uploads: int, most_bytes: int) -> None:
        self._place = place
        self._bounds = (most_uploads, most_bytes)
        self._changes = read_changes(place)

    @property
    def on(self) -> bool:
        """Whether there is pressure now."""
        return bool(self._changes) and self._changes[-1][1]

    def look(self, open_uploads: int, state_bytes: int, now_ms: int) -> None:
        """Compare what a batch left with the bounds; a change holds for the batches that begin after `now_ms`."""
        share = RELIEVED if self.on else 1.0
        # Without an open upload the bytes are markers, and files that the state store has not tidied up yet.
        wanted = open_uploads > 0 and (open_uploads > self._bounds[0] * share or state_bytes > self._bounds[1] * share)
        if wanted == self.on:
            return
        self._changes = (*self._changes, (now_ms, wanted))[-MOST:]
        self._place.write(FILE, json.dumps(self._changes).encode())
        tell(self._describe(open_uploads, state_bytes))

    def _describe(self, open_uploads: int, state_bytes: int) -> str:
        held = f"{open_uploads} open uploads, {state_bytes / 1e6:.0f} MB of state"
        if not self.on:
            return f"{held}: uploads have their whole timeout again"
        most_uploads, most_bytes = self._bounds
        return (
            f"{held}, over max_open_uploads = {most_uploads} or max_state_bytes = {most_bytes}: until it is half of "
            f"that, uploads get a {SHORTENED}th of their timeout (docs/runbook/state-too-large.md)"
        )
