"""Which uploads are in flight, counted by the batch that opened them: exact, also when a batch is done twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from streaming.places import Place

FILE = "ledger.json"


class Ledger:
    """Uploads in flight after each of the last two batches, kept beside the checkpoint.

    A batch that is done again begins from what was in flight after the batch before it.
    """

    def __init__(self, checkpoint: Place) -> None:
        self._place = checkpoint
        data = checkpoint.read(FILE)
        self._after: dict[int, Counter[int]] = {
            int(batch): Counter({int(opened): number for opened, number in counts.items()})
            for batch, counts in (json.loads(data) if data else {}).items()
        }

    @property
    def in_flight(self) -> int:
        """Uploads without verdict, after the last batch."""
        return self._before(None).total()

    @property
    def newest(self) -> int | None:
        """The newest batch that was posted; None before the first."""
        return max(self._after, default=None)

    def oldest(self, batch_id: int) -> int:
        """Give the batch that opened the oldest upload in flight as a batch begins; that batch itself if none is."""
        return min(self._before(batch_id), default=batch_id)

    def post(self, batch_id: int, opened: int, closed: Mapping[int, int]) -> None:
        """Write down what a batch did: how many uploads it opened, and closed, those by the batch that opened them."""
        before = self._before(batch_id)
        after = before + Counter({batch_id: opened})
        after.subtract(closed)
        earlier = [batch for batch in self._after if batch < batch_id]
        kept = {max(earlier): before} if earlier else {}
        self._after = {**kept, batch_id: +after}
        self._place.write(FILE, json.dumps(self._after).encode())

    def _before(self, batch_id: int | None) -> Counter[int]:
        earlier = [batch for batch in self._after if batch_id is None or batch < batch_id]
        return self._after[max(earlier)] if earlier else Counter()
