"""Identify: samples and an opened index in, the recordings that they are part of out; unknown is an empty answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs import kernels
from udfs.findings import Match
from udfs.fingerprint import Fingerprint, fingerprint
from udfs.landmark_index import Generation, LandmarkIndex
from udfs.spectrum import frame_to_ms

__all__ = ["MIN_SCORE", "Match", "identify"]

MIN_SCORE = 0.5  # the shipped threshold
WIDTH = 8  # frames of a voting bin
CANDIDATES = 40


def identify(
    samples: NDArray[np.floating], sample_rate: int, index: LandmarkIndex, min_score: float = MIN_SCORE
) -> list[Match]:
    """Find the recordings that mono samples of shape (n,) are part of, best first; empty = unknown."""
    query = fingerprint(samples, sample_rate, fan=12, per_second=30)
    found: list[Match] = []
    for generation in index.generations:
        for number, diagonal, likeness in _best(query, generation):
            score = float(1 / (1 + np.exp(-25 * (likeness - 0.35))))
            if number in generation.removed or score < min_score:
                continue
            recording = generation.recording(number)
            length = len(query.bands)
            found.append(
                Match(
                    recording.reference_id,
                    score,
                    frame_to_ms(max(0, -diagonal)),
                    frame_to_ms(max(0, diagonal)),
                    matched_ms=frame_to_ms(length),
                    coverage=1.0,
                    title=recording.title,
                    artist=recording.artist,
                )
            )
    return sorted(found, key=lambda match: -match.score)[:10]


def _best(query: Fingerprint, generation: Generation) -> list[tuple[int, int, float]]:
    length, frames = len(query.bands), len(generation.bands)
    origin = (length // WIDTH + 1) * WIDTH
    votes = np.zeros((frames + origin) // WIDTH + 2, np.uint16)
    hashes, times = np.ascontiguousarray(query.landmarks.T)
    kernels.vote(hashes, times, generation.starts, generation.positions, origin, WIDTH, votes)
    bins = np.argpartition(-votes.astype(np.int32), min(CANDIDATES, len(votes) - 1))[:CANDIDATES]
    best: dict[int, tuple[float, int]] = {}
    for candidate in bins:
        for start in range((int(candidate) - 1) * WIDTH - origin, (int(candidate) + 1) * WIDTH - origin, 1):
            middle = start + length // 2
            if not 0 <= middle < frames:
                continue
            number = int(np.searchsorted(generation.edges, middle, side="right")) - 1
            edge = int(generation.edges[number])
            low, high = max(start, edge), min(start + length, int(generation.edges[number + 1]))
            mine = query.bands[low - start : high - start].astype(np.float32)
            known = generation.bands[low:high].astype(np.float32)
            likeness = float((mine * known).sum() / np.sqrt(((mine**2).sum() + 1) * ((known**2).sum() + 1)))
            likeness *= (high - low) / length
            if likeness > best.get(number, (-1.0, 0))[0]:
                best[number] = (likeness, start - edge)
    return [(number, start, likeness) for number, (likeness, start) in best.items()]
