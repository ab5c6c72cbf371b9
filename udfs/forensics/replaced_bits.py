"""Were the low bits of a recording replaced? A matched filter for what replacing them adds to each sample.

Replacing the low k bits of a sample puts r in the place of what was there, which on average was the middle of the
range: it adds r - (2^k - 1) / 2, a signal that anybody can read off the samples, encrypted or not. In a recording that
signal is no part of the sound: what a sample's neighbours say of it does not depend on its low bits. So the sound is
whitened, where its spectrum is quiet that signal stands out, and a matched filter measures how much of it is there:
none, or all of it. The logarithm of the likelihood of all against none is summed over neighbouring blocks, in each
channel and in both, for who hides something mostly writes sample after sample, left and right.

Source: weighted stego-image analysis (J. Fridrich, M. Goljan, "On estimation of secret message length in LSB
steganography in spatial domain", 2004), with a whitening filter in the place of its predictor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.signal import is_all
from udfs.forensics.whitening import BLOCK, STEP, choose_units, whiten

DEPTHS = (1, 2, 4)
UNIT = 1 << 13  # samples of a channel that are chosen together
BEST, PARTS = 16, 8  # units that promise most of all, and of as many equal parts of the track
MOST_UNITS = 1 << 11  # that are compared: of six minutes all, of a longer track some
SPAN = 128  # samples that are left out together where the sound hardly moves, is cut off, or three are the same
LIVELY = 6.0  # deviation of those over 2^k: of less, which values occur says more than the sound does
MOST = 60.0  # likelihood that one block may add: a block of faded sound proves nothing alone
CLEAR = 24.0  # likelihood of a run that leaves no doubt
LEAST_BLOCKS = 6
INFORMATIVE = 4.0  # expected gain of a block that tells by itself; one alone is not believed
AGREEMENT, LOOSE = 0.8, 0.3  # share of those that measure the whole signal, and how far from it they may be

Integers = NDArray[np.integer]
Real = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Replaced:
    """The likeliest run of blocks whose low `depth` bits were replaced, and by how much that is likelier (log)."""

    depth: int
    likelihood: float
    blocks: int


def find_replaced(samples: Integers, full_scale: float, depths: Sequence[int] = DEPTHS) -> Replaced | None:
    """Find the clearest run of replaced bits.

    Parameters
    ----------
    samples
        One or two channels, shape (frames, channels).
    full_scale
        Largest magnitude that the format holds.
    depths
        How many low bits may have been replaced.

    Returns
    -------
    Replaced or None
        None where blocks do not agree on any.
    """
    pieces = _cut(without_copy(samples)) if depths else []
    measured = [_measure(piece, full_scale, depths) for piece in pieces]
    found = []
    for depth in depths if measured else ():
        given, expected = (np.concatenate([one[depth][part] for one in measured], axis=1) for part in (0, 1))
        rows = [*zip(given, expected, strict=True)]
        if len(rows) == 2:
            rows.append((given.sum(axis=0), expected.sum(axis=0)))
        found += [run for row in rows if (run := _best_run(depth, *row))]
    return choose(found)


def choose(found: list[Replaced]) -> Replaced | None:
    """The clearest, or the deepest of several clear ones: where four bits were replaced, one was, too."""
    enough = min(CLEAR, max((run.likelihood for run in found), default=0.0))
    return max(
        (run for run in found if run.likelihood >= enough), key=lambda run: (run.depth, run.likelihood), default=None
    )


def without_copy(samples: Integers) -> Integers:
    """One channel where two are the same, shape (frames, channels)."""
    return samples[:, :1] if is_all(samples[:, :1], samples[:, -1:]) else samples


def _cut(samples: Integers) -> list[Integers]:
    """The whole of a short track, else the units that promise most, neighbours joined; each of shape (channels, n)."""
    count = len(samples) // UNIT
    if count <= BEST + PARTS:
        pieces = [samples[: len(samples) // STEP * STEP]]
    else:
        step = -(-count // MOST_UNITS)
        units = samples[: count * UNIT].reshape(count, UNIT, -1)[::step]
        chosen = choose_units(units, BEST, PARTS) * step
        breaks = np.flatnonzero(np.diff(chosen) > 1) + 1
        pieces = [samples[run[0] * UNIT : (run[-1] + 1) * UNIT] for run in np.split(chosen, breaks)]
    return [np.ascontiguousarray(piece.T) for piece in pieces if len(piece) >= 2 * BLOCK]


def _measure(channels: Integers, full_scale: float, depths: Sequence[int]) -> dict[int, tuple[Real, Real]]:
    """For each depth what the filter gives and what it would give were the bits replaced, shape (channels, blocks)."""
    values = channels.astype(np.float32)
    whitened = whiten(values)
    moving, spoilt = _judge_spans(channels, values, full_scale)
    shape = (*moving.shape, SPAN)
    sound, weight = whitened.sound.reshape(shape), whitened.weight.reshape(shape)[:, :, SPAN // 2]
    found = {}
    for depth in depths:
        use = (moving > LIVELY * (1 << depth)) & ~spoilt
        added = (channels & channels.dtype.type((1 << depth) - 1)).astype(np.float32).reshape(shape)
        added -= np.float32(((1 << depth) - 1) / 2)
        given = np.einsum("cst,cst->cs", added, sound) * use
        expected = np.einsum("cst,cst->cs", added, added) * weight * use
        found[depth] = _by_block(given), _by_block(expected)
    return found


def _judge_spans(channels: Integers, values: NDArray[np.float32], full_scale: float) -> tuple[Real, NDArray[np.bool_]]:
    """How far samples are spread in each span, and where they are cut off or do not move; shape (channels, spans)."""
    still = np.zeros(channels.shape, bool)
    same = channels[:, 1:] == channels[:, :-1]
    still[:, 2:] = same[:, 1:] & same[:, :-1]
    shape = (len(channels), -1, SPAN)
    spans = values.reshape(shape)
    spoilt = (np.abs(spans).max(axis=2) >= full_scale - 1) | still.reshape(shape).any(axis=2)
    return np.asarray(spans.std(axis=2)), spoilt


def _by_block(spans: NDArray[np.floating]) -> Real:
    """Add up the spans of each half block, in which one filter or two are at work."""
    return np.asarray(spans.reshape(len(spans), -1, STEP // SPAN).sum(axis=2, dtype=np.float64))


def _best_run(depth: int, given: Real, expected: Real) -> Replaced | None:
    """The run of blocks in which all of the signal is likeliest against none of it."""
    weight = np.minimum(1.0, MOST / (expected + 1e-9))
    sums = np.concatenate([[0.0], np.cumsum((given - expected / 2) * weight)])
    lowest = np.minimum.accumulate(sums)
    end = int((sums - lowest).argmax())
    start = int(sums[: end + 1].argmin())
    told = expected[start:end] > INFORMATIVE
    share = given[start:end][told] / expected[start:end][told]
    agree = np.abs(share - 1) < np.maximum(LOOSE, 3 / np.sqrt(expected[start:end][told]))
    total = float((expected * weight)[start:end].sum())
    overall = float((given * weight)[start:end].sum()) / total if total > 0 else 0.0
    agreed = len(agree) != 1 and (not len(agree) or agree.mean() >= AGREEMENT)
    if end - start < LEAST_BLOCKS or not agreed or abs(overall - 1) > LOOSE:
        return None
    return Replaced(depth, float(sums[end] - sums[start]), end - start)
