"""What the grade costs of judging a track: CPU of both, the decoder's process included, over the demo's recordings."""

from __future__ import annotations

import time
from pathlib import Path

from references.build import build_index
from udfs.classify import Classifier
from udfs.landmark_index import open_index
from udfs.quality import examine_quality
from udfs.sandbox import SandboxedDecoder
from udfs.track import Track

DEMO = Path(__file__).parents[2] / "references/demo"
SUFFIXES = (".ogg", ".opus", ".mp3", ".flac")
ROUNDS = 3


def cpu_seconds(decoder: SandboxedDecoder) -> float:
    """CPU time of this process and the decoder's so far."""
    fields = Path(f"/proc/{decoder.worker_pid}/stat").read_text().rpartition(") ")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    """Judge each recording some times, grade it as often, and print the sums."""
    import tempfile

    paths = sorted(path for path in DEMO.iterdir() if path.suffix in SUFFIXES)
    tracks = [Track.from_file(path) for path in paths]
    with tempfile.TemporaryDirectory() as folder, SandboxedDecoder() as decoder:
        build_index(paths, Path(folder) / "index")
        classifier = Classifier(decoder, open_index(Path(folder) / "index"))
        judged = [classifier.judge(track)[1] for track in tracks]
        before = cpu_seconds(decoder)
        for _ in range(ROUNDS):
            for track in tracks:
                classifier.judge(track)
        judging = cpu_seconds(decoder) - before
        started = time.process_time()
        for _ in range(ROUNDS):
            for decoded in judged:
                if decoded is not None:
                    examine_quality(decoded.samples, decoded.sample_rate)
        grading = time.process_time() - started
    each = ROUNDS * len(tracks)
    print(f"judging {1000 * judging / each:.1f} CPU ms a track, of them grading {1000 * grading / each:.1f}")
    print(f"share of the grade: {grading / judging:.1%}")


if __name__ == "__main__":
    main()
