"""Files of this machine that a command is pointed at."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from streaming.errors import UserError
from streaming.partition_key import printable

if TYPE_CHECKING:  # at run time only where something is decoded
    from udfs.decode import Decoded
    from udfs.sandbox import SandboxedDecoder
    from udfs.track import Track


def find_files(paths: list[Path]) -> Iterator[Path]:
    """All regular files among and under `paths`, sorted within a folder; links to folders are not followed.

    Raises
    ------
    UserError
        One of `paths` does not exist, or is neither a file nor a folder.
    """
    for path in paths:
        if path.is_dir():
            for folder, below, names in os.walk(path):
                below.sort()
                yield from (Path(folder, name) for name in sorted(names) if is_regular(Path(folder, name)))
        elif is_regular(path):
            yield path
        elif path.exists():
            raise UserError(f"{str(path)!r} is a device, pipe or socket, which may have no end: give a file")
        else:
            raise UserError(f"no such file or folder: {str(path)!r}")


def is_regular(path: Path) -> bool:
    """Whether `path` is a plain file, or a link to one: no pipe, device or socket, which could be read for ever."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def decode_file(path: Path, decode: SandboxedDecoder) -> tuple[Track, Decoded]:
    """Read a file and decode it.

    Raises
    ------
    UserError
        It cannot be read, or holds no sound.
    """
    from udfs.errors import TrackError
    from udfs.track import Track

    try:
        track = Track.from_file(path)
        return track, decode(track)
    except OSError as error:
        raise UserError(f"{printable(str(path))}: {error.strerror}") from error
    except TrackError as error:
        raise UserError(f"{printable(str(path))}: {error}") from error
