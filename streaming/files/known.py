"""Which versions of files have their verdict, and which of those that are there have not; without Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from deltalake import DeltaTable

from streaming.files.access import Access
from streaming.files.listing import list_files
from streaming.files.stored_file import StoredFile, is_own, root_of
from streaming.files.tally import Tally
from streaming.lake_reader import open_table, query

VERDICTS = "verdicts"


def known_ids(lake: str, place: str) -> set[bytes]:
    """Give the upload ids (16 bytes each) of all verdicts on files that share a root with a place."""
    if not DeltaTable.is_deltatable(f"{lake}/{VERDICTS}"):
        return set()
    root = root_of(place).replace("'", "''")
    sql = f"SELECT upload_id FROM lake WHERE starts_with(stream, '{root}')"  # noqa: S608 - quoted above
    return {to_key(row["upload_id"]) for row in query(open_table(lake, VERDICTS), sql)}


def find_new(place: str, access: Access, known: set[bytes], beside: bool, tally: Tally) -> Iterator[StoredFile]:
    """List a place's files that have no verdict, and count all of them.

    Parameters
    ----------
    place, access
        Where, and the way there.
    known
        What `known_ids` gives.
    beside
        Whether reports lie beside files, so that what is named like one is passed over.
    tally
        Where files are counted as they are listed.
    """
    for file in list_files(place, access):
        if beside and is_own(file.name):
            tally.own += 1
            continue
        tally.found += 1
        tally.found_bytes += file.size
        if to_key(file.upload_id) in known:
            tally.known += 1
        else:
            yield file


def nothing_new(lake: str, places: Sequence[str], access: Access, beside: bool) -> Tally | None:
    """Count the places' files if all of them have their verdict; None where one has not."""
    tally = Tally()
    for place in places:
        if next(find_new(place, access, known_ids(lake, place), beside, tally), None) is not None:
            return None
    return tally


def measure(known: Mapping[str, set[bytes]], access: Access, beside: bool) -> tuple[int, int]:
    """Count the files to be judged, and their bytes, by a listing of its own: one may be too long to be kept."""
    number = size = 0
    for place, ids in known.items():
        for file in find_new(place, access, ids, beside, Tally()):
            number, size = number + 1, size + file.size
    return number, size


def to_key(upload_id: str) -> bytes:
    """Give an upload id in 16 bytes: a million of them are held at a time."""
    return bytes.fromhex(upload_id.replace("-", ""))
