"""Write a generation: recordings with their fingerprints laid out as the arrays that `udfs.landmark_index` maps."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udfs.fingerprint import Fingerprint, noise_codes
from udfs.index_files import GENERATIONS, GenerationEntry, describe
from udfs.kernels import PLANES, from_planes, to_planes
from udfs.landmark_index import CATALOGUE, POSTINGS, Generation, Recording
from udfs.postings import build_postings
from udfs.triads import NONE, hashes_of

MARGIN = 256  # frames of noise at either end of a time line: a query may begin before the first recording
HASHED_FROM = 1 << 21  # frames, 27 hours: to compare a query with so much takes longer than to verify what votes find


@dataclass(frozen=True)
class Taken:
    """One recording with its fingerprint's codes, uint64 of shape (2, frames): signs and strong ones."""

    recording: Recording
    codes: NDArray[np.uint64]


def taken_from(recording: Recording, fingerprint: Fingerprint) -> Taken:
    """Pair a recording with its fingerprint."""
    return Taken(recording, np.stack([fingerprint.signs, fingerprint.strong]))


def read_back(generation: Generation) -> list[Taken]:
    """Read the recordings of a generation that are still in the index, so that generations can be joined."""
    line = from_planes(generation.planes)
    return [
        Taken(
            generation.recording(number), np.asarray(line[:, generation.edges[number] : generation.edges[number + 1]])
        )
        for number in range(generation.recordings)
        if number not in generation.removed
    ]


def write_generation(out: Path, taken: Sequence[Taken], hashed_from: int = HASHED_FROM) -> GenerationEntry:
    """Write recordings as one generation; its name comes of its content, so the same recordings give the same one.

    One of `hashed_from` frames and more gets posting lists of hashes, and is searched by them.
    """
    edges = np.cumsum([MARGIN, *(one.codes.shape[1] for one in taken)]).astype(np.uint32)
    lines = [json.dumps(asdict(one.recording), ensure_ascii=False).encode() + b"\n" for one in taken]
    place = out / GENERATIONS
    place.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".staged-", dir=place))
    try:
        np.save(staged / "planes.npy", _planes([one.codes for one in taken]))
        np.save(staged / "edges.npy", edges)
        if edges[-1] >= hashed_from:
            postings = build_postings(_hashes([one.codes for one in taken]))
            for name in POSTINGS:
                np.save(staged / f"{name}.npy", getattr(postings, name))
        np.save(staged / "lines.npy", np.cumsum([0, *map(len, lines)]).astype(np.uint64))
        (staged / CATALOGUE).write_bytes(b"".join(lines))
        files = {path.name: describe(path) for path in sorted(staged.iterdir())}
        name = hashlib.sha256("".join(entry.sha256 for entry in files.values()).encode()).hexdigest()[:16]
        staged.chmod(0o755)
        if not (place / name).exists():  # one of the same name has the same content and may be in use
            staged.rename(place / name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return GenerationEntry(name, len(taken), int(edges[-1]), files)


def _hashes(codes: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint16]:
    """Hash each recording's frames, on the time line that `_planes` lays out; its margins have none."""
    return np.concatenate([np.full(MARGIN, NONE, np.uint16), *(hashes_of(one) for one in codes)])


def _planes(codes: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Lay codes one behind the other on a time line between margins of noise, shape (2, PLANES, length / PLANES)."""
    end = MARGIN + sum(one.shape[1] for one in codes)
    margins = noise_codes(2 * MARGIN + -end % PLANES)
    line = np.concatenate([margins[:, :MARGIN], *codes, margins[:, MARGIN:]], axis=1)
    return to_planes(line)
