"""Measure the fingerprints: recall, false positives, offsets, speed and size, on recordings of Debian packages.

    python tests/bench/fingerprint.py --music MUSIC/*/ --speech SPEECH

Every second recording is in the index and every other one is unknown. Recordings that hold the same sound in two files
count as one. `fingerprint_calibration.py` measures what `references.calibrate` fits the score to. docs/fingerprint.md
has the packages and the results.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile
import soxr
from fingerprint_conditions import CONDITIONS, LONGER, RATE, WITH_ANOTHER, Sound, level

from references.build import IndexInfo, build_index
from references.calibrate import blocks_of
from udfs.calibration import MIN_SCORE, evidence_of
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import identify

BEYOND_DOUBT = 12.0  # evidence
LIKELY = 8.0  # evidence of what is known where waveforms agree as well
SAME_WAVE = 0.2  # correlation of two waveforms; unrelated ones have .1 at their best, but for held notes
TIMED = 12  # recordings that the speed of indexing is measured on
SUFFIXES = {".ogg", ".mp3", ".wav", ".flac", ".opus"}


@dataclass(frozen=True)
class Row:
    """One query and its answer."""

    corpus: str
    recording: str
    group: str
    condition: str
    seconds: int
    known: bool
    right: bool
    itself: bool  # and not another version, of which no offset is known
    evidence: float
    score: float
    offset_error_ms: float
    cpu_ms: float
    frames: int


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--music", nargs="+", type=Path, required=True, help="folders of unpacked packages")
    options.add_argument("--speech", nargs="+", type=Path, required=True, help="folders of voices, for babble")
    options.add_argument("--seconds", nargs="+", type=int, default=[3, 5, 10, 20])
    options.add_argument("--queries", type=int, default=8, help="known and unknown ones a condition and length, each")
    options.add_argument("--rows", type=Path, help="write every query's row there, as CSV")
    chosen = options.parse_args()
    paths = _recordings(chosen.music)
    time_index(paths[:TIMED])
    rows = measure("", paths, _voices(chosen.speech), chosen.seconds, chosen.queries, chosen.queries)
    if chosen.rows:
        write_rows(chosen.rows, rows, list(asdict(rows[0])))
    report(rows)


def measure(
    corpus: str, paths: list[Path], speech: Sound, lengths: list[int], known_queries: int, unknown_queries: int
) -> list[Row]:
    """Index every second recording and ask for parts of those, and of the others, in every condition and length."""
    known, unknown = paths[::2], paths[1::2]
    with tempfile.TemporaryDirectory() as scratch:
        info, sources = index_by_number(known, Path(scratch, "index"))
        index = open_index(info.folder)
        print(f"{corpus} {info.recordings} recordings, {info.seconds / 3600:.2f} h, ", end="")
        print(f"{info.bytes / info.seconds:.0f} bytes a second, {len(info.duplicates)} duplicates", flush=True)
        twins = {(a, b) for one in info.duplicates for a, b in ((one.reference_id, one.of), (one.of, one.reference_id))}
        unknown = really_unknown(unknown, index, sources)
        asking = Asking(corpus, index, sources, unknown, twins, speech, known_queries, unknown_queries)
        return [row for seconds in lengths for row in asking.ask(seconds)]


def index_by_number(known: list[Path], out: Path) -> tuple[IndexInfo, dict[str, Path]]:
    """Index recordings by their number and stem, for stems may be equal; and say which file has which name."""
    sources = {f"{number:04}-{path.stem}": path for number, path in enumerate(known)}
    return build_index(known, out, about={path: {"reference_id": name} for name, path in sources.items()}), sources


def write_rows(path: Path, rows: Iterable[Row], columns: list[str]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(r).items()} for r in rows)


def time_index(paths: list[Path]) -> None:
    """Measure how fast recordings are indexed from WAV, once what is compiled is loaded."""
    with tempfile.TemporaryDirectory() as scratch:
        wavs = [_as_wav(path, Path(scratch), number) for number, path in enumerate(paths)]
        build_index(wavs[:1], Path(scratch, "first"))
        began = time.process_time()
        info = build_index(wavs, Path(scratch, "index"))
        print(f"index: {info.seconds / (time.process_time() - began):.0f} x realtime, one core, from WAV", flush=True)


def _recordings(folders: list[Path]) -> list[Path]:
    """All recordings of 25 s to 20 min below the folders, each once, in an order that mixes them but never changes."""
    found = {}
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        try:
            seconds = soundfile.info(path).duration if path.is_file() and not path.is_symlink() else 0
        except soundfile.LibsndfileError:
            continue
        if 25 <= seconds <= 1200:
            found.setdefault(zlib.crc32(path.read_bytes()), path)
    return sorted(found.values(), key=lambda path: zlib.crc32(path.name.encode()))


def _as_wav(path: Path, scratch: Path, number: int) -> Path:
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    out = scratch / f"{number:04}-{path.stem}.wav"
    soundfile.write(out, samples, rate, subtype="PCM_16")
    return out


def really_unknown(paths: list[Path], index: LandmarkIndex, sources: dict[str, Path]) -> list[Path]:
    """Leave out recordings of which the index holds a version or a part.

    Those are beyond doubt by clean excerpts, or have the very waveform of what they are taken for (a stem of a mix, a
    loop of another piece): who answers that is right.
    """
    left = []
    for path in paths:
        for part in (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9):
            mono = _read(path, part * max(0.0, _length(path) - 10), 10)
            best = next(iter(identify(mono, RATE, index, min_score=0)), None)
            if best is None:
                continue
            begin = best.query_offset_ms / 1000
            here = mono[int(begin * RATE) :][: int(best.matched_ms / 1000 * RATE)]
            there = _read(
                sources[best.reference_id], max(0.0, best.reference_offset_ms / 1000 - 0.1), len(here) / RATE + 0.2
            )
            sure, alike = evidence_of(best.score, index.frames), correlation(here, there)
            if sure > BEYOND_DOUBT or (sure > LIKELY and alike > SAME_WAVE):
                print(f"not unknown: {path.stem} is {best.reference_id} ({sure:.1f}, {alike:.2f})", flush=True)
                break
        else:
            left.append(path)
    return left


def correlation(part: Sound, whole: Sound) -> float:
    """Correlation of a waveform with another, where it fits best in it."""
    if len(part) == 0 or len(whole) < len(part):
        return 0.0
    products = scipy.signal.fftconvolve(whole, part[::-1], "valid")
    energies = scipy.signal.fftconvolve(whole.astype(np.float64) ** 2, np.ones(len(part)), "valid")
    return float(np.abs(products / np.sqrt(np.maximum(energies, 1e-9) * np.sum(part.astype(np.float64) ** 2))).max())


def _length(path: Path) -> float:
    return float(soundfile.info(path).duration)


def _read(path: Path, start: float, seconds: float) -> Sound:
    """Read a part of a recording as mono at `RATE`."""
    with soundfile.SoundFile(path) as file:
        file.seek(int(start * file.samplerate))
        block = file.read(int(seconds * file.samplerate), dtype="float32", always_2d=True).mean(axis=1)
        return np.asarray(soxr.resample(block, file.samplerate, RATE), np.float32)


def _excerpt(path: Path, random: np.random.Generator, seconds: float) -> tuple[Sound, float]:
    """A part of a recording that is not silent, at `RATE`, and where in the recording it begins."""
    for _ in range(20):
        start = float(random.uniform(0, max(0.0, _length(path) - seconds)))
        samples = _read(path, start, seconds)
        if len(samples) and level(samples) > 3e-3:
            break
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


@dataclass(frozen=True)
class Asking:
    """What is asked of one index."""

    corpus: str
    index: LandmarkIndex
    known: dict[str, Path]  # by reference id
    unknown: list[Path]
    twins: set[tuple[str, str]]
    speech: Sound
    known_queries: int  # a condition and length
    unknown_queries: int

    def ask(self, seconds: int) -> Iterator[Row]:
        """Ask in every condition."""
        for group, conditions in CONDITIONS.items():
            for condition, change in conditions.items():
                random = np.random.default_rng(zlib.crc32(f"{self.corpus} {condition} {seconds}".encode()))
                longer = seconds * (1.1 if group in LONGER else 1.0)
                unknown = 0 if condition in WITH_ANOTHER else self.unknown_queries
                for number in range(self.known_queries + unknown):
                    name = None if number >= self.known_queries else list(self.known)[random.integers(len(self.known))]
                    source = self.known[name] if name else self.unknown[random.integers(len(self.unknown))]
                    x, start = _excerpt(source, random, longer)
                    other, _ = _excerpt(self.unknown[random.integers(len(self.unknown))], random, longer)
                    heard = change(x, np.resize(other, x.shape), self.speech, random)[: seconds * RATE]
                    yield self._answer(np.asarray(heard, np.float32), name, source, start, (group, condition, seconds))
        print(f"{seconds} s measured", flush=True)

    def _answer(self, query: Sound, name: str | None, source: Path, start: float, asked: tuple[str, str, int]) -> Row:
        began = time.process_time()
        best = next(iter(identify(query, RATE, self.index, min_score=0)), None)
        spent = time.process_time() - began
        group, condition, seconds = asked
        told = best.reference_id if best else ""
        right = name is not None and (told == name or (told, name) in self.twins)
        error = best.reference_offset_ms - best.query_offset_ms - start * 1000 if best else 0.0
        score = best.score if best else 0.0
        evidence = evidence_of(score, self.index.frames, blocks_of(seconds)) if best else 0.0
        return Row(
            self.corpus, f"{source.parent.name}/{source.stem}", group, condition,
            seconds, name is not None, right, told == name, evidence, score,
            error, spent * 1000, self.index.frames,
        )  # fmt: skip


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
        errors = [abs(r.offset_error_ms) for r in known if r.itself and r.group not in LONGER]
        print(f"  offset within 0.5 s {np.mean(np.array(errors) < 500):.3f}", end="  ")
        print(f"CPU {np.median([r.cpu_ms for r in mine]):.1f} ms a query")
        for group in dict.fromkeys(row.group for row in known):
            here = [row for row in known if row.group == group]
            print(f"    {group:28s} {np.mean([r.right and r.evidence > threshold for r in here]):.3f}")


if __name__ == "__main__":
    main()
