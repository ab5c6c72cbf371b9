"""Hashes of sound, for catalogues too large to be compared with whole: which three bands stand out most in a frame.

A frame's triad is the three bands that are salient (above their surroundings, and strongly, in it and the frames
beside it), with a band between any two. That is a hash of 41,664 values. A recording keeps one a frame, unless the same
was there within a second and a half, for held notes would drown what tells. A query asks for all triads of the six
bands that stand out most in its frames, and, for other pitches, for those of the first four a band up and down: what
noise adds displaces one of three bands seldom, and when it does, the next frames ask again. Counting bands by rank
rather than bits by position is the idea of winner-take-all hashing (Yagnik et al., "The power of comparative
reasoning", ICCV 2011). docs/catalogue.md has what was measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from udfs.compiled import compiled, filling_the_cache
from udfs.fingerprint import BANDS, Fingerprint

HASHES = BANDS * (BANDS - 1) * (BANDS - 2) // 6
NONE = 0xFFFF  # a frame without a hash
ASKED = 6  # bands of a query's frame whose triads are asked for ...
TURNED = 4  # ... and of these so many also a band higher and lower
REPEAT = 32  # frames within which a recording keeps the same hash once


def hashes_of(codes: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Hash each frame of a recording's codes, shape (2, frames); `NONE` where there is none or it repeats itself."""
    out = np.empty(codes.shape[1], np.uint16)
    _hashes(np.ascontiguousarray(codes[0]), np.ascontiguousarray(codes[1]), out)
    return out


def asked_hashes(query: Fingerprint) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
    """List the hashes that a query asks for and the frames that it asks them in, sorted by hash."""
    most = len(query.signs) * (ASKED * (ASKED - 1) * (ASKED - 2) + 2 * TURNED * (TURNED - 1) * (TURNED - 2)) // 6
    asked = np.empty(most, np.int64)
    count = _asked(
        np.ascontiguousarray(query.signs), np.ascontiguousarray(query.strong), query.active, len(query.signs), asked
    )
    asked = np.unique(asked[:count])
    return (asked >> 32).astype(np.uint16), asked & 0xFFFFFFFF


@compiled()
def _salient(signs: Any, strong: Any, t: int, level: Any, bands: Any) -> Any:
    """Fill `bands` with the most salient bands of frame t, the first first; return how many there are."""
    level[:] = 0
    for beside in range(-1, 2):
        at = t + beside
        if at < 0 or at >= len(signs):
            continue
        weight = 2 if beside == 0 else 1
        for b in range(BANDS):
            bit = np.uint64(b)
            here = np.int64((signs[at] >> bit) & np.uint64(1)) + 2 * np.int64((strong[at] >> bit) & np.uint64(1))
            level[b + 1] += weight * here
    for rank in range(len(bands)):
        best, found = 0, -1
        for b in range(1, BANDS + 1):
            if level[b] > 0:
                value = 4 * level[b] + max(level[b - 1], 0) + max(level[b + 1], 0)  # a tie goes to the broader peak
                if value > best:
                    best, found = value, b
        if found < 0:
            return rank
        bands[rank] = found - 1
        for b in range(found - 1, found + 2):
            level[b] = -1
    return len(bands)


@compiled()
def _number(a: Any, b: Any, c: Any) -> Any:
    """Number a set of three bands: the combinatorial number system."""
    low, high = min(a, b, c), max(a, b, c)
    middle = a + b + c - low - high
    return high * (high - 1) * (high - 2) // 6 + middle * (middle - 1) // 2 + low


def _hash_frames(signs: NDArray[np.uint64], strong: NDArray[np.uint64], out: NDArray[np.uint16]) -> None:
    level, bands = np.zeros(BANDS + 2, np.int64), np.zeros(3, np.int64)
    last = np.full(HASHES, -REPEAT - 1, np.int64)
    for t in range(len(signs)):
        out[t] = NONE
        if _salient(signs, strong, t, level, bands) == 3:
            number = _number(bands[0], bands[1], bands[2])
            if t - last[number] > REPEAT:
                out[t] = number
            last[number] = t


def _ask(
    signs: NDArray[np.uint64],
    strong: NDArray[np.uint64],
    active: NDArray[np.uint8],
    frames: int,
    out: NDArray[np.int64],
) -> int:
    level, bands = np.zeros(BANDS + 2, np.int64), np.zeros(ASKED, np.int64)
    count = 0
    for t in range(frames):
        if not active[t]:
            continue
        found = _salient(signs, strong, t, level, bands)
        for i in range(found):
            for j in range(i):
                for k in range(j):
                    highest = max(bands[i], bands[j], bands[k])
                    lowest = min(bands[i], bands[j], bands[k])
                    for turn in range(-1, 2):
                        if turn and i >= TURNED:
                            continue
                        if lowest + turn < 0 or highest + turn >= BANDS:
                            continue
                        number = _number(bands[i] + turn, bands[j] + turn, bands[k] + turn)
                        out[count] = (number << 32) | t
                        count += 1
    return count


_CODES = types.Array(types.uint64, 1, "C", readonly=True)
with filling_the_cache():
    _hashes = compiled(types.void(_CODES, _CODES, types.uint16[::1]))(_hash_frames)
    _asked = compiled(
        types.int64(_CODES, _CODES, types.Array(types.uint8, 1, "C", readonly=True), types.int64, types.int64[::1])
    )(_ask)
