"""How many uploads are in flight: exact, from what each batch opened and closed, also when a batch is done twice."""

from __future__ import annotations

import json

from streaming.places import Place

FILE = "ledger.json"


class Ledger:
    """Uploads in flight after each of the last two batches, kept beside the checkpoint.

    A batch that is done again begins from the number after the batch before it.
    """

    def __init__(self, checkpoint: Place) -> None:
        self._place = checkpoint
        data = checkpoint.read(FILE)
        self._after: dict[int, int] = {int(key): value for key, value in json.loads(data).items()} if data else {}

    @property
    def in_flight(self) -> int:
        """Uploads without verdict, after the last batch."""
        return self._after[max(self._after)] if self._after else 0

    @property
    def newest(self) -> int | None:
        """The newest batch that was posted; None before the first."""
        return max(self._after, default=None)

    def post(self, batch_id: int, growth: int) -> None:
        """Write down what a batch did."""
        earlier = {batch: number for batch, number in self._after.items() if batch < batch_id}
        before = earlier[max(earlier)] if earlier else 0
        kept = {max(earlier): before} if earlier else {}
        self._after = {**kept, batch_id: before + growth}
        self._place.write(FILE, json.dumps(self._after).encode())
