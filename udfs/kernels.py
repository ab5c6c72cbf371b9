"""The fingerprint's inner loops, compiled: peaks of a spectrum, pairs of peaks, votes for diagonals."""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from udfs.compiled import U32, compiled, filling_the_cache

HASH_BITS = 19
MAX_STEP = 63  # frames between the two peaks of a landmark
MAX_LEAP = 31  # quarter-tones between them


def _peaks(level: NDArray[np.float32], reach_frames: int, reach_bins: int, least: float) -> NDArray[np.int32]:
    """Return (frame, bin) of the cells that no neighbour within reach exceeds, in order of time."""
    frames, bins = level.shape
    found = np.empty((frames * 64, 2), np.int32)
    count = 0
    for t in range(frames):
        for b in range(1, bins - 1):
            here = level[t, b]
            if here < least or level[t, b - 1] >= here or level[t, b + 1] > here:
                continue
            highest = True
            for u in range(max(0, t - reach_frames), min(frames, t + reach_frames + 1)):
                for c in range(max(0, b - reach_bins), min(bins, b + reach_bins + 1)):
                    if level[u, c] > here:
                        highest = False
                        break
                if not highest:
                    break
            if highest and count < len(found):
                found[count, 0] = t
                found[count, 1] = b
                count += 1
    return found[:count]


def _pairs(times: NDArray[np.int32], pitches: NDArray[np.int32], fan: int) -> NDArray[np.uint32]:
    """Return (hash, frame) of each peak paired with up to `fan` later ones in its target zone."""
    out = np.empty((len(times) * fan, 2), np.uint32)
    count = 0
    for i in range(len(times)):
        made = 0
        for j in range(i + 1, len(times)):
            step = times[j] - times[i]
            if step < 2:
                continue
            if step > MAX_STEP or made == fan:
                break
            leap = pitches[j] - pitches[i]
            if leap < -MAX_LEAP or leap > MAX_LEAP:
                continue
            out[count, 0] = (np.uint32(pitches[i]) << 12) | (np.uint32(leap + 32) << 6) | np.uint32(step)
            out[count, 1] = times[i]
            count += 1
            made += 1
    return out[:count]


def _vote(
    hashes: NDArray[np.uint32],
    times: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    positions: NDArray[np.uint32],
    origin: int,
    width: int,
    votes: NDArray[np.uint16],
) -> None:
    """Add one vote to the diagonal's bin, and to the next, for each reference position of each hash."""
    for i in range(len(hashes)):
        h = hashes[i]
        for k in range(starts[h], starts[h + 1]):
            diagonal = (np.int64(positions[k]) - np.int64(times[i]) + origin) // width
            if 0 <= diagonal < len(votes) - 1:
                votes[diagonal] += 1
                votes[diagonal + 1] += 1


with filling_the_cache():
    peaks = compiled("i4[:,::1](f4[:,::1], i8, i8, f8)")(_peaks)
    pairs = compiled("u4[:,::1](i4[::1], i4[::1], i8)")(_pairs)
    vote = compiled(types.void(U32, U32, U32, U32, types.int64, types.int64, types.uint16[::1]))(_vote)
