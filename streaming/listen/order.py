"""A broadcast's chunks in the order of their index, whatever order they come in, and each once; pure.

What is missing is waited for: until `MOST_WAITING` chunks behind it are there, or until whoever calls gives it up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MOST_WAITING = 32  # chunks behind one that is missing
WAITING_BYTES = 16 << 20

Item = TypeVar("Item")


@dataclass
class Order(Generic[Item]):
    """`next` is the index that is to come, `waiting` what came too early, `late` how much came too late or twice."""

    next: int = 0
    waiting: dict[int, tuple[Item, int]] = field(default_factory=dict)  # the item, and its bytes
    late: int = 0

    def put(self, index: int, item: Item, size: int) -> Iterator[tuple[int, Item]]:
        """Take a chunk in; gives each that can be used now, and how many are missing before it."""
        if index < self.next or index in self.waiting:
            self.late += 1
            return
        self.waiting[index] = (item, size)
        yield from self._ready(0)
        while len(self.waiting) > MOST_WAITING or sum(size for _, size in self.waiting.values()) > WAITING_BYTES:
            yield from self.give_up()

    def give_up(self) -> Iterator[tuple[int, Item]]:
        """Wait no longer for the first chunks that are missing, and give those behind them."""
        if self.waiting:
            first = min(self.waiting)
            missing, self.next = first - self.next, first
            yield from self._ready(missing)

    def _ready(self, missing: int) -> Iterator[tuple[int, Item]]:
        while self.next in self.waiting:
            item, _ = self.waiting.pop(self.next)
            self.next += 1
            yield missing, item
            missing = 0
