"""Copy an index to where a running job reads it: whole, found sound, and in one step."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from references.errors import RecordingsError
from udfs.fingerprint import VERSION
from udfs.index_files import (
    GENERATIONS,
    MANIFEST,
    IndexRefusedError,
    damaged_files,
    read_manifest,
    write_manifest,
)


def publish_index(index: Path, to: Path) -> str:
    """Copy what is new in an index, read all of it there, and put the manifest in its place last.

    Generations that neither the new manifest names nor the one that it replaces are deleted: workers of a running job
    may still open those of the latter.

    Returns
    -------
    str
        The manifest's SHA-256.

    Raises
    ------
    IndexRefusedError
        When `index` is none.
    RecordingsError
        When what was copied is not what the manifest says; nothing changes then.
    """
    manifest, _ = read_manifest(index, VERSION)
    if to.exists() and any(to.iterdir()) and not (to / MANIFEST).exists() and not (to / GENERATIONS).exists():
        raise RecordingsError(f"{to} holds something that is no index: give an empty or a new folder")
    place = to / GENERATIONS
    place.mkdir(parents=True, exist_ok=True)
    for entry in manifest.generations:
        if not (place / entry.name).exists():
            staged = Path(tempfile.mkdtemp(prefix=".staged-", dir=place))
            try:
                shutil.copytree(index / GENERATIONS / entry.name, staged, dirs_exist_ok=True)
                staged.chmod(0o755)
                staged.rename(place / entry.name)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
    if damaged := [f"{path} {what}" for path, what in damaged_files(to, manifest)]:
        raise RecordingsError(f"not published: {'; '.join(damaged)}; delete that generation, and publish again")
    try:
        before = read_manifest(to, VERSION)[0].generations
    except IndexRefusedError:  # there is none yet, or it is of another version
        before = ()
    sha256 = write_manifest(to, manifest)
    named = {entry.name for entry in (*manifest.generations, *before)}
    for folder in place.iterdir():
        if folder.name not in named:
            shutil.rmtree(folder, ignore_errors=True)
    return sha256
