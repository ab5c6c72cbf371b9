"""Which checkpoint writes to which lake: they belong together, and that is checked before anything is written.

Delta remembers for each table the last batch of a writer (its app id), so that a batch done twice is written once. A
fresh checkpoint counts its batches from 0 again: under the old app id Delta would skip them all in silence, and under a
new one every record still in the stream would get a second verdict. So the app id lies in the checkpoint, and the lake
names the one that writes to it.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass

from streaming import ledger
from streaming.errors import UserError
from streaming.places import Place

CHECKPOINT_FILE = "soundgate.json"
LAKE_FILE = "_soundgate/writer.json"
DONE = ("commits", ledger.FILE)  # there once a batch was done; S3 knows no folders


@dataclass(frozen=True)
class Identity:
    """Who writes: the checkpoint's app id, and the lake it writes to."""

    app_id: str
    lake: str


def claim(checkpoint: Place, lake: Place, lake_name: str, adopt: bool = False) -> Identity:
    """Tie a new checkpoint to a new lake, or make sure that the two belong together.

    Parameters
    ----------
    checkpoint, lake
        The two places.
    lake_name
        What the lake is called in messages.
    adopt
        Let a new checkpoint take over a lake.

    Raises
    ------
    UserError
        When they do not belong together; says the ways out.
    """
    ours, writer = _read(checkpoint, CHECKPOINT_FILE), _read(lake, LAKE_FILE)
    if ours is None and writer is not None and not adopt:
        raise UserError(
            f"the lake {lake_name} was written by another checkpoint (writer {writer.app_id}), and this one is new. "
            "Start with that checkpoint; or, if it is lost, say --adopt-lake: this checkpoint then becomes the lake's "
            "writer, and records that are still in the source get a second verdict."
        )
    if ours is not None and writer is None:
        if any(checkpoint.exists(name) for name in DONE):
            raise UserError(
                f"this checkpoint (writer {ours.app_id}) has written to {ours.lake}, and {lake_name} is new: what it "
                "has done already would be missing there. Use that lake, or a new checkpoint."
            )
        _write(lake, LAKE_FILE, ours)
    if ours is not None and writer is not None and ours.app_id != writer.app_id:
        raise UserError(
            f"the checkpoint (writer {ours.app_id}) belongs to the lake {ours.lake}, but {lake_name} is written by "
            f"{writer.app_id}. Give the checkpoint and the lake that belong together, or a new one of each."
        )
    if ours is None:
        ours = Identity(str(uuid.uuid4()), lake_name)
        _write(checkpoint, CHECKPOINT_FILE, ours)
        _write(lake, LAKE_FILE, ours)
    return ours


def check_newest_batch(checkpoint: Place, newest: int | None, lake_name: str) -> None:
    """Make sure that the checkpoint knows the newest batch that was done with it.

    Parameters
    ----------
    checkpoint
        The query's.
    newest
        The newest batch that the ledger or a table has under the checkpoint's app id; None before the first.
    lake_name
        What the lake is called in messages.

    Raises
    ------
    UserError
        When it does not: it would count from an older batch on, and Delta would skip what it writes, in silence.
    """
    if newest is not None and not checkpoint.exists(f"offsets/{newest}"):
        raise UserError(
            f"the checkpoint is older than the lake {lake_name}: batch {newest} of it is done, and it does not know "
            "that batch (it was put back from a backup, or part of it was deleted). Started from here, the tables "
            "would skip what comes next. Put the newest checkpoint back; or, if it is lost, start with a new one and "
            "--adopt-lake: records that are still in the source then get a second verdict."
        )


def _read(place: Place, name: str) -> Identity | None:
    data = place.read(name)
    if data is None:
        return None
    try:
        return Identity(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise UserError(f"{name} is damaged ({error}): put it back from a backup, or start with a new one") from error


def _write(place: Place, name: str, identity: Identity) -> None:
    place.write(name, json.dumps(asdict(identity), indent=2).encode())
