"""A set of Kinesis streams that share a load, and which of them a partition key goes to; pure.

A set has baseline streams, so many an availability zone, and extra ones that come under load and go again. A key goes
to the stream that wins its hash against every other (rendezvous hashing): adding a stream moves only the keys that
the new one wins, and removing one moves only its own. Each change of the streams in use is a new epoch, and epochs are
never forgotten, so that it can be told where a key's records went at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

FORMAT = 1


class Mode(StrEnum):
    """How a stream's capacity is chosen."""

    ON_DEMAND = "ON_DEMAND"
    PROVISIONED = "PROVISIONED"


@dataclass(frozen=True, slots=True)
class Tracking:
    """A target-tracking policy for provisioned streams: keep the use of their shards near a share of capacity."""

    target: float = 0.6
    min_shards: int = 1
    max_shards: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.target <= 1 or not 1 <= self.min_shards <= self.max_shards:
            raise ValueError("a target is a share of capacity over 0 and up to 1, and 1 <= min shards <= max shards")


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What every stream of a set is made with.

    `kms_key` is a key, or an alias, for encryption at rest; `""` leaves a stream without.
    """

    mode: Mode = Mode.ON_DEMAND
    shards: int = 1  # of a provisioned stream, to begin with
    record_kib: int = 1024
    retention_hours: int = 24
    kms_key: str = "alias/aws/kinesis"
    tags: Mapping[str, str] = field(default_factory=dict)
    tracking: Tracking | None = None


@dataclass(frozen=True, slots=True)
class Epoch:
    """Which streams were in use from a moment (ISO 8601, UTC) on."""

    since: str
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamSet:
    """A set of streams and its history.

    Parameters
    ----------
    name
        What the streams' names begin with.
    settings
        What each is made with.
    epochs
        The streams in use, the latest last; at least one.
    draining
        Streams that are in use no more and still hold records, and since when.
    """

    name: str
    settings: StreamSettings
    epochs: tuple[Epoch, ...]
    draining: Mapping[str, str] = field(default_factory=dict)

    @property
    def active(self) -> tuple[str, ...]:
        """The streams that are in use now."""
        return self.epochs[-1].streams

    @property
    def extras(self) -> tuple[str, ...]:
        """Those of them that came under load."""
        return tuple(stream for stream in self.active if stream.startswith(f"{self.name}-extra-"))

    @property
    def existing(self) -> tuple[str, ...]:
        """All that are there: in use or draining. A job reads them all."""
        return (*self.active, *self.draining)

    def stream_of(self, partition_key: str) -> str:
        """Choose the stream that a key goes to now."""
        return choose(partition_key, self.active)

    def history_of(self, partition_key: str) -> list[tuple[str, str]]:
        """Tell since when a key has gone to which stream; only real changes are listed."""
        history: list[tuple[str, str]] = []
        for epoch in self.epochs:
            stream = choose(partition_key, epoch.streams)
            if not history or history[-1][1] != stream:
                history.append((epoch.since, stream))
        return history

    def change(self, streams: Sequence[str], now: str) -> StreamSet:
        """Begin an epoch with other streams; those that are in use no more are draining from now on."""
        gone = {stream: now for stream in self.active if stream not in streams}
        still = {stream: since for stream, since in self.draining.items() if stream not in streams}
        return replace(self, epochs=(*self.epochs, Epoch(now, tuple(streams))), draining={**still, **gone})

    def forget(self, streams: Iterable[str]) -> StreamSet:
        """Leave out draining streams that were deleted."""
        deleted = set(streams)
        return replace(self, draining={name: at for name, at in self.draining.items() if name not in deleted})

    def to_dict(self) -> dict[str, Any]:
        """The set as it is kept."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> StreamSet:
        """Read what `to_dict` wrote; raises ValueError for another format, KeyError or TypeError for no such thing."""
        if content["format"] != FORMAT:
            raise ValueError(f"it is of format {content['format']!r}, and this release knows {FORMAT}")
        said = dict(content["settings"])
        tracking = Tracking(**said.pop("tracking")) if said.get("tracking") else None
        settings = StreamSettings(**{**said, "mode": Mode(said["mode"]), "tracking": tracking})
        epochs = tuple(Epoch(epoch["since"], tuple(epoch["streams"])) for epoch in content["epochs"])
        if not epochs or not all(epoch.streams for epoch in epochs):
            raise ValueError("it has an epoch without streams")
        return cls(content["name"], settings, epochs, dict(content["draining"]))


def choose(partition_key: str, streams: Sequence[str]) -> str:
    """Choose the stream whose hash with the key is the highest: rendezvous hashing (Thaler & Ravishankar, 1998)."""
    key = partition_key.encode("utf-8", "surrogatepass")
    return max(streams, key=lambda stream: hashlib.blake2b(stream.encode() + b"\0" + key, digest_size=8).digest())


def baseline_names(name: str, zones: Sequence[str], per_az: int) -> tuple[str, ...]:
    """Name a set's baseline streams: ``NAME-ZONE-NUMBER``."""
    return tuple(f"{name}-{zone}-{number}" for zone in zones for number in range(per_az))


def with_extras(streams: StreamSet, count: int) -> tuple[str, ...]:
    """List the streams in use with so many extra ones: the oldest stay, new ones get numbers never used before."""
    baseline = [stream for stream in streams.active if stream not in streams.extras]
    kept = list(streams.extras[:count])
    used = [name for epoch in streams.epochs for name in epoch.streams if name.startswith(f"{streams.name}-extra-")]
    first = max((int(name.rsplit("-", 1)[1]) for name in used), default=-1) + 1
    new = [f"{streams.name}-extra-{first + number}" for number in range(count - len(kept))]
    return (*baseline, *kept, *new)
