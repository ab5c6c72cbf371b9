"""Follow a query along the recordings of its shortlist: which stretch of which, how fast, how high, how surely.

A query is cut into blocks of about ten seconds. Within a block the query may drift (a stretched tempo, an unsteady
tape) and only a part of it need match; neighbouring blocks that continue each other are joined, and their evidence
adds up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from udfs import kernels
from udfs.fingerprint import Fingerprint, plainly_heard
from udfs.landmark_index import SHORT
from udfs.shortlist import Chance, Shortlist, chance_of

BLOCK_FRAMES = 215  # ten seconds
LEAST_BLOCKS = 0.5  # five seconds: shorter queries are mistaken hardly less
FOLLOWED = 24  # candidates of a block that are followed closely
WEIGHED = 8  # and of these are weighed
LEAST_COUNTED = 32  # frames: fewer agree by chance somewhere
LEAST_EASE = 0.85  # what agrees with little else is not surer for that
USUAL_DEVIATION = 20.0  # of a frame of most recordings, by chance (`udfs.shortlist.Chance`)
DRIFT = 6  # frames that a block may wander off its straight line
PRICE = 1.0  # for each frame of wandering, in standard deviations of a path's segment
LEAST_RISE = 0.8  # standard deviations that a path's segment must agree above chance to be counted as matched
TURNS = (-1, 0, 1)  # bands
RUNNERS_UP = slice(2, 5)  # recordings, the surest first: a sound may be known in two versions, these are others
USUAL_RUNNER_UP = 5.0  # evidence that they have for most sound
HIGHEST_RUNNER_UP = 9.0  # what has more is no chance, but one more version
JOINING = 2.5  # standard deviations that the better of many continuations has by chance
SLACK = 24  # frames that two blocks of one recording may be apart from their common line


@dataclass(frozen=True)
class Block:
    """A part of a query that is searched for at once: its number, its first frame in the query, its codes."""

    number: int
    first: int
    print: Fingerprint


@dataclass(frozen=True)
class Segment:
    """A stretch of a query, in frames of the whole query, along a recording's time line.

    `gain` is the agreement above chance in bits, `variance` what its variance would be by chance, so that
    `evidence`, in standard deviations, adds up over blocks.
    """

    block: int
    recording: int
    query_first: int
    query_end: int
    reference_first: int  # on the time line
    reference_end: int
    gain: float
    variance: float
    turn: float  # bands that the query must be raised by to fit
    chance: Chance
    ease: float = 1.0  # how easily the recording's passage agrees with anything (`ease`)
    doubt: float = 1.0  # what the evidence was divided by because of the runners-up (`doubt`)

    @property
    def evidence(self) -> float:
        """Standard deviations above chance."""
        return float(self.gain / self.variance**0.5)

    @property
    def speed(self) -> float:
        """Reference frames a query frame."""
        return (self.reference_end - self.reference_first) / max(1, self.query_end - self.query_first)

    def line_at(self, frame: int) -> tuple[int, float]:
        """Where on the time line a frame of the query falls if it goes on like this, and how stretched."""
        stretch = self.speed - 1
        return self.reference_first + round((frame - self.query_first) * self.speed), stretch


def blocks(query: Fingerprint) -> Iterator[Block]:
    """Cut a fingerprint into blocks of nearly `BLOCK_FRAMES`."""
    count = len(query.signs)
    parts = block_count(count)
    for part in range(parts):
        first, end = count * part // parts, count * (part + 1) // parts
        yield Block(part, first, query.part(first, end))


def block_count(frames: int) -> int:
    """How many blocks a query of so many frames is cut into."""
    return max(1, round(frames / BLOCK_FRAMES))


def length_in_blocks(frames: int) -> float:
    """How long a query of so many frames is, in blocks; a short one has its chance to be mistaken as well."""
    return max(LEAST_BLOCKS, frames / BLOCK_FRAMES)


def block_segments(
    block: Block,
    listed: Shortlist,
    planes: NDArray[np.uint64],
    edges: NDArray[np.uint32],
    sample: NDArray[np.uint64] | None = None,
) -> list[Segment]:
    """Find the segments of one block among its shortlist, the surest first; `sample` as in `shortlist`."""
    found = [
        follow(block, planes, edges, int(start), float(stretch), listed.chance)
        for start, stretch in zip(listed.starts[:FOLLOWED], listed.stretches[:FOLLOWED], strict=True)
    ]
    best = sorted((segment for segment in found if segment is not None), key=lambda segment: -segment.evidence)
    usual: dict[int, float] = {}  # one a recording: its repeats are told apart by agreement alone
    for segment in best:
        if segment.recording not in usual and len(usual) < WEIGHED:
            usual[segment.recording] = ease(segment, planes, planes if sample is None else sample)
    weighed = [weigh(segment, usual[segment.recording], 1.0) for segment in best if segment.recording in usual]
    less = doubt(weighed)
    return sorted((weigh(segment, 1.0, less) for segment in weighed), key=lambda segment: -segment.evidence)


def weigh(segment: Segment, ease: float, doubt: float) -> Segment:
    """Lower a segment's evidence by how easily its passage agrees with anything, and by the doubt about its block."""
    gain, variance = segment.gain / doubt, segment.variance * ease
    return replace(segment, gain=gain, variance=variance, ease=segment.ease * ease, doubt=segment.doubt * doubt)


def doubt(segments: list[Segment]) -> float:
    """Measure how much surer than usual a block's runners-up are, as a factor; usual is 1.

    A held chord, a common beat or one synthesiser agrees with many recordings: then chance itself is wider, and the
    best of them means less by as much. The place that sound really comes from stands alone.
    """
    best: dict[int, float] = {}
    for segment in segments:
        best[segment.recording] = max(segment.evidence, best.get(segment.recording, 0.0))
    runners_up = sorted(best.values(), reverse=True)[RUNNERS_UP]
    if not runners_up:
        return 1.0
    usual = sum(min(one, HIGHEST_RUNNER_UP) for one in runners_up) / len(runners_up)
    return max(1.0, usual / USUAL_RUNNER_UP)


def ease(segment: Segment, planes: NDArray[np.uint64], sample: NDArray[np.uint64]) -> float:
    """Measure how easily a recording's passage agrees with a sample: held notes and steady beats do; usual is 1."""
    frames = np.arange(segment.reference_first, segment.reference_end)
    frames = frames[(frames >= 0) & (frames < planes[0].size)]
    if not frames.size:
        return 1.0
    signs = planes[0, frames % kernels.PLANES, frames // kernels.PLANES]
    measured = chance_of(plainly_heard(signs), np.ones(frames.size, np.uint8), sample).deviation / USUAL_DEVIATION
    return max(LEAST_EASE if planes[0].size > SHORT else 1.0, measured)  # itself transposed agrees with less than music


def follow(
    block: Block,
    planes: NDArray[np.uint64],
    edges: NDArray[np.uint32],
    start: int,
    stretch: float,
    chance: Chance,
) -> Segment | None:
    """Follow a block from one candidate position; None where nothing of it agrees.

    `start` is where the block's first frame falls on the time line, were the block not stretched about its middle.
    """
    heard, active = block.print.heard, block.print.active
    count = heard.shape[1]
    recording = int(np.searchsorted(edges, start + count // 2, side="right")) - 1
    if not 0 <= recording < len(edges) - 1:
        return None
    low, high = int(edges[recording]), int(edges[recording + 1])
    mean, sigma = chance.mean, chance.deviation
    step = sigma * kernels.SEGMENT**0.5  # a path segment's deviation
    path = np.zeros((count + kernels.SEGMENT - 1) // kernels.SEGMENT, np.int64)
    gains = []
    best = (0.0, 0.0, 0, 0)
    best_path = path
    for turn in TURNS:
        gain, counted, first, end = kernels.follow(
            heard, active, planes, low, high, start, stretch, turn, DRIFT, mean, step, PRICE, LEAST_RISE, path
        )
        gains.append(max(0.0, gain))
        if gains[-1] > best[0]:
            best, best_path = (gains[-1], max(counted, LEAST_COUNTED) * sigma**2, first, end), path.copy()
    gain, variance, first, end = best
    if gain <= 0 or variance <= 0:
        return None
    query_first, query_end = first * kernels.SEGMENT, min(count, end * kernels.SEGMENT)
    begin = int(best_path[first])
    finish = int(best_path[end - 1]) + round((query_end - (end - 1) * kernels.SEGMENT) * (1 + stretch))
    return Segment(
        block.number,
        recording,
        block.first + query_first,
        block.first + query_end,
        begin,
        finish,
        gain,
        variance,
        between(gains),
        chance,
    )


def continues(one: Segment, other: Segment) -> bool:
    """Whether two segments are neighbouring parts of one passage of the same recording."""
    first, second = sorted((one, other), key=lambda segment: segment.query_first)
    gap = second.query_first - first.query_end
    jump = (second.reference_first - first.reference_end) - gap
    return first.recording == second.recording and gap <= BLOCK_FRAMES and abs(jump) <= SLACK


def joined(one: Segment, other: Segment) -> Segment:
    """Join two segments of one passage. What agrees surely is no less sure for what noise hides beside it."""
    first, second = sorted((one, other), key=lambda segment: segment.query_first)
    stronger = max(one, other, key=lambda segment: segment.gain)
    gain = first.gain + second.gain - JOINING * min(first.variance, second.variance) ** 0.5
    together = replace(stronger, gain=gain, variance=first.variance + second.variance)
    surest = max(one, other, together, key=lambda segment: segment.evidence)
    return replace(
        stronger,
        query_first=first.query_first,
        query_end=second.query_end,
        reference_first=first.reference_first,
        reference_end=second.reference_end,
        gain=surest.gain,
        variance=surest.variance,
    )


def between(turns: list[float]) -> float:
    """Where between its steps of -1, 0, 1 bands the best agreement lies.

    A partial between two bands agrees with both, and the more with the nearer one; what agrees on the other side of the
    best step is no part of that.
    """
    best = max(range(len(turns)), key=turns.__getitem__)
    beside = [(turns[at] if 0 <= at < len(turns) else 0.0) for at in (best - 1, best + 1)]
    least, most = min(beside), max(beside)
    towards = math.copysign(1.0, beside[1] - beside[0])
    return best - 1 + towards * (most - least) / max(turns[best] + most - 2 * least, 1e-9)
