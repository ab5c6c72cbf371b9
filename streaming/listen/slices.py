"""What a slice of an endless stream leaves for the next one, whatever its container.

A slice begins and ends anywhere. Each container has a module that cuts it behind its last whole unit (a frame, a page,
a sample), makes a small file of what is new and as much of what came before as decoders need, and leaves the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MAGICS = (b"OggS", b"fLaC", b"RIFF", b"RF64")  # how a chunk begins that begins a stream, or is a file of its own


@dataclass(frozen=True)
class Rest:
    """What a slice leaves for the next one.

    Parameters
    ----------
    kind
        The container that is followed; "" where nothing is.
    head
        What only the stream's beginning said, and each of its slices needs.
    data
        Some whole units that were heard, and the beginning of the next one; while `head` is empty, what came of it.
    heard
        How many of the units in `data` were heard.
    owed
        The part of a sample by which what was heard is shorter than what it lasts; without it, slices of some
        milliseconds would drift.
    """

    kind: str = ""
    head: bytes = b""
    data: bytes = b""
    heard: int = 0
    owed: float = 0.0

    def behind_gap(self) -> Rest:
        """What is left of it behind a chunk that is missing: the head, which does not come again."""
        return replace(self, data=b"", heard=0) if self.head else Rest()


@dataclass(frozen=True)
class Part:
    """A file that any decoder reads; of its sound the last so many seconds are new."""

    data: bytes
    seconds: float


@dataclass(frozen=True)
class Slice:
    """A slice that was cut: what is to be decoded, in order, and what it leaves."""

    parts: tuple[Part, ...]
    rest: Rest


def goes_on(kind: str, data: bytes, rest: Rest) -> bool:
    """Whether a chunk goes on with the stream that is followed, and is of this kind."""
    return rest.kind == kind and not data.startswith(MAGICS)
