"""Measure the fingerprints: recall, false positives, offsets, speed and size, on recordings of Debian packages.

    python tests/bench/fingerprint.py --music MUSIC/*/ --speech SPEECH --part test

Every second recording is in the index and every other one is unknown; of both, half is for calibration and half for the
test. `--part calibration --rows references/calibration.csv` measures what `references.calibrate` fits the score to.
Recordings that hold the same sound in two files count as one. docs/fingerprint.md has the packages and the results.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from fingerprint_conditions import CONDITIONS, LONGER, RATE, WITH_ANOTHER, Sound, level

from references.build import build_index
from references.calibrate import blocks_of
from udfs.calibration import MIN_SCORE, evidence_of
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import identify

BEYOND_DOUBT = 12.0  # evidence
SUFFIXES = {".ogg", ".mp3", ".wav", ".flac", ".opus"}


@dataclass(frozen=True)
class Row:
    """One query and its answer."""

    corpus: str
    recording: str
    part: str
    group: str
    condition: str
    seconds: int
    known: bool
    right: bool
    evidence: float
    score: float
    offset_error_ms: float
    cpu_ms: float
    frames: int


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--music", nargs="+", type=Path, required=True, help="folders of unpacked packages")
    options.add_argument("--speech", nargs="+", type=Path, required=True, help="folders of voices, for babble")
    options.add_argument("--part", choices=("calibration", "test", "all"), default="test")
    options.add_argument("--seconds", nargs="+", type=int, default=[3, 5, 10, 20])
    options.add_argument("--queries", type=int, default=8, help="known and unknown ones a condition and length, each")
    options.add_argument("--corpus", default="games", help="what the rows call these recordings")
    options.add_argument("--rows", type=Path, help="write every query's row there, as CSV")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        wavs = _as_wav(_recordings(chosen.music), Path(scratch))
        known, unknown = wavs[::2], wavs[1::2]
        began = time.process_time()
        info = build_index(known, Path(scratch, "index"))
        spent = time.process_time() - began
        print(
            f"index: {info.recordings} recordings, {info.seconds / 3600:.2f} h, {info.seconds / spent:.0f} x realtime,"
        )
        print(f"       {info.bytes / info.seconds:.0f} bytes a second, {len(info.duplicates)} duplicates", flush=True)
        twins = {(a, b) for one in info.duplicates for a, b in ((one.reference_id, one.of), (one.of, one.reference_id))}
        part = {"calibration": slice(0, None, 2), "test": slice(1, None, 2), "all": slice(None)}[chosen.part]
        unknown = _really_unknown(unknown, open_index(info.folder))
        rows = list(_measure(chosen, info.folder, known[part], unknown[part], twins))
    if chosen.rows:
        with chosen.rows.open("w", newline="") as file:
            writer = csv.DictWriter(file, asdict(rows[0]))
            writer.writeheader()
            writer.writerows(
                {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(r).items()} for r in rows
            )
    report(rows)


def _recordings(folders: list[Path]) -> list[Path]:
    """All recordings of 25 s to 20 min below the folders, in an order that mixes the packages but never changes."""
    found = []
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        try:
            seconds = soundfile.info(path).duration if path.is_file() and not path.is_symlink() else 0
        except soundfile.LibsndfileError:
            continue
        if 25 <= seconds <= 1200:
            found.append(path)
    return sorted(found, key=lambda path: zlib.crc32(path.name.encode()))


def _as_wav(paths: list[Path], scratch: Path) -> list[Path]:
    """Write each recording once as WAV, for the index's speed is measured from WAV; the same bytes count once."""
    seen: set[int] = set()
    out = []
    for number, path in enumerate(paths):
        key = zlib.crc32(path.read_bytes())
        if key in seen:
            continue
        seen.add(key)
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
        out.append(scratch / f"{number:04}-{path.stem}.wav")
        soundfile.write(out[-1], samples, rate, subtype="PCM_16")
    return out


def _really_unknown(paths: list[Path], index: LandmarkIndex) -> list[Path]:
    """Leave out recordings that the index holds in another version: clean excerpts of theirs are beyond doubt."""
    left = []
    for path in paths:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono, span = samples.mean(axis=1), 10 * rate
        for part in (0.2, 0.45, 0.7):
            start = int(part * len(mono))
            best = identify(mono[start : start + span], rate, index, min_score=0)[:1]
            if best and evidence_of(best[0].score, index.frames) > BEYOND_DOUBT:
                print(f"not unknown: {path.stem} is in the index as {best[0].reference_id}")
                break
        else:
            left.append(path)
    return left


def _excerpt(path: Path, random: np.random.Generator, seconds: float) -> tuple[Sound, float]:
    """A part of a recording that is not silent, at `RATE`, and where in the recording it begins."""
    with soundfile.SoundFile(path) as file:
        length = len(file) / file.samplerate
        for _ in range(20):
            start = float(random.uniform(0, max(0.0, length - seconds)))
            file.seek(int(start * file.samplerate))
            block = file.read(int(seconds * file.samplerate), dtype="float32", always_2d=True).mean(axis=1)
            if len(block) and level(block) > 3e-3:
                break
    samples = soxr.resample(block, file.samplerate, RATE)
    return np.asarray(samples / level(samples) * 0.1, np.float32), start


def _voices(folders: list[Path]) -> Sound:
    voices = []
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        voice = soxr.resample(samples.mean(axis=1), rate, RATE)
        if len(voice) > RATE // 3 and level(voice) > 1e-3:
            voices.append(voice / level(voice))
    order = np.random.default_rng(0).permutation(len(voices))
    return np.concatenate([voices[number] for number in order]).astype(np.float32)


def _measure(
    chosen: argparse.Namespace, folder: Path, known: list[Path], unknown: list[Path], twins: set[tuple[str, str]]
) -> Iterator[Row]:
    speech = _voices(chosen.speech)
    index = open_index(folder)
    identify(np.zeros(RATE, np.float32), RATE, index)
    for seconds in chosen.seconds:
        for group, conditions in CONDITIONS.items():
            for condition, change in conditions.items():
                random = np.random.default_rng(zlib.crc32(f"{chosen.part} {condition} {seconds}".encode()))
                for number in range(2 * chosen.queries):
                    is_known = number < chosen.queries
                    if not is_known and condition in WITH_ANOTHER:
                        continue
                    source = (known if is_known else unknown)[int(random.integers(len(known if is_known else unknown)))]
                    longer = 1.1 if group in LONGER else 1.0
                    x, start = _excerpt(source, random, seconds * longer)
                    other, _ = _excerpt(unknown[int(random.integers(len(unknown)))], random, seconds * longer)
                    other = np.resize(other, x.shape)
                    query = np.asarray(change(x, other, speech, random)[: seconds * RATE], np.float32)
                    began = time.process_time()
                    matches = identify(query, RATE, index, min_score=0)
                    spent = time.process_time() - began
                    best = matches[0] if matches else None
                    name = best.reference_id if best else ""
                    right = is_known and (name == source.stem or (name, source.stem) in twins)
                    error = best.reference_offset_ms - best.query_offset_ms - start * 1000 if best else 0.0
                    yield Row(
                        chosen.corpus, source.stem, chosen.part, group, condition, seconds, is_known, right,
                        evidence_of(best.score, index.frames, blocks_of(seconds)) if best else 0.0,
                        best.score if best else 0.0, error, spent * 1000,
                        index.frames,
                    )  # fmt: skip
        print(f"{seconds} s measured", flush=True)


def report(rows: list[Row]) -> None:
    """Print the table: right at 1 % false positives, and at the shipped threshold."""
    for seconds in sorted({row.seconds for row in rows}):
        mine = [row for row in rows if row.seconds == seconds]
        wrong = [row.evidence for row in mine if not row.known]
        threshold = float(np.quantile(wrong, 0.99))
        known = [row for row in mine if row.known]
        print(f"\n{seconds} s: {len(known)} known, {len(wrong)} unknown, threshold at 1 % FP {threshold:.1f}")
        print(f"  top 1 {np.mean([r.right for r in known]):.3f}", end="  ")
        print(f"@1 % FP {np.mean([r.right and r.evidence > threshold for r in known]):.3f}", end="  ")
        print(f"at MIN_SCORE {np.mean([r.right and r.score >= MIN_SCORE for r in known]):.3f}", end="  ")
        print(f"false positives {np.mean([r.score >= MIN_SCORE for r in mine if not r.known]):.4f}")
        errors = [abs(r.offset_error_ms) for r in known if r.right and r.group not in LONGER]
        print(f"  offset within 0.5 s {np.mean(np.array(errors) < 500):.3f}", end="  ")
        print(f"CPU {np.median([r.cpu_ms for r in mine]):.1f} ms a query")
        for group in dict.fromkeys(row.group for row in known):
            here = [row for row in known if row.group == group]
            print(f"    {group:28s} {np.mean([r.right and r.evidence > threshold for r in here]):.3f}")


if __name__ == "__main__":
    main()
