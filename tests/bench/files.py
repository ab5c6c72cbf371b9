"""Measure `soundgate files`: files a second, times realtime, MB/s a core, and what a second worker brings.

    python tests/bench/files.py [FOLDER…] [--packaged N] [--generated N] [--large N] [--workers 2 1] [--json]

Two corpora are judged, each by every number of workers, into a lake of its own, by the command's own code: thousands of
small files (generated ones, and recordings from the folders named, linked in a random order), and a few of 5.6 MB, the
mean of the 5,332 files in 30 GB that another system put into a database. A first slice, not counted, opens the index
and the decoders. CPU seconds are those of the whole process tree: on a busy machine only they mean anything.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "streaming"))

import numpy as np
import soundfile
from job_rig import make_sound
from process_meter import measure

from references.build import build_index
from streaming.files.access import Access
from streaming.files.command import Order, carry_out
from streaming.session import start_session
from streaming.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = {".wav", ".ogg", ".oga", ".opus", ".mp3", ".flac"}
FORMATS = (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))
LARGE_SECONDS, LARGE_RATE = 32, 44_100  # in stereo and 16 bit: 5.6 MB
HEADLINE_FILES, HEADLINE_GB = 5_332, 30.0
WARM_FILES = 24


@dataclass(frozen=True)
class Measured:
    """One corpus, judged by so many workers."""

    corpus: str
    workers: int
    files: int
    megabytes: float
    sound_hours: float
    seconds: float
    cpu_seconds: float
    files_a_second: float
    times_realtime: float
    megabytes_a_second: float
    megabytes_a_cpu_second: float


def generate(folder: Path, number: int) -> None:
    """Write short sounds in four formats."""
    folder.mkdir(parents=True, exist_ok=True)
    choose = random.Random(1)
    for index in range(number):
        kind, subtype = FORMATS[index % len(FORMATS)]
        sound = make_sound(1_000 + index % 50, choose.choice((2.0, 4.0, 8.0)))
        buffer = io.BytesIO()
        soundfile.write(buffer, sound, 22_050, format=kind, subtype=subtype)
        (folder / f"{index}.{kind.lower()}").write_bytes(buffer.getvalue())


def generate_large(folder: Path, number: int) -> None:
    """Write files as large as the mean of the headline's."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(number):
        mono = np.repeat(make_sound(2_000 + index, LARGE_SECONDS), LARGE_RATE // 22_050)
        soundfile.write(folder / f"{index}.wav", np.stack([mono, mono[::-1]], axis=1), LARGE_RATE, subtype="PCM_16")


def link(folder: Path, sources: list[Path], number: int) -> None:
    """Link recordings out of some folders, always the same ones."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(path for source in sources for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
    for index, path in enumerate(random.Random(2).sample(found, min(number, len(found)))):
        (folder / f"{index}{path.suffix.lower()}").symlink_to(path.resolve())


def judge(corpus: Path, warm: Path, work: Path, workers: int) -> Measured:
    """Judge a corpus with so many workers."""
    spark = start_session(workers, {"spark.master": f"local[{workers},4]", "spark.local.dir": str(work / "spark")})
    settings = {"index": work / "index", "lake": str(work / f"lake-{corpus.name}-{workers}")}
    load = lambda more: load_settings({**settings, **more})  # noqa: E731
    try:
        carry_out(Order((str(warm),), Access()), load, spark=spark)
        started, before = time.monotonic(), measure()
        tally = carry_out(Order((str(corpus),), Access()), load, spark=spark)
        seconds, cpu = time.monotonic() - started, measure().cpu_seconds - before.cpu_seconds
    finally:
        spark.stop()
    sound, megabytes = tally.sound_ms / 1000, tally.judged_bytes / 1e6
    done = Measured(
        *(corpus.name, workers, tally.judged, megabytes, sound / 3600, seconds, cpu),
        *(tally.judged / seconds, sound / seconds, megabytes / seconds, megabytes / cpu),
    )
    print(f"{done}", file=sys.stderr)
    return done


def main() -> None:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folders", nargs="*", type=Path)
    for name, number in (("packaged", 1_500), ("generated", 500), ("large", 16)):
        arguments.add_argument(f"--{name}", type=int, default=number)
    arguments.add_argument("--workers", type=int, nargs="+", default=[2, 1])
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="soundgate-bench-") as scratch:
        work = Path(scratch)
        build_index(
            sorted(path for path in (ROOT / "references/demo").iterdir() if path.suffix in SUFFIXES), work / "index"
        )
        generate(work / "warm", WARM_FILES)
        generate(work / "small" / "generated", given.generated)
        link(work / "small" / "packaged", given.folders, given.packaged)
        generate_large(work / "large", given.large)
        corpora = [work / name for name in ("large", "small") if any((work / name).rglob("*.*"))]
        rows = [judge(corpus, work / "warm", work, count) for corpus in corpora for count in given.workers]
    if given.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        what = f"{row.files} files, {row.megabytes:.0f} MB, {row.sound_hours:.2f} h of sound"
        speed = (
            f"{row.files_a_second:.1f} files/s, {row.times_realtime:.0f} x realtime, {row.megabytes_a_second:.2f} MB/s"
        )
        cost = f"{row.seconds:.0f} s ({row.cpu_seconds:.0f} of CPU)"
        print(f"{row.corpus:6} {row.workers} workers: {what} in {cost}: {speed}")
    for row in (row for row in rows if row.corpus == "large"):
        minutes = HEADLINE_FILES / row.files_a_second / 60
        print(
            f"{HEADLINE_FILES} files in {HEADLINE_GB:g} GB at that pace, {row.workers} workers: {minutes:.0f} minutes"
        )


if __name__ == "__main__":
    main()
