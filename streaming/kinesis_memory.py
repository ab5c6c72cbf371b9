"""What the source without a jar remembers of its plans, in a file beside the query's checkpoint.

The file is always at or ahead of the checkpoint: a plan is written down before Spark hears of it. Being ahead is
harmless, for Spark says itself where a batch starts; being behind is refused (`kinesis_offsets.plan_slices`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from streaming.errors import UserError
from streaming.kinesis_offsets import LATEST, Shard, StreamOffset
from streaming.kinesis_shards import DataLossError
from streaming.places import Place, open_place

SAVE_SECONDS = 60.0  # how often the times are written down while no record comes


@dataclass
class Memory:
    """The last plan, and up to when each shard is known to hold nothing unread.

    Parameters
    ----------
    place, name
        The folder or S3 prefix, and the file's name in it.
    planned
        The last end that was planned.
    seen_at
        By shard: a time (milliseconds since 1970) before which no unread record arrived.
    """

    place: Place
    name: str
    planned: StreamOffset
    seen_at: dict[str, int] = field(default_factory=dict)
    saved_at: float = 0.0

    @classmethod
    def recall(cls, folder: str, stream: str, begin: str) -> Memory:
        """Read the file, or begin anew and write that down at once, so that a restart begins at the same place."""
        place, name = open_place(folder), f"{quote(stream, safe='')}.json"
        try:
            data = place.read(name)
            if data is not None:
                content = json.loads(data)
                return cls(place, name, StreamOffset.from_dict(content["planned"]), content["seen_at"])
            begin = str(time.time_ns() // 1_000_000) if begin == LATEST else begin
            memory = cls(place, name, StreamOffset(stream, begin))
            memory._save()
        except (OSError, BotoCoreError, ClientError) as error:
            raise UserError(f"the source cannot keep its offsets in {folder!r}: {error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{name!r} in {folder!r} holds no offsets of this source: {error!r}") from error
        return memory

    def plan(self, planned: StreamOffset, seen_at: Mapping[str, int]) -> None:
        """Take a new plan, on disk before this returns if anything in it is new."""
        changed = planned != self.planned
        self.planned = planned
        known = {name: moment for name, moment in self.seen_at.items() if name in planned.positions}
        self.seen_at = {**known, **{name: moment for name, moment in seen_at.items() if moment}}
        if changed or time.monotonic() - self.saved_at > SAVE_SECONDS:
            self._save()

    def check_nothing_lost(self, shards: Iterable[Shard], retention: int) -> None:
        """Make sure that unread records cannot have gone since the plan was made.

        Parameters
        ----------
        shards
            The shards that the stream has now.
        retention
            How long it keeps records, milliseconds.

        Raises
        ------
        DataLossError
            A shard that was not read to its end is gone, or the stream's retention is over for unread records.
        """
        listed = {shard.shard_id for shard in shards}
        now = time.time_ns() // 1_000_000
        for name, position in self.planned.positions.items():
            if position.closed:
                continue
            stood = now - self.seen_at.get(name, now)
            if name not in listed or stood > retention:
                raise DataLossError(
                    f"{name} of stream {self.planned.stream!r} was last read {stood // 3_600_000} hours ago and the "
                    f"stream keeps records for {retention // 3_600_000}: records may be lost. To go on with those "
                    "that are there, begin with a new checkpoint."
                )

    def _save(self) -> None:
        content = {"planned": self.planned.to_dict(), "seen_at": self.seen_at}
        self.place.write(self.name, json.dumps(content).encode())
        self.saved_at = time.monotonic()
