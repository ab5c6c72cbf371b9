"""Every record that was put on the stream against the tables: lost, doubled, or with its one outcome.

The promise that this holds to (docs/reliability.md): a record is either in an upload with exactly one final verdict,
which counts it as received or as a duplicate, or it is one row of ``rejections`` with its bytes' length and SHA-256.
A record's row is found by its stream and sequence number. An upload's records that are in no row must be exactly as
many as its verdict counts.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from streaming.lake_reader import open_table, query
from streaming.wire import route

VERDICT_COLUMNS = "upload_id, partition_key, decision, chunks_received, chunks_duplicate"
REJECTION_COLUMNS = "reason, upload_id, partition_key, stream, sequence_number, data, data_length, data_sha256"


@dataclass(frozen=True)
class Produced:
    """A record as it was put on the stream."""

    stream: str
    sequence_number: str
    partition_key: str
    upload_id: str  # "" where the record itself names none
    length: int
    sha256: str


@dataclass
class Account:
    """What reconciling found; `lost` and `doubled` say what of whom."""

    records: int = 0
    uploads: int = 0
    verdicts: int = 0
    rejections: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether every record has exactly one outcome."""
        return not self.lost and not self.doubled


def read_produced(files: Iterable[Path]) -> list[Produced]:
    """Read record files as what was produced."""
    rows = (row for path in files for batch in pq.ParquetFile(path).iter_batches(256) for row in batch.to_pylist())
    return [
        Produced(
            row["streamName"],
            row["sequenceNumber"],
            row["partitionKey"],
            route(row["data"]),
            len(row["data"]),
            hashlib.sha256(row["data"]).hexdigest(),
        )
        for row in rows
    ]


def reconcile_lake(produced: Iterable[Produced], lake: Path) -> Account:
    """Reconcile with the tables of a lake, read without Spark."""
    verdicts = query(open_table(str(lake), "verdicts"), f"SELECT {VERDICT_COLUMNS} FROM lake")  # noqa: S608
    rejections = query(open_table(str(lake), "rejections"), f"SELECT {REJECTION_COLUMNS} FROM lake")  # noqa: S608
    return reconcile(produced, list(verdicts), list(rejections))


def reconcile(
    produced: Iterable[Produced], verdicts: list[dict[str, Any]], rejections: list[dict[str, Any]]
) -> Account:
    """Compare; pure."""
    account = Account(verdicts=len(verdicts), rejections=len(rejections))
    by_place = {(each.stream, each.sequence_number): each for each in produced}
    account.records = len(by_place)
    rejected = _match_rejections(account, by_place, rejections)
    named = {(each.partition_key, each.upload_id) for each in by_place.values() if each.upload_id}
    counted = _match_verdicts(account, named, verdicts)
    used: Counter[tuple[str, str]] = Counter()
    for place, each in by_place.items():
        if place not in rejected:
            used[each.partition_key, each.upload_id] += 1
    account.uploads = len([group for group in named if used[group]]) + sum(not upload_id for _, upload_id in counted)
    legacy: Counter[str] = Counter()
    for (key, upload_id), number in counted.items():
        if not upload_id:
            legacy[key] += number
    for group in {*used, *(one for one in counted if one[1]), *((key, "") for key in legacy)}:
        has = legacy[group[0]] if not group[1] else counted.get(group, 0)
        if used[group] > has:
            account.lost.append(f"{used[group] - has} records of {group}")
        elif used[group] < has:
            account.doubled.append(f"{has - used[group]} records of {group}")
    return account


def _match_rejections(
    account: Account, by_place: dict[tuple[str, str], Produced], rejections: list[dict[str, Any]]
) -> set[tuple[str, str]]:
    """Find each rejection's record; gives the records that were found."""
    found: set[tuple[str, str]] = set()
    for row in rejections:
        place = (row["stream"], row["sequence_number"])
        record = by_place.get(place)
        if record is None:
            account.doubled.append(f"rejection of {place}, which nobody produced")
        elif (row["data_length"], row["data_sha256"]) != (record.length, record.sha256):
            account.lost.append(f"the bytes of {place}: its rejection has others")
        elif place in found:
            account.doubled.append(f"rejection of {place}")
        found.add(place)
    return found


def _match_verdicts(
    account: Account, named: set[tuple[str, str]], verdicts: list[dict[str, Any]]
) -> dict[tuple[str, str], int]:
    """Give how many records each upload's verdict counts; legacy uploads, which the job names, under the id ""."""
    seen: set[str] = set()
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for row in verdicts:
        if row["upload_id"] in seen:
            account.doubled.append(f"verdict of {row['upload_id']}")
        seen.add(row["upload_id"])
        group = (row["partition_key"], row["upload_id"])
        counted[group if group in named else (row["partition_key"], "")] += (
            row["chunks_received"] + row["chunks_duplicate"]
        )
    return dict(counted)
