"""Build and change a reference index: recordings in, immutable generations under a manifest out."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from references.metadata import read_metadata
from udfs.fingerprint import VERSION, Fingerprint, fingerprint, noise_codes
from udfs.index_files import GENERATIONS, GenerationEntry, Manifest, describe, write_manifest
from udfs.kernels import PLANES
from udfs.landmark_index import Recording

AUDIO = frozenset(
    [
        ".wav",
        ".wave",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aif",
        ".aiff",
        ".m4a",
        ".mp4",
        ".aac",
        ".wma",
        ".w64",
        ".au",
    ]
)


MARGIN = 256  # frames of noise at either end of a time line: a query may begin before the first recording


@dataclass(frozen=True)
class IndexInfo:
    """What a build did."""

    folder: Path
    sha256: str
    recordings: int
    seconds: float
    bytes: int


@dataclass(frozen=True)
class Taken:
    """One recording with its fingerprint."""

    recording: Recording
    fingerprint: Fingerprint


def audio_files(paths: Iterable[Path | str]) -> list[Path]:
    """List the audio files that paths name: files as they are, folders with all that is below them, sorted."""
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found.extend(sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO and file.is_file()))
        else:
            found.append(path)
    return found


def take(path: Path) -> Taken:
    """Read one file and take its fingerprint."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    known = read_metadata(path)
    recording = Recording(duration_ms=round(len(mono) * 1000 / rate), content_sha256=content, **known)
    return Taken(recording, fingerprint(mono, rate))


def build_index(paths: Iterable[Path | str], out: Path | str) -> IndexInfo:
    """Build an index of recordings, given as files and folders, in the folder `out`."""
    out = Path(out)
    taken = [take(path) for path in audio_files(paths)]
    (out / GENERATIONS).mkdir(parents=True, exist_ok=True)
    entry = write_generation(out, taken)
    manifest = Manifest(VERSION, (entry,))
    sha256 = write_manifest(out, manifest)
    seconds = sum(one.recording.duration_ms for one in taken) / 1000
    return IndexInfo(out, sha256, len(taken), seconds, manifest.bytes)


def write_generation(out: Path, taken: Sequence[Taken]) -> GenerationEntry:
    """Write recordings as one generation; a name that its content gives keeps a repeated build the same."""
    edges = np.cumsum([MARGIN, *(len(one.fingerprint.signs) for one in taken)]).astype(np.uint32)
    lines = [json.dumps(asdict(one.recording), ensure_ascii=False).encode() + b"\n" for one in taken]
    staged = Path(tempfile.mkdtemp(prefix=".staged-", dir=out / GENERATIONS))
    arrays: dict[str, NDArray[np.uint64] | NDArray[np.uint32]] = {
        "planes": _planes([one.fingerprint for one in taken]),
        "edges": edges,
        "lines": np.cumsum([0, *map(len, lines)]).astype(np.uint64),
    }
    for name, array in arrays.items():
        np.save(staged / f"{name}.npy", array)
    (staged / "catalogue.jsonl").write_bytes(b"".join(lines))
    files = {path.name: describe(path) for path in sorted(staged.iterdir())}
    name = hashlib.sha256("".join(entry.sha256 for entry in files.values()).encode()).hexdigest()[:16]
    place = out / GENERATIONS / name
    if place.exists():
        shutil.rmtree(place)
    staged.chmod(0o755)
    staged.rename(place)
    return GenerationEntry(name, len(taken), int(edges[-1]), files)


def _planes(prints: Sequence[Fingerprint]) -> NDArray[np.uint64]:
    """Lay codes one behind the other on a time line between margins of noise, shape (2, PLANES, length / PLANES)."""
    end = MARGIN + sum(len(one.signs) for one in prints)
    margins = noise_codes(2 * MARGIN + -end % PLANES)
    codes = [np.stack([one.signs, one.strong]) for one in prints]
    line = np.concatenate([margins[:, :MARGIN], *codes, margins[:, MARGIN:]], axis=1)
    return np.ascontiguousarray(line.reshape(2, -1, PLANES).transpose(0, 2, 1))
