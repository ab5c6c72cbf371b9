"""How far a stream has been read: a position a shard, as the offset that Spark keeps; pure.

An offset is exact: the sequence number of the last record taken from each shard, and how many were taken, by which a
batch that is run again notices a record that is gone. Shards that an offset does not name are read from where the
offset says that reading began.

A shard's children are read only when it and its sister were read to their ends by an earlier plan, so that a key's
records keep their order across a reshard; only after a kill between plan and batch, when Spark asks for two plans as
one batch, may both be in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"


class OffsetError(Exception):
    """An offset that is of another stream, or behind what Spark has read."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far one shard has been read: up to and with the record `after` (`""`: none yet), or to its very end.

    `records` is how many that were, since reading of the shard began.
    """

    after: str = ""
    closed: bool = False
    records: int = 0

    @property
    def order(self) -> tuple[int, bool]:
        """What makes one position later than another."""
        return int(self.after or 0), self.closed


START = Position()


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as the stream lists it; `parents` are those that are still listed too."""

    shard_id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamOffset:
    """How far a stream has been read.

    Parameters
    ----------
    stream
        The stream's name.
    begin
        Where reading of the stream began: ``TRIM_HORIZON``, or milliseconds since 1970 in decimal.
    positions
        By shard id.
    """

    stream: str
    begin: str = TRIM_HORIZON
    positions: Mapping[str, Position] = field(default_factory=dict)

    def position(self, shard_id: str) -> Position:
        """How far a shard has been read."""
        return self.positions.get(shard_id, START)

    def to_dict(self) -> dict[str, Any]:
        """The offset as Spark keeps it; equal offsets give equal JSON, for Spark compares the text."""
        shards = {
            shard_id: {"after": position.after, "closed": position.closed, "records": position.records}
            for shard_id, position in sorted(self.positions.items())
        }
        return {"begin": self.begin, "shards": shards, "stream": self.stream}

    @classmethod
    def from_dict(cls, offset: Mapping[str, Any]) -> StreamOffset:
        """Read what `to_dict` wrote."""
        positions = {name: Position(at["after"], at["closed"], at["records"]) for name, at in offset["shards"].items()}
        return cls(offset["stream"], offset["begin"], positions)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one task reads of one shard: so many `records` behind `after` (or from `begin`), the last of them `last`."""

    stream: str
    shard_id: str
    begin: str
    after: str
    last: str
    records: int


def readable_shards(shards: Iterable[Shard], offset: StreamOffset) -> list[Shard]:
    """Choose the shards that may be read now: not at their end yet, and all their listed parents are."""
    listed = list(shards)
    return [
        shard
        for shard in listed
        if not offset.position(shard.shard_id).closed
        and all(offset.position(parent).closed for parent in shard.parents)
    ]


def advance(offset: StreamOffset, reached: Mapping[str, Position], shards: Iterable[Shard]) -> StreamOffset:
    """Move to the positions reached, and forget shards that were at their end before and are listed no more."""
    listed = {shard.shard_id for shard in shards}
    kept = {name: position for name, position in offset.positions.items() if name in listed or not position.closed}
    return replace(offset, positions={**kept, **reached})


def plan_slices(start: StreamOffset, end: StreamOffset) -> list[Slice]:
    """Plan what lies between two offsets, a slice a shard.

    Raises
    ------
    OffsetError
        The two are of different streams, or `end` is behind `start`.
    """
    if start.stream != end.stream:
        raise OffsetError(f"the checkpoint is of stream {start.stream!r}, not of {end.stream!r}")
    for shard_id, position in start.positions.items():
        if shard_id in end.positions and end.positions[shard_id].order < position.order:
            raise OffsetError(f"shard {shard_id} was read up to {position.after}, and its end is said to be before")
        if shard_id not in end.positions and not position.closed:
            raise OffsetError(f"shard {shard_id} was not read to its end, and is not to be read any more")
    slices = []
    for shard_id, position in sorted(end.positions.items()):
        begun = start.position(shard_id)
        if position.after and position.after != begun.after:
            number = position.records - begun.records
            slices.append(Slice(end.stream, shard_id, start.begin, begun.after, position.after, number))
    return slices
