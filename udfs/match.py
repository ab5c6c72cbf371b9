"""Identify: samples and an opened index in, the recordings that they are part of out; unknown is an empty answer.

samples -> fingerprint -> blocks -> shortlist -> segments -> joined segments -> score -> matches
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from udfs.calibration import MIN_SCORE, score_of
from udfs.findings import Match
from udfs.fingerprint import BAND_OCTAVES, Fingerprint, hear
from udfs.landmark_index import Generation, LandmarkIndex
from udfs.postings import vote
from udfs.repeats import Between, between_frames, settle
from udfs.segments import Block, Segment, block_segments, blocks, continues, follow, joined, length_in_blocks, weigh
from udfs.shortlist import Chance, Shortlist, shortlist
from udfs.spectrum import RATE, frame_to_ms, resample

__all__ = ["MIN_SCORE", "Match", "candidates", "identify"]

MOST_MATCHES = 10
NEXT = 3  # candidates behind the matches
MOST_EXTENDED = 6  # segments of a block that are looked for in the blocks beside it
LEAST_SETTLED = 0.9  # score of what is worth a closer look
LEAST_EXTENSION = 3.0  # standard deviations by which a neighbouring block must go on to be joined


@dataclass(frozen=True)
class Found:
    """A segment with the generation that it is in and its score."""

    generation: Generation
    segment: Segment
    score: float


def identify(
    samples: NDArray[np.floating], sample_rate: int, index: LandmarkIndex, min_score: float = MIN_SCORE
) -> list[Match]:
    """Find the recordings that sound is part of, best first; empty = unknown.

    Parameters
    ----------
    samples
        Mono, shape (n,), at `sample_rate` Hz, of any loudness. An hour takes its samples and a few megabytes more, and
        the time grows with its length.
    index
        What is known (`udfs.landmark_index.open_index`).
    min_score
        The least score of an answer; 0 gives the best guess however unsure.

    Returns
    -------
    list of Match
        A match for each part of a recording that is heard, and other recordings that reach the score.
    """
    return [match for match in candidates(samples, sample_rate, index, min_score) if match.accepted]


def candidates(
    samples: NDArray[np.floating], sample_rate: int, index: LandmarkIndex, min_score: float = MIN_SCORE
) -> list[Match]:
    """Find what `identify` finds, and behind it up to `NEXT` more that do not reach `min_score`: not `accepted`."""
    mono = resample(samples, sample_rate)
    query = hear(mono, RATE)
    found = [one for generation in index.generations for one in search_generation(query, generation, index.frames)]
    return best_matches(query, found, min_score, between_frames(mono), NEXT)


def best_matches(
    query: Fingerprint,
    found: list[Found],
    min_score: float,
    between: Between,
    further: int = 0,
) -> list[Match]:
    """Choose what to answer of what was found, best first, and so many `further` ones of a lower score."""
    ordered = sorted(found, key=lambda one: -one.segment.evidence)
    best = _without_repeats(ordered)
    accepted = [one for one in best if one.score >= min_score]
    others = [one for one in best if one.score < min_score][:further]
    settled = [_settled(one, query, between) for one in accepted]
    length = len(query.signs)
    return [_match(one, length) for one in settled] + [_match(one, length, accepted=False) for one in others]


def list_candidates(block: Block, generation: Generation) -> Shortlist:
    """List where in a generation a block may come from: by votes where there are hashes, else by comparing all."""
    voted = None if generation.postings is None else vote(block.print, generation.postings).starts
    return shortlist(block.print, generation.planes, generation.edges, generation.sample, voted)


def search_generation(query: Fingerprint, generation: Generation, frames: int) -> list[Found]:
    """Find the segments of a query in one generation; `frames` is the size of the whole index."""
    parts = list(blocks(query))
    return follow_listed(parts, [list_candidates(block, generation) for block in parts], generation, frames)


def follow_listed(parts: list[Block], listed: list[Shortlist], generation: Generation, frames: int) -> list[Found]:
    """Follow the blocks of a query from their shortlists; reads the recordings of each list's first `FOLLOWED` only."""
    segments = [
        segment
        for block, one in zip(parts, listed, strict=True)
        for segment in block_segments(block, one, generation.planes, generation.edges, generation.sample)
        if segment.recording not in generation.removed
    ]
    if len(parts) > 1:
        chances = {part.number: one.chance for part, one in zip(parts, listed, strict=True) if one.starts.size}
        segments = _join(parts, segments, generation, chances)
    length = length_in_blocks(sum(len(part.print.signs) for part in parts))
    return [Found(generation, segment, score_of(segment.evidence, frames, length)) for segment in segments]


def _join(
    parts: list[Block], segments: list[Segment], generation: Generation, chances: dict[int, Chance]
) -> list[Segment]:
    """Extend each block's best segments into the blocks beside it, each held against its own chance, and join them."""
    chains: list[Segment] = []
    taken: set[int] = set()
    by_block: dict[int, list[Segment]] = {}
    for segment in segments:
        by_block.setdefault(segment.block, []).append(segment)
    doubts = {number: found[0].doubt for number, found in by_block.items()}
    seeds = sorted((s for found in by_block.values() for s in found[:MOST_EXTENDED]), key=lambda s: -s.evidence)
    for seed in seeds:
        if id(seed) in taken:
            continue
        chain = seed
        for step in (-1, 1):
            number = seed.block + step
            while 0 <= number < len(parts):
                nexts = [s for s in by_block.get(number, ()) if id(s) not in taken and continues(chain, s)]
                part = max(nexts, key=lambda s: s.evidence, default=None)
                if part is None:
                    line = chain.line_at(parts[number].first)
                    chance = chances.get(number, chain.chance)
                    part = follow(parts[number], generation.planes, generation.edges, *line, chance)
                    part = part and weigh(part, chain.ease, doubts.get(number, 1.0))
                    if part is None or part.evidence < LEAST_EXTENSION or not continues(chain, part):
                        break
                else:
                    taken.add(id(part))
                chain = joined(chain, part)
                number += step
        chains.append(chain)
    return chains


def _without_repeats(found: Iterable[Found]) -> list[Found]:
    """Drop what a better segment of the same recording says already: the same part of the query."""
    kept: list[Found] = []
    for one in found:
        mine = one.segment
        if not any(
            other.generation is one.generation
            and other.segment.recording == mine.recording
            and min(other.segment.query_end, mine.query_end) > max(other.segment.query_first, mine.query_first)
            for other in kept
        ):
            kept.append(one)
            if len(kept) == MOST_MATCHES:
                break
    return kept


def _settled(best: Found, query: Fingerprint, between: Between) -> Found:
    """Choose among the places of one recording that agree nearly as well; an unsure answer stays as it is."""
    if best.score < LEAST_SETTLED:
        return best
    return replace(best, segment=settle(best.segment, query, between, best.generation.planes, best.generation.edges))


def _match(found: Found, length: int, accepted: bool = True) -> Match:
    segment, generation = found.segment, found.generation
    recording = generation.recording(segment.recording)
    edge = int(generation.edges[segment.recording])
    return Match(
        recording.reference_id,
        found.score,
        query_offset_ms=frame_to_ms(segment.query_first),
        reference_offset_ms=frame_to_ms(segment.reference_first - edge),
        matched_ms=frame_to_ms(segment.query_end - segment.query_first),
        coverage=min(1.0, (segment.query_end - segment.query_first) / max(1, length)),
        speed=segment.speed,
        pitch=2 ** (-segment.turn * BAND_OCTAVES),
        title=recording.title,
        artist=recording.artist,
        accepted=accepted,
    )
