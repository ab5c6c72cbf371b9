"""How the reference-free grade follows PESQ: recordings of speech are spoilt in many ways, and both are asked.

``python tests/bench/quality.py [--speech FOLDER]… [--csv OUT]`` — each folder's files are joined to recordings of some
seconds. Without folders: the demo's two recordings of speech. Needs the package pesq (docs/quality.md).
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
import soxr
from quality_degradations import DEGRADATIONS, Sound

from udfs.decode import decode
from udfs.errors import TrackError
from udfs.quality import examine_quality
from udfs.quality.fidelity import measure_pesq
from udfs.track import Track

SECONDS = 8.0
DEMO = Path(__file__).parents[2] / "references/demo"
SPEECH = ("a-new-world-speech.flac", "meroitic-phrases-speech.opus")
RATE = 44_100


def recordings_in(folder: Path) -> Iterator[tuple[str, Sound, int]]:
    """Join a folder's clips, 0.3 s of their own quiet apart from nothing, to two recordings of `SECONDS` at most."""
    clips, rate, made = [], None, 0
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in (".ogg", ".wav", ".flac", ".mp3", ".opus") or made == 2:
            continue
        try:
            decoded = decode(Track.from_file(path))
        except TrackError:
            continue
        rate = rate or decoded.sample_rate
        if decoded.sample_rate != rate:
            continue
        clips.append(decoded.mono())
        if sum(map(len, clips)) >= SECONDS * rate:
            made += 1
            yield f"{folder.parent.name}/{folder.name} {made}", normalised(np.concatenate(clips)), rate
            clips = []


def demo_recordings() -> Iterator[tuple[str, Sound, int]]:
    """Cut the demo's speech."""
    for name in SPEECH:
        decoded = decode(Track.from_file(DEMO / name))
        length = int(SECONDS * decoded.sample_rate)
        for number, at in enumerate(range(0, len(decoded.samples) - length, length)):
            yield f"{name} {number}", normalised(decoded.mono()[at : at + length]), decoded.sample_rate


def normalised(sound: Sound) -> Sound:
    """Bring the peak to -3 dB, at 44.1 kHz at least, as services store it; no sound is added above the old rate's."""
    return (sound / max(1e-9, float(np.abs(sound).max())) * 0.7).astype(np.float32)


def measure(name: str, sound: Sound, rate: int) -> Iterator[dict[str, Any]]:
    """Spoil one recording in every way."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    for degradation, degrade in DEGRADATIONS.items():
        spoilt = degrade(sound, rate, random)
        quality = examine_quality(spoilt[:, None], rate)
        reference, heard = (soxr.resample(each, rate, 16_000) for each in (sound, spoilt))
        pesq = measure_pesq(reference, heard, 16_000)
        if quality is not None and pesq.score is not None:
            grade = {"grade": quality.grade.value, "score": quality.score}
            yield {
                "recording": name,
                "rate": rate,
                "degradation": degradation,
                "pesq": pesq.score,
                **grade,
                **quality.measures,
            }


def report(rows: list[dict[str, Any]]) -> None:
    """Print a line a degradation, PESQ by grade, and the rank correlations."""
    by_kind, by_grade, by_recording = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in rows:
        by_kind[row["degradation"]].append(row)
        by_grade[row["grade"]].append(row["pesq"])
        by_recording[row["recording"]].append((row["score"], row["pesq"]))
    print(f"{'degradation':26} {'PESQ':>5} {'score':>6}  grades")
    for kind, found in by_kind.items():
        grades = defaultdict(int)
        for row in found:
            grades[row["grade"]] += 1
        print(f"{kind:26} {mean(found, 'pesq'):5.2f} {mean(found, 'score'):6.2f}  {dict(grades)}")
    for name in ("Excellent", "Good", "Fair", "Poor"):
        if by_grade[name]:
            low, middle, high = np.percentile(by_grade[name], (10, 50, 90))
            print(f"{name:10} {len(by_grade[name]):5} pairs, PESQ {low:.2f} .. {middle:.2f} .. {high:.2f} (10/50/90 %)")
    base = {row["recording"]: row["score"] for row in rows if row["degradation"] == "none"}
    narrow = "through"
    for name, chosen in {
        "all pairs": rows,
        "recordings that are Excellent or Good before": [row for row in rows if base[row["recording"]] >= 3.4],
        "of those, without narrowing, to which PESQ is deaf": [
            row for row in rows if base[row["recording"]] >= 3.4 and not row["degradation"].startswith(narrow)
        ],
    }.items():
        print(f"Spearman {rank(chosen):.3f}, {name} ({len(chosen)})")
    within = [scipy.stats.spearmanr(*zip(*pairs, strict=True)).statistic for pairs in by_recording.values()]
    print(f"Spearman {np.median(within):.3f}, within a recording (median of {len(within)})")


def rank(rows: list[dict[str, Any]]) -> float:
    """Spearman's rank correlation of score and PESQ."""
    return float(scipy.stats.spearmanr([row["score"] for row in rows], [row["pesq"] for row in rows]).statistic)


def mean(rows: list[dict[str, Any]], name: str) -> float:
    """Mean of a column."""
    return float(np.mean([row[name] for row in rows]))


def main() -> None:
    """Measure everything, print, and write a row a pair where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", type=Path, action="append", default=[])
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    found = [each for folder in arguments.speech for each in recordings_in(folder)] or list(demo_recordings())
    rows = [row for name, sound, rate in found for row in measure(name, sound, rate)]
    report(rows)
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
