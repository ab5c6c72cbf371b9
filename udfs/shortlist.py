"""The shortlist: where in all that is known might a few seconds of sound come from?

Every position of a time line is compared with the query, every other frame of it, by counting misfit bits. That is
exhaustive and yet fast (ten seconds against 5.5 hours in about 2 ms), for the processor compares eight words at once
and the codes are small; docs/fingerprint.md says why this replaced look-ups of hashed landmarks. Its time grows with
the time line: a long one has posting lists of hashes (`udfs.postings`), whose candidates are looked at instead.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs import kernels
from udfs.fingerprint import Fingerprint
from udfs.landmark_index import SHORT

PHASES = (0, 2)  # of every four frames: the query is tried at these, against the planes of these
LEAST_COARSE = 3.0  # standard deviations above the query's mean over all positions
MOST = 128  # positions that are looked at closely
APART = 8  # frames: nearer positions are the same candidate
REACH = 1  # frames: what the coarse scan, at every other frame, may be off
VOTED_REACH = 4  # frames: and what votes, which a stretched query spreads
STRETCHES = np.array([0.0, -0.025, 0.025, -0.05, 0.05])
OF_ONE = 12  # positions of one recording that come first: one that repeats itself fills the list
LEAST_DEVIATION = 1.0  # of a frame by chance: of silence nothing is heard
USUAL_DEVIATION = 25.0  # of a frame of most queries by chance: a short line's few sounds may agree with too little
NULL_SAMPLE = 256  # random positions that the query's chance agreement is measured on


@dataclass(frozen=True)
class Chance:
    """How well a query agrees with what it is not part of, see `udfs.kernels.fit`.

    The mean of one frame, and the standard deviation of n frames less the square root of n.
    """

    mean: float
    deviation: float


@dataclass(frozen=True)
class Shortlist:
    """Candidate positions on a time line, best first, but no recording with more than `OF_ONE` before others.

    `starts`: frame of the time line that the query's first frame falls on, int64; `stretches`: reference frames more
    per query frame; `evidence`: standard deviations above chance.
    """

    starts: NDArray[np.int64]
    stretches: NDArray[np.float64]
    evidence: NDArray[np.float64]
    chance: Chance


def shortlist(
    query: Fingerprint,
    planes: NDArray[np.uint64],
    edges: NDArray[np.uint32],
    sample: NDArray[np.uint64] | None = None,
    voted: NDArray[np.int64] | None = None,
) -> Shortlist:
    """Find the positions of a time line, shape (2, 4, length / 4), that a query of a few seconds agrees with best.

    `edges` are the recordings' (`udfs.landmark_index.Generation`). Chance is measured on `sample`, a part of the time
    line, or else on all of it. Where candidates were `voted` for only these are looked at.
    """
    if voted is None:
        least = LEAST_COARSE if planes[0].size > SHORT else 0.0  # of a short line most may be the query's own loop
        rough, reach = coarse_positions(query, planes, least), REACH
    else:
        rough, reach = voted, VOTED_REACH
    found = np.empty((len(rough), 3))
    kernels.align(query.heard, query.active, planes, rough, reach, STRETCHES, found)
    chance = measure_chance(query, planes if sample is None else sample)
    if planes[0].size <= SHORT:
        chance = Chance(chance.mean, max(chance.deviation, USUAL_DEVIATION))
    frames = max(1, int(query.active.sum()))
    evidence = (found[:, 0] - frames * chance.mean) / (frames**0.5 * chance.deviation)
    order = np.argsort(-evidence, kind="stable")
    order = varied(order, np.searchsorted(edges, found[:, 1] + len(query.signs) // 2, side="right"))
    return Shortlist(found[order, 1].astype(np.int64), found[order, 2], evidence[order], chance)


def varied(order: NDArray[np.int64], recording: NDArray[np.int64]) -> NDArray[np.int64]:
    """Move what is beyond the first `OF_ONE` of a recording to the end, so that others are held against it."""
    seen: Counter[int] = Counter()
    beyond = np.zeros(order.size, bool)
    for place, one in enumerate(recording[order].tolist()):
        beyond[place] = seen[one] >= OF_ONE
        seen[one] += 1
    return np.concatenate([order[~beyond], order[beyond]])


def coarse_positions(query: Fingerprint, planes: NDArray[np.uint64], least: float = LEAST_COARSE) -> NDArray[np.int64]:
    """Scan the whole time line and return up to `MOST` positions that stand out by `least` deviations, int64."""
    starts: list[NDArray[np.int64]] = []
    heights: list[NDArray[np.float64]] = []
    frames = np.flatnonzero(query.active)
    for phase in PHASES:
        size = planes.shape[2] - (len(query.signs) + 3) // 4 - 2
        if size <= 0 or not frames.size:
            continue
        misfit = np.zeros(size, np.int32)
        for plane in PHASES:
            used = frames[(frames - phase - plane) % kernels.PLANES == 0]
            if not used.size:
                continue
            steps = (used - phase - plane) // kernels.PLANES
            kernels.scan(query.signs[used], steps, planes[0, plane], planes[1, plane], 1, misfit)
        mean, deviation = float(misfit.mean()), float(misfit.std()) + 1e-9
        chosen = np.flatnonzero(misfit < mean - least * deviation)
        starts.append((chosen + 1) * kernels.PLANES - phase)
        heights.append((mean - misfit[chosen]) / deviation)
    if not starts:
        return np.empty(0, np.int64)
    return strongest(np.concatenate(starts), np.concatenate(heights))


def strongest(starts: NDArray[np.int64], heights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the best position of each neighbourhood, the `MOST` best of those."""
    order = np.lexsort((-heights, starts // APART))
    place = starts[order] // APART
    first = np.ones(order.size, bool)
    first[1:] = place[1:] != place[:-1]
    kept = order[first]
    if kept.size > MOST:
        kept = kept[np.argpartition(-heights[kept], MOST)[:MOST]]
    return starts[kept]


def measure_chance(query: Fingerprint, planes: NDArray[np.uint64]) -> Chance:
    """Measure a query's agreement at random positions of the time line; the same ones for the same time line."""
    return chance_of(query.heard, query.active, planes)


def chance_of(heard: NDArray[np.uint64], active: NDArray[np.uint8], planes: NDArray[np.uint64]) -> Chance:
    """Measure the chance agreement of what is heard of a query, or of a recording's own signs as if they were one."""
    last = max(1, planes[0].size - heard.shape[1])
    starts = np.random.default_rng(planes[0].size).integers(0, last, NULL_SAMPLE)
    found = np.empty((NULL_SAMPLE, 3))
    kernels.align(heard, active, planes, starts, 0, STRETCHES[:1], found)
    # robust: a few of the random positions may be right ones
    middle = float(np.median(found[:, 0]))
    spread = 1.4826 * float(np.median(np.abs(found[:, 0] - middle)))
    frames = max(1, int(active.sum()))
    sure, surest = (int(np.bitwise_count(words[active > 0]).sum()) for words in heard[1:])
    coins = ((sure + 3 * surest) / frames) ** 0.5  # were each bit a coin of its own, that counts once or twice
    return Chance(middle / frames, max(spread / frames**0.5, coins, LEAST_DEVIATION))
