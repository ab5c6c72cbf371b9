"""Measure how the search grows with the catalogue.

The catalogue is filler: codes of real recordings, cut into seconds and shuffled for each recording, so that words are
as frequent as in music. Printed for each size: CPU and memory of a ten-second query of unknown sound, and the
evidence of its best (wrong) candidate, which grows with the logarithm of the size and is what the score allows for.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import soundfile

from udfs.calibration import score_of
from udfs.fingerprint import fingerprint
from udfs.landmark_index import Generation
from udfs.match import search_generation
from udfs.spectrum import FRAMES_PER_SECOND

MINUTES = 4  # of a recording
PIECE = 22  # frames: a second


def filler(codes: np.ndarray, recordings: int, random: np.random.Generator) -> Generation:
    length = int(MINUTES * 60 * FRAMES_PER_SECOND) // 4 * 4
    count = recordings * length // PIECE + 1
    pieces = codes[:, : codes.shape[1] // PIECE * PIECE].reshape(2, -1, PIECE)
    line = pieces[:, random.integers(0, pieces.shape[1], count)].reshape(2, -1)[:, : recordings * length]
    planes = np.ascontiguousarray(line.reshape(2, -1, 4).transpose(0, 2, 1))
    edges = np.arange(recordings + 1, dtype=np.uint32) * np.uint32(length)
    return Generation(Path(), planes, edges, np.zeros(1, np.uint64), frozenset())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--music", nargs="+", type=Path, required=True, help="recordings that the filler is made of")
    options.add_argument("--unknown", nargs="+", type=Path, required=True, help="recordings that queries are cut from")
    options.add_argument("--recordings", nargs="+", type=int, default=[180, 1000, 10_000])
    chosen = options.parse_args()
    prints = [fingerprint(soundfile.read(path, always_2d=True)[0].mean(axis=1), soundfile.info(path).samplerate)
              for path in chosen.music]  # fmt: skip
    codes = np.concatenate([np.stack([one.signs, one.strong]) for one in prints], axis=1)
    queries = []
    for path in chosen.unknown:
        samples, rate = soundfile.read(path, always_2d=True)
        middle = len(samples) // 2
        queries.append(fingerprint(samples[middle : middle + 10 * rate].mean(axis=1), rate))
    for recordings in chosen.recordings:
        generation = filler(codes, recordings, np.random.default_rng(recordings))
        frames = generation.planes[0].size
        search_generation(queries[0], generation, frames)
        times, best = [], []
        for query in queries:
            began = time.process_time()
            found = search_generation(query, generation, frames)
            times.append(time.process_time() - began)
            best.append(max((one.segment.evidence for one in found), default=0.0))
        scores = [score_of(evidence, frames) for evidence in best]
        hours = frames / FRAMES_PER_SECOND / 3600
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{recordings:7} recordings, {hours:8.1f} h, {generation.planes.nbytes / 1e6:6.0f} MB:",
            f"{np.median(times) * 1000:7.1f} ms CPU a query, best wrong evidence {np.median(best):.1f}",
            f"(highest {max(best):.1f}, score {max(scores):.3f}), peak memory {peak:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
