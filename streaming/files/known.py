"""Which versions of files have their verdict, and which of those that are there have not; without Spark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deltalake import DeltaTable

from streaming.files.access import Access
from streaming.files.listing import list_files
from streaming.files.stored_file import StoredFile, is_own, root_of
from streaming.files.tally import Tally
from streaming.lake_reader import open_table, query, quote

VERDICTS = "verdicts"


@dataclass(frozen=True)
class Scope:
    """What is judged, and where it is known what has been.

    Parameters
    ----------
    places
        As `streaming.files.listing.check_places` gives them.
    access
        The way to S3.
    lake
        Where the verdicts are.
    max_file_bytes
        The largest file that is read.
    beside
        Whether reports lie beside files, so that what is named like one is passed over.
    """

    places: tuple[str, ...]
    access: Access
    lake: str
    max_file_bytes: int
    beside: bool

    def known_ids(self, place: str) -> set[bytes]:
        """Give the upload ids (16 bytes each) of all verdicts on files that share a root with a place."""
        if not DeltaTable.is_deltatable(f"{self.lake}/{VERDICTS}"):
            return set()
        sql = f"SELECT upload_id FROM lake WHERE starts_with(stream, {quote(root_of(place))})"  # noqa: S608 - quoted
        return {to_key(row["upload_id"]) for row in query(open_table(self.lake, VERDICTS), sql)}

    def find_new(self, place: str, known: set[bytes], tally: Tally) -> Iterator[StoredFile]:
        """List a place's files that are not among the known, and count all of them in `tally` as they are listed."""
        for file in list_files(place, self.access):
            if self.passes_over(file.name):
                tally.own += 1
                continue
            tally.found += 1
            tally.found_bytes += file.size
            if to_key(file.upload_id) in known:
                tally.known += 1
            else:
                yield file

    def passes_over(self, name: str) -> bool:
        """Whether a file is taken for one that lies beside a judged one."""
        return self.beside and is_own(name)

    def nothing_new(self) -> Tally | None:
        """Count the places' files if all of them have their verdict; None where one has not."""
        tally = Tally()
        for place in self.places:
            if next(self.find_new(place, self.known_ids(place), tally), None) is not None:
                return None
        return tally

    def measure(self, known: Mapping[str, set[bytes]]) -> tuple[int, int]:
        """Count the files to be judged, and their bytes, by a listing of its own: one may be too long to be kept."""
        number = size = 0
        for place, ids in known.items():
            for file in self.find_new(place, ids, Tally()):
                number, size = number + 1, size + file.size
        return number, size


def to_key(upload_id: str) -> bytes:
    """Give an upload id in 16 bytes: a million of them are held at a time."""
    return bytes.fromhex(upload_id.replace("-", ""))
