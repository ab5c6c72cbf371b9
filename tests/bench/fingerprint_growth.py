"""Measure how the search grows with the catalogue, up to a hundred thousand recordings.

    python tests/bench/fingerprint_growth.py --music FOLDER… --speech FOLDER… --scratch FOLDER --csv growth.csv

A third of the recordings is known, a third (less versions of known ones) is what unknown queries are cut from, and a
third is what the filler is made of: its codes (with their hashes), cut into seconds and shuffled, so that words and
hashes are as frequent as in music. The known recordings lie behind the filler. For each size, by votes and (up to
`--exhaustive`) by comparing with all: CPU of a ten-second query, file-backed memory that it left resident, known
queries answered rightly at the shipped threshold, unknown ones answered at all. A fresh process measures each size. The
scratch folder takes 18 bytes a frame.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from fingerprint import _excerpt, _recordings, _voices, index_by_number, really_unknown
from fingerprint_conditions import CONDITIONS, LONGER, RATE, WITH_ANOTHER

from references.generation import MARGIN
from udfs.calibration import MIN_SCORE
from udfs.fingerprint import Fingerprint, fingerprint, hear
from udfs.landmark_index import Generation, open_index
from udfs.match import search_generation
from udfs.postings import SLAB, build_slab, join_slabs
from udfs.spectrum import FRAMES_PER_SECOND
from udfs.triads import hashes_of

PIECE = 22  # frames: a second
SECONDS = 10
FEWER_FROM = 20_000  # recordings: beyond, every third query is asked
HARD = ("pink -5 dB", "babble +0 dB", "tempo +5 %", "pitch -3 %", "room", "chorus", "mp3 32k", "pink +5 dB")


@dataclass(frozen=True)
class Growth:
    """What was measured at one size, one way."""

    recordings: int
    hours: float
    way: str
    index_mb: float
    cpu_ms: float
    resident_mb: float
    right: float
    answered_unknown: int
    queries: int


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--music", nargs="+", type=Path, required=True)
    options.add_argument("--speech", nargs="+", type=Path, required=True)
    options.add_argument("--scratch", type=Path, required=True)
    options.add_argument("--recordings", nargs="+", type=int, default=[180, 1000, 10_000, 100_000])
    options.add_argument("--minutes", type=float, default=4.0, help="of a recording of filler")
    options.add_argument("--exhaustive", type=int, default=10_000, help="most recordings that all is compared with")
    options.add_argument("--csv", type=Path, help="write the rows there")
    options.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    material = chosen.scratch / "material.npz"
    if chosen.measure:
        rows = [measure(chosen.scratch, np.load(material), chosen.measure, way) for way in ways(chosen)]
        print("\n".join(",".join(map(str, asdict(row).values())) for row in rows), flush=True)
        return
    chosen.scratch.mkdir(parents=True, exist_ok=True)
    if not material.exists():
        np.savez(material, **prepare(chosen.music, chosen.speech))
    lines = []
    for recordings in chosen.recordings:
        lay_out(chosen.scratch, np.load(material), recordings, chosen.minutes)
        done = subprocess.run(
            [sys.executable, *sys.argv, "--measure", str(recordings)], capture_output=True, text=True, check=True
        )
        lines += done.stdout.splitlines()
        print(done.stdout, end="", flush=True)
    if chosen.csv:
        with chosen.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Growth.__dataclass_fields__)
            writer.writerows(line.split(",") for line in lines)


def ways(chosen: argparse.Namespace) -> list[str]:
    return ["votes", "all"] if chosen.measure <= chosen.exhaustive else ["votes"]


def prepare(music: list[Path], speech: list[Path]) -> dict[str, np.ndarray]:
    """Take the fingerprints of known recordings, of the filler's, and of the queries."""
    paths = _recordings(music)
    known, unknown, filler = paths[::3], paths[1::3], paths[2::3]
    with tempfile.TemporaryDirectory() as scratch:
        info, sources = index_by_number(known, Path(scratch, "index"))
        unknown = really_unknown(unknown, open_index(info.folder), sources)
    voices = _voices(speech)
    codes = [codes_of(path) for path in known]
    out = {
        "filler": np.concatenate([codes_of(path) for path in filler], axis=1),
        "known": np.concatenate(codes, axis=1),
        "edges": np.cumsum([0, *(one.shape[1] for one in codes)]),
    }
    conditions = {name: (group, change) for group, all_ in CONDITIONS.items() for name, change in all_.items()}
    for name in HARD:
        group, change = conditions[name]
        random = np.random.default_rng(zlib.crc32(name.encode()))
        longer = 1.1 if group in LONGER else 1.0
        for number in range(24):
            is_known = number < 12
            if not is_known and name in WITH_ANOTHER:
                continue
            which = int(random.integers(len(known if is_known else unknown)))
            x, _ = _excerpt((known if is_known else unknown)[which], random, SECONDS * longer)
            other, _ = _excerpt(unknown[int(random.integers(len(unknown)))], random, SECONDS * longer)
            heard = change(x, np.resize(other, x.shape), voices, random)[: SECONDS * RATE]
            one = hear(heard, RATE)
            key = f"query {name} {number} {which if is_known else -1}"
            out[key] = np.stack([one.signs, one.strong, one.active.astype(np.uint64), *one.heard])
    return out


def codes_of(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    one = fingerprint(samples.mean(axis=1), rate)
    return np.stack([one.signs, one.strong])


def lay_out(scratch: Path, material: np.lib.npyio.NpzFile, recordings: int, minutes: float) -> None:
    """Write filler and the known recordings as the arrays of a generation, a slab at a time."""
    filler, known, edges = material["filler"], material["known"], material["edges"]
    length = int(minutes * 60 * FRAMES_PER_SECOND) // 4 * 4
    count = recordings * length + MARGIN
    total = (count + known.shape[1] + MARGIN) // 4 * 4
    pieces = filler.shape[1] // PIECE
    hashes = hashes_of(filler)[: pieces * PIECE].reshape(pieces, PIECE)
    codes = filler[:, : pieces * PIECE].reshape(2, pieces, PIECE)
    known_hashes = np.concatenate([hashes_of(known[:, a:b]) for a, b in pairwise(edges)])
    planes = np.lib.format.open_memmap(scratch / "planes.npy", "w+", np.uint64, (2, 4, total // 4))
    random = np.random.default_rng(recordings)
    slabs = []
    for first in range(0, total, SLAB):
        size = min(SLAB, total - first)
        chosen = random.integers(0, pieces, size // PIECE + 1)
        line, numbers = codes[:, chosen].reshape(2, -1)[:, :size].copy(), hashes[chosen].reshape(-1)[:size].copy()
        begin, end = max(first, count), min(first + size, count + known.shape[1])
        if begin < end:
            line[:, begin - first : end - first] = known[:, begin - count : end - count]
            numbers[begin - first : end - first] = known_hashes[begin - count : end - count]
        planes[:, :, first // 4 : (first + size) // 4] = line.reshape(2, -1, 4).transpose(0, 2, 1)
        slabs.append(build_slab(numbers))
    planes.flush()
    joined = join_slabs(slabs)
    for name in ("places", "offsets", "bases"):
        np.save(scratch / f"{name}.npy", getattr(joined, name))
    before = MARGIN + np.arange(recordings) * length
    np.save(scratch / "edges.npy", np.concatenate([before, edges + count]).astype(np.uint32))


def measure(scratch: Path, material: np.lib.npyio.NpzFile, recordings: int, way: str) -> Growth:
    from udfs.postings import Postings

    arrays = {name: np.load(scratch / f"{name}.npy", mmap_mode="r") for name in ("places", "offsets", "bases")}
    planes, edges = (np.load(scratch / f"{name}.npy", mmap_mode="r") for name in ("planes", "edges"))
    generation = Generation(Path(), planes, edges, np.zeros(1, np.uint64), frozenset(), Postings(**arrays))
    if way == "all":
        generation = replace(generation, postings=None)
    frames = planes[0].size
    resident, times, right, answered = resident_mb(), [], [], 0
    queries = [name for name in material.files if name.startswith("query")]
    for key in queries[:: 3 if recordings > FEWER_FROM else 1]:
        truth = int(key.rsplit(" ", 1)[1])
        signs, strong, active, *told = material[key]
        query = Fingerprint(signs, strong, active.astype(np.uint8), np.stack(told))
        began = time.process_time()
        found = search_generation(query, generation, frames)
        times.append(time.process_time() - began)
        sure = [one for one in found if one.score >= MIN_SCORE]
        best = max(sure, key=lambda one: one.segment.evidence, default=None)
        if truth >= 0:
            right.append(best is not None and best.segment.recording == recordings + truth)
        else:
            answered += best is not None
    size = planes.nbytes + (sum(one.nbytes for one in arrays.values()) if way == "votes" else 0)
    return Growth(
        recordings,
        round(frames / FRAMES_PER_SECOND / 3600, 1),
        way,
        round(size / 1e6),
        round(float(np.median(times)) * 1000, 1),
        round(resident_mb() - resident),
        round(float(np.mean(right)), 3),
        answered,
        len(times),
    )


def resident_mb() -> float:
    """File-backed memory of this process that is resident."""
    found = re.search(r"RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
