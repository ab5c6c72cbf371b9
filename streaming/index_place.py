"""Where an index is, by its name: a folder of files, or ``delta:PLACE``, a catalogue of Delta tables.

The name is the one setting that chooses between an index that every host maps into memory and a catalogue that is
larger than that (docs/catalogue.md).
"""

from __future__ import annotations

from udfs.index_files import IndexRefusedError

PREFIX = "delta:"


def is_catalogue(index: object) -> bool:
    """Whether an index's name is that of a catalogue in Delta tables."""
    return str(index).startswith(PREFIX)


def place_of(index: object) -> str:
    """Give where a catalogue's tables are: a folder or an s3:// prefix.

    Raises
    ------
    IndexRefusedError
        When nothing is behind the prefix.
    """
    place = str(index).removeprefix(PREFIX).rstrip("/")
    if not place:
        raise IndexRefusedError(f"{index!r} names no place: write {PREFIX}FOLDER or {PREFIX}s3://bucket/prefix")
    return place
