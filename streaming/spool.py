"""Where the bytes of records lie while their uploads are rebuilt, so that only their places travel through Spark.

A byte that goes through a shuffle, a sort, the state store and back is copied in the JVM a dozen times, and once more
for each Python worker that sees it. So what reads a record first puts it into a file of this spool, and every later
stage hands on its place; whoever needs the bytes reads them there.

Files lie in a folder a batch. A batch that is done again after a crash writes files of its own, and nothing refers to
those of the first try. A folder is deleted when no open upload began in it or before it (`Spool.forget`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streaming.chunk import Buffer
from streaming.places import Place, Range

FOLDER = "spool"
GAP = 64 << 10  # bytes between two pieces that are rather read than asked for in a request of their own


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a file of the spool."""

    file: str  # <batch>/<random>
    start: int
    length: int

    @property
    def batch(self) -> int:
        """The batch in which it was written."""
        return int(self.file.partition("/")[0])


def name_file(batch: int) -> str:
    """Make up the name of a new file of a batch; no other try of the same batch has it."""
    return f"{batch}/{secrets.token_hex(8)}"


@dataclass(frozen=True)
class Spool:
    """The spool of one checkpoint; small, and pickled to the workers."""

    place: Place

    def write(self, file: str, parts: Sequence[memoryview]) -> None:
        """Write a new file, the parts one after the other."""
        self.place.write_parts(f"{FOLDER}/{file}", parts)

    def read(self, pieces: Iterable[Piece]) -> list[Buffer]:
        """Read pieces, in their order; those that lie side by side are views of one read.

        Raises
        ------
        FileNotFoundError
            When a file is not there, or too short.
        """
        wanted = list(pieces)
        by_file: dict[str, list[int]] = {}
        for number, piece in enumerate(wanted):
            by_file.setdefault(piece.file, []).append(number)
        found: dict[int, Buffer] = {}
        for file, numbers in by_file.items():
            numbers.sort(key=lambda number: wanted[number].start)
            runs = _join_neighbours([wanted[number] for number in numbers])
            blocks = iter(zip(runs, self.place.read_ranges(f"{FOLDER}/{file}", runs), strict=True))
            (start, length), data = next(blocks)
            for number in numbers:
                piece = wanted[number]
                while piece.start >= start + length:
                    (start, length), data = next(blocks)
                found[number] = memoryview(data)[piece.start - start : piece.start - start + piece.length]
        return [found[number] for number in range(len(wanted))]

    def count_bytes(self) -> int:
        """Say how much lies in the spool, in bytes."""
        return self.place.count_bytes(FOLDER)

    def forget(self, oldest: int, begun: int) -> None:
        """Delete what no upload can refer to any more.

        Parameters
        ----------
        oldest
            The batch in which the oldest open upload began; the first one of the spool that is still needed.
        begun
            The batch that is about to begin: what lies there already is left over from a try that died.
        """
        for name in self.place.list_names(FOLDER):
            if name.isdecimal() and not oldest <= int(name) < begun:
                self.place.remove_tree(f"{FOLDER}/{name}")


def _join_neighbours(pieces: Sequence[Piece]) -> list[Range]:
    """Join pieces of one file, sorted by where they start, to ranges that are worth a read each."""
    runs: list[Range] = []
    for piece in pieces:
        end = piece.start + piece.length
        if runs and piece.start - sum(runs[-1]) <= GAP:
            start, length = runs[-1]
            runs[-1] = (start, max(length, end - start))
        else:
            runs.append((piece.start, piece.length))
    return runs
