"""Find recordings that are in an index twice, in other encodings or as parts of each other.

Two copies of one recording share many rare codes at the same distance in time. Sorting all codes brings those together,
without comparing every recording with every other; what shares enough is then compared as a query would be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from references.generation import Taken

MOST_ALIKE = 6  # frames that a code may be found in, and still be rare
FEWEST_BITS = 4  # a code of fewer is found everywhere
NEAR = 4  # frames of one distance
LEAST_SHARED = 6  # rare codes at one distance
COMPARED = 215  # frames: ten seconds
LEAST_AGREEMENT = 0.35  # of 1 = the same, 0 = chance: lossy copies have .6 and more, other music seldom .2


@dataclass(frozen=True)
class Duplicate:
    """Two recordings that hold the same sound, the first of them earlier in the index; `agreement` is 1 for a copy."""

    reference_id: str
    of: str
    agreement: float


def find_duplicates(taken: Sequence[Taken]) -> list[Duplicate]:
    """Find pairs of recordings with a common passage of some seconds; the surest first."""
    copies = same_content([one.recording for one in taken])
    found = [copy for copy in copies if copy is not None]
    kept = [one for one, copy in zip(taken, copies, strict=True) if copy is None]
    for (a, b, distance), _ in _sharing(kept):
        agreement = agreement_at(kept[a].codes[0], kept[b].codes[0], distance)
        if agreement >= LEAST_AGREEMENT:
            found.append(Duplicate(kept[b].recording.reference_id, kept[a].recording.reference_id, agreement))
    return sorted(found, key=lambda one: -one.agreement)


class Named(Protocol):
    """A recording, or a row that tells as much of one."""

    @property
    def reference_id(self) -> str: ...
    @property
    def content_sha256(self) -> str: ...


def same_content(recordings: Iterable[Named]) -> list[Duplicate | None]:
    """Say of each recording of which earlier one it is the very samples; None of the others."""
    first_seen: dict[str, str] = {}
    found: list[Duplicate | None] = []
    for one in recordings:
        of = first_seen.setdefault(one.content_sha256, one.reference_id) if one.content_sha256 else one.reference_id
        found.append(None if of == one.reference_id else Duplicate(one.reference_id, of, 1.0))
    return found


def _sharing(taken: Sequence[Taken]) -> list[tuple[tuple[int, int, int], int]]:
    """Pairs of recordings that share rare codes, with their commonest distance in frames and how many it has."""
    if len(taken) < 2:
        return []
    words = np.concatenate([one.codes[1] for one in taken])
    owner = np.repeat(np.arange(len(taken)), [one.codes.shape[1] for one in taken])
    frame = np.concatenate([np.arange(one.codes.shape[1]) for one in taken])
    telling = np.bitwise_count(words) >= FEWEST_BITS
    words, owner, frame = words[telling], owner[telling], frame[telling]
    order = np.lexsort((owner, words))
    words, owner, frame = words[order], owner[order], frame[order]
    shared: Counter[tuple[int, int, int]] = Counter()
    for step in range(1, MOST_ALIKE):
        far = MOST_ALIKE - 1
        alike = words[step:] == words[:-step]
        rare = np.ones(alike.size, bool)
        rare[: max(0, words.size - far)] &= words[far:][: alike.size] != words[: max(0, words.size - far)]
        pairs = np.flatnonzero(alike & rare & (owner[step:] != owner[:-step]))
        first, second = owner[pairs], owner[pairs + step]
        distance = np.rint((frame[pairs] - frame[pairs + step]) / NEAR).astype(np.int64)
        shared.update(zip(first.tolist(), second.tolist(), distance.tolist(), strict=True))
    best: dict[tuple[int, int], tuple[int, int]] = {}
    for (a, b, distance_steps), count in shared.items():
        pair = (min(a, b), max(a, b))
        here = distance_steps if a < b else -distance_steps
        if count >= LEAST_SHARED and count > best.get(pair, (0, 0))[0]:
            best[pair] = (count, here)
    return [((a, b, here * NEAR), count) for (a, b), (count, here) in best.items()]


def agreement_at(one: NDArray[np.uint64], other: NDArray[np.uint64], distance: int) -> float:
    """Compare two recordings that lie `distance` frames apart, by the ten seconds that agree best.

    Parameters
    ----------
    one, other
        The signs of their codes, shape (frames,).
    distance
        Frames by which a passage lies later in the first than in the second.

    Returns
    -------
    float
        1 where they are the same, 0 by chance, down to -1.
    """
    best = -1.0
    for shift in range(distance - NEAR, distance + NEAR + 1):
        low, high = max(0, shift), min(len(one), len(other) + shift)
        if high <= low:
            continue
        differing = np.bitwise_count(one[low:high] ^ other[low - shift : high - shift]).astype(np.float64)
        total = np.concatenate([[0.0], np.cumsum(differing)])
        span = min(COMPARED, high - low)
        best = max(best, 1 - float((total[span:] - total[:-span]).min()) / span / 32)
    return best
