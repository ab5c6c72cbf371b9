"""The inner loops of the search, compiled: counting where codes differ, and following a query along a recording.

A code is a word of 64 bits, one a frame; a reference has two, `signs` and `strong` (`udfs.fingerprint`). A time line of
them lies in planes, frame t in `planes[0, t % 4, t // 4]` and `planes[1, t % 4, t // 4]`, so that a coarse scan reads
every fourth frame from contiguous arrays, at memory speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from udfs.compiled import compiled, filling_the_cache

PLANES = 4
BLOCK = 1024  # positions scanned together: their sums stay in the first-level cache
STRENGTH = 2  # how much more than any other a bit counts where the reference stands out strongly
SEGMENT = 16  # frames of the path that move together
# A path's segment that agrees by more standard deviations than this counts with a part of the rest only: a held chord
# agrees ever so well with the same chord elsewhere, and many moments that agree tell more than one.
STRIKING = 4.0
BEYOND = 0.5

_CODES = types.Array(types.uint64, 1, "C", readonly=True)
_HEARD = types.Array(types.uint64, 2, "C", readonly=True)
_PLANES = types.Array(types.uint64, 3, "C", readonly=True)
_FRAMES = types.Array(types.int64, 1, "C", readonly=True)
_FLAGS = types.Array(types.uint8, 1, "C", readonly=True)


def to_planes(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Lay codes, shape (2, frames), out as the kernels read them: (2, PLANES, words), PLANES frames to a word."""
    return np.ascontiguousarray(codes.reshape(2, -1, PLANES).transpose(0, 2, 1))


def from_planes(planes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Put what `to_planes` laid out, or a stretch of its words, back into the order of the frames: (2, frames)."""
    return planes.transpose(0, 2, 1).reshape(2, -1)


@intrinsic  # type: ignore[untyped-decorator]
def ones(typing_context: Any, word: Any) -> Any:
    """Count the set bits of a word, in one instruction (vectorised by the compiler where the processor can)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(64)]), [arguments[0]])

    return types.uint64(types.uint64), generate


def _scan(
    codes: NDArray[np.uint64],
    steps: NDArray[np.int64],
    signs: NDArray[np.uint64],
    strong: NDArray[np.uint64],
    first: int,
    out: NDArray[np.int32],
) -> None:
    """Add to `out[i]` how badly each `codes[k]` fits a plane's code at `first + i + steps[k]`, as `fit` counts it."""
    count, size = len(codes), len(out)
    fours = count // 4 * 4
    lowest, span = steps[0], steps[count - 1] - steps[0]
    sums = np.empty(BLOCK, np.uint64)
    strong_before = np.empty(BLOCK + span + 1, np.uint64)
    for begin in range(0, size, BLOCK):
        width = min(BLOCK, size - begin)
        at = first + begin
        heavy = strong[at + lowest : at + lowest + width + span]
        strong_before[0] = 0
        for i in range(width + span):
            strong_before[i + 1] = strong_before[i] + ones(heavy[i])
        for i in range(width):
            sums[i] = 0
        k = 0
        while k < count:  # the strong bits that each run of frames meets, whatever the codes are
            run = k
            while k < count and steps[k] - steps[run] == k - run:
                k += 1
            low = strong_before[steps[run] - lowest :]
            high = strong_before[steps[run] - lowest + k - run :]
            for i in range(width):
                sums[i] -= high[i] - low[i]
        for k in range(0, fours, 4):  # four frames for each time that the sums are read and written
            c0, c1, c2, c3 = codes[k], codes[k + 1], codes[k + 2], codes[k + 3]
            a0, a1, a2, a3 = at + steps[k], at + steps[k + 1], at + steps[k + 2], at + steps[k + 3]
            r0, r1, s0, s1 = signs[a0 : a0 + width], signs[a1 : a1 + width], strong[a0:], strong[a1:]
            r2, r3, s2, s3 = signs[a2 : a2 + width], signs[a3 : a3 + width], strong[a2:], strong[a3:]
            for i in range(width):
                differing = ones(c0 ^ r0[i]) + ones(c1 ^ r1[i]) + ones(c2 ^ r2[i]) + ones(c3 ^ r3[i])
                missed = ones(~c0 & s0[i]) + ones(~c1 & s1[i]) + ones(~c2 & s2[i]) + ones(~c3 & s3[i])
                sums[i] += differing + (missed << np.uint64(1))
        for k in range(fours, count):
            c0, r0, s0 = codes[k], signs[at + steps[k] :], strong[at + steps[k] :]
            for i in range(width):
                sums[i] += ones(c0 ^ r0[i]) + (ones(~c0 & s0[i]) << np.uint64(1))
        for i in range(width):
            out[begin + i] += np.int64(sums[i])


@compiled()
def fit(code: Any, sure: Any, surest: Any, sign: Any, strong: Any) -> Any:
    """How well a query's code fits a reference's: 1 for a bit that agrees and -1 else, 3 and -3 where it is strong.

    Only bits that the query is `sure` of count, and those that it is `surest` of count twice.
    """
    wrong = code ^ sign
    agreeing = np.int64(ones(sure) + ones(surest)) - 2 * np.int64(ones(sure & wrong) + ones(surest & wrong))
    heavy = np.int64(ones(strong & sure) + ones(strong & surest))
    missed = np.int64(ones(strong & sure & wrong) + ones(strong & surest & wrong))
    return agreeing + STRENGTH * (heavy - 2 * missed)


@compiled()
def stretched(t: Any, count: Any, stretch: Any) -> Any:
    """Where frame `t` of `count` comes when they are stretched about their middle, from frame 0 unstretched."""
    return t + np.int64(np.round((t - count * 0.5) * stretch))


def _align(
    heard: NDArray[np.uint64],
    active: NDArray[np.uint8],
    planes: NDArray[np.uint64],
    starts: NDArray[np.int64],
    reach: int,
    stretches: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    """Find for each start the best position within `reach` frames and the best stretch about the middle.

    `heard` is a query's code, and what it is sure and surest of (`udfs.fingerprint.hear`), shape (3, frames).

    `found[i]` = agreement (see `fit`), position of frame 0 unstretched, stretch.
    """
    count = heard.shape[1]
    end = planes.shape[1] * planes.shape[2]
    for i in range(len(starts)):
        found[i, 0] = -1e9
        for s in range(len(stretches)):
            for shift in range(-reach, reach + 1):
                agreement = np.int64(0)
                for t in range(count):
                    if not active[t]:
                        continue
                    at = starts[i] + shift + stretched(t, count, stretches[s])
                    if at < 0 or at >= end:
                        continue
                    sign, strong = planes[0, at & 3, at >> 2], planes[1, at & 3, at >> 2]
                    agreement += fit(heard[0, t], heard[1, t], heard[2, t], sign, strong)
                if agreement > found[i, 0]:
                    found[i, 0] = agreement
                    found[i, 1] = starts[i] + shift
                    found[i, 2] = stretches[s]


def _tally(
    codes: NDArray[np.uint64],
    active: NDArray[np.uint8],
    planes: NDArray[np.uint64],
    starts: NDArray[np.int64],
    reach: int,
    stretch: float,
    found: NDArray[np.int64],
) -> None:
    """Count for each start how often a query's bit is set, and how often not, by what the reference's bit is.

    `found[i, shift + reach]` counts the set bits and the others where the reference's is not set, set, and strong.
    Positions are those of `align`.
    """
    count = len(codes)
    end = planes.shape[1] * planes.shape[2]
    found[:] = 0
    for i in range(len(starts)):
        for d in range(2 * reach + 1):
            for t in range(count):
                at = starts[i] + d - reach + stretched(t, count, stretch)
                if not active[t] or at < 0 or at >= end:
                    continue
                sign, strong = planes[0, at & 3, at >> 2], planes[1, at & 3, at >> 2]
                for kind in range(3):
                    bits = ~sign if kind == 0 else (sign & ~strong if kind == 1 else sign & strong)
                    found[i, d, kind, 0] += np.int64(ones(bits & codes[t]))
                    found[i, d, kind, 1] += np.int64(ones(bits & ~codes[t]))


def _path(
    heard: NDArray[np.uint64],
    active: NDArray[np.uint8],
    planes: NDArray[np.uint64],
    low: int,
    high: int,
    start: int,
    stretch: float,
    turn: int,
    reach: int,
    mean: float,
    deviation: float,
    price: float,
    rise: float,
    path: NDArray[np.int64],
) -> tuple[float, float, int, int]:
    """Follow a query along a recording, `low` to `high` on the time line, and keep the stretch that agrees best.

    The query moves in segments of `SEGMENT` frames, each shifted by up to `reach` frames from the line that `start`
    and `stretch` give, and by at most one frame from the segment before it, at `price`. By chance a frame agrees by
    `mean`, and a segment's agreement deviates by `deviation`. In that unit are `price` and `rise`, by which a segment
    must agree above chance to be matched (a local alignment after Smith and Waterman). `turn` shifts the bands, -1, 0
    or 1.

    Returns (gain, frames that count, first segment, end segment); `path[s]` is segment s's position. The gain is the
    agreement above chance, of which only a part counts beyond `STRIKING`.
    """
    price, level = price * deviation, mean + rise * deviation / SEGMENT
    count = heard.shape[1]
    segments = (count + SEGMENT - 1) // SEGMENT
    shifts = 2 * reach + 1
    agreement = np.zeros((segments, shifts), np.float64)
    weight = np.zeros((segments, shifts), np.float64)
    for t in range(count):
        if not active[t]:
            continue
        code, sure, surest = heard[0, t], heard[1, t], heard[2, t]
        if turn > 0:
            code, sure, surest = code << np.uint64(1), sure << np.uint64(1), surest << np.uint64(1)
        elif turn < 0:
            code, sure, surest = code >> np.uint64(1), sure >> np.uint64(1), surest >> np.uint64(1)
        line = start + stretched(t, count, stretch) - reach
        s = t // SEGMENT
        for d in range(shifts):
            at = line + d
            if low <= at < high:
                agreement[s, d] += fit(code, sure, surest, planes[0, at & 3, at >> 2], planes[1, at & 3, at >> 2])
                weight[s, d] += 1.0
    best = np.zeros((segments, shifts), np.float64)
    came = np.zeros((segments, shifts), np.int64)  # 0 = starts here, else 2 + the step
    top, top_s, top_d = -1.0, 0, reach
    for s in range(segments):
        for d in range(shifts):
            value, step = 0.0, 0
            if s:
                for move in range(-1, 2):
                    e = d - move
                    if 0 <= e < shifts:
                        before = best[s - 1, e] - (price if move else 0.0)
                        if before > value:
                            value, step = before, 2 + move
            best[s, d] = value + agreement[s, d] - level * weight[s, d]
            came[s, d] = step
            if best[s, d] > top:
                top, top_s, top_d = best[s, d], s, d
    s, d = top_s, top_d
    total, frames = 0.0, 0.0
    while True:
        gain = agreement[s, d] - mean * weight[s, d]
        striking = STRIKING * deviation * np.sqrt(weight[s, d] / SEGMENT)
        total += min(gain, striking) + BEYOND * max(0.0, gain - striking)
        frames += weight[s, d]
        path[s] = start + stretched(s * SEGMENT, count, stretch) + d - reach
        if came[s, d] == 0:
            break
        s, d = s - 1, d - (came[s, d] - 2)
    return total, frames, s, top_s + 1


with filling_the_cache():
    scan = compiled(types.void(_CODES, _FRAMES, _CODES, _CODES, types.int64, types.int32[::1]))(_scan)
    align = compiled(
        types.void(
            _HEARD,
            _FLAGS,
            _PLANES,
            _FRAMES,
            types.int64,
            types.Array(types.float64, 1, "C", readonly=True),
            types.float64[:, ::1],
        )
    )(_align)
    tally = compiled(
        types.void(_CODES, _FLAGS, _PLANES, _FRAMES, types.int64, types.float64, types.Array(types.int64, 4, "C"))
    )(_tally)
    follow = compiled(
        types.Tuple((types.float64, types.float64, types.int64, types.int64))(
            _HEARD,
            _FLAGS,
            _PLANES,
            types.int64,
            types.int64,
            types.int64,
            types.float64,
            types.int64,
            types.int64,
            types.float64,
            types.float64,
            types.float64,
            types.float64,
            types.int64[::1],
        )
    )(_path)
