"""Find a quiet layer that comes again, sample for sample, under a sound that does not.

A payload is rarely as long as the music that it hides under, so it is repeated. What comes again shows when the sound
is weighted so that its quiet moments and frequencies have the say, and is correlated with itself, however quiet it is.
Loops of electronic music come again as well, but with them the loud parts of the spectrum come again, and louder in
loud moments; a payload comes again as loud everywhere.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.cells import Cells

Real = NDArray[np.float32]
Numbers = dict[str, float]

NEAREST = 400  # samples: nearer ones are the sound's own pitch
FARTHEST = 0.9  # of the length
COARSE = 64  # samples in which the power is taken together
FRAME = 1024
BANDS, GROUPS = 16, 8  # of frequencies, and in each of moments by how loud they are
CLEAR = 5.0  # standard deviations from which on a place is compared closely
TOLERANCE = 0.1  # by which a level may be off before it speaks against a model
NOTHING = {
    "again_white": 20.0,
    "again_slope": 1.0,
    "again_quiet": 0.0,
    "again_loud": 0.0,
    "again_top": 0.0,
    "again_layer": -60.0,
    "again_layer_z": 0.0,
    "again_layer_off": 0.0,
    "again_loop": 0.0,
    "again_loop_z": 0.0,
    "again_loop_off": 0.0,
    "again_moments": 1.0,
}
NAMES = ("again", "again_next", "again_often", "again_many", "again_lag", *NOTHING)


def describe_repetition(cells: Cells) -> Numbers:
    """How clearly a channel comes again, and whether it is the loud or the quiet part of it that does."""
    scores = _correlate(cells.quiet)
    best = int(scores.argmax())
    clear = float(scores[best])
    others = scores.copy()
    others[max(0, best - 40) : best + 40] = 0
    numbers = {
        "again": float(np.log2(clear + 1)),
        "again_next": float(others.max() / (clear + 1e-9)),
        "again_often": float(np.log2(np.quantile(scores[NEAREST::7], 0.99) + 1)),
        "again_many": float(np.log2(np.count_nonzero(scores > max(CLEAR + 2, clear / 2)) + 1)),
        "again_lag": float(np.log2(best + 1)),
    }
    return numbers | (_compare(cells.values, best) if clear > CLEAR else NOTHING)


def _correlate(weighted: Real) -> Real:
    """Correlation of the sound with itself at every distance, in standard deviations of that of noise as uneven."""
    rms = np.sqrt(np.mean(weighted * weighted)) + 1e-12
    weighted = weighted / np.float32(rms)  # floats may be as loud as they like
    size = scipy.fft.next_fast_len(2 * len(weighted), real=True)
    spectrum = scipy.fft.rfft(weighted, size)
    scores = scipy.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)[: len(weighted)]
    blocks = weighted.reshape(-1, COARSE)
    energy = np.einsum("bn,bn->b", blocks, blocks)
    coarse = scipy.fft.rfft(energy, scipy.fft.next_fast_len(2 * len(energy), real=True))
    expected = scipy.fft.irfft(coarse.real**2 + coarse.imag**2)[: len(energy)] / COARSE
    scores /= np.sqrt(np.maximum(expected, expected[0] * 1e-4) + 1e-30).repeat(COARSE).astype(np.float32)
    scores[:NEAREST] = 0
    scores[int(FARTHEST * len(scores)) :] = 0
    return np.asarray(scores, np.float32)


def _compare(values: Real, lag: int) -> Numbers:
    """The power that is common to the sound and to itself `lag` samples later, by frequency and by moment."""
    whole = (len(values) - lag) // FRAME * FRAME
    if whole < GROUPS * FRAME:
        return NOTHING
    window = np.hanning(FRAME + 1)[:FRAME].astype(np.float32)
    first, second = (
        scipy.fft.rfft(part.reshape(-1, FRAME) * window, axis=1)[:, 4:-1]
        for part in (values[:whole], values[lag : lag + whole])
    )
    edges = np.linspace(0, first.shape[1], BANDS + 1).astype(int)
    bins = np.diff(edges)
    common, before, after = (
        np.add.reduceat(part, edges[:-1], axis=1, dtype=np.float64) / bins
        for part in ((first * np.conj(second)).real, np.abs(first) ** 2, np.abs(second) ** 2)
    )
    return _by_frequency(common.mean(axis=0), (before + after).mean(axis=0) / 2) | _by_moment(
        common, np.sqrt(before * after) + 1e-3, bins
    )


def _by_frequency(common: NDArray[np.float64], power: NDArray[np.float64]) -> Numbers:
    """Is what comes again white, and is it so where the sound is quiet or where it is loud?"""
    shared = np.maximum(common, 1e-9)
    power = power + 1e-9
    level, again = 10 * np.log10(power), 10 * np.log10(np.maximum(shared, power * 1e-5))
    centred = level - level.mean()
    coherence = shared / power
    order = np.argsort(power)
    return {
        "again_white": float(again.std()),
        "again_slope": float(np.clip(centred @ (again - again.mean()) / (centred @ centred + 1.0), -1, 2)),
        "again_quiet": float(coherence[order[:6]].mean()),
        "again_loud": float(coherence[order[-5:]].mean()),
        "again_top": float(coherence[-2:].mean()),
    }


def _by_moment(common: NDArray[np.float64], level: NDArray[np.float64], bins: NDArray[np.integer]) -> Numbers:
    """Fit two models to cells ordered by loudness: a layer, as loud in all, and a loop, the same share of all."""
    order = np.argsort(level, axis=0)
    starts = np.linspace(0, len(level), GROUPS + 1).astype(int)[:-1]
    count = np.diff(starts, append=len(level))[:, None]
    ordered = [np.take_along_axis(part, order, axis=0) for part in (common, level, level**2 / (2 * bins))]
    shared, loud, doubt = (np.add.reduceat(part, starts, axis=0) / count for part in ordered)
    doubt /= count
    numbers: Numbers = {}
    whole = 10 * np.log10(level.mean())
    for name, model in (("layer", np.ones_like(loud)), ("loop", loud)):
        weight = model / doubt
        certainty = float((weight * model).sum())
        size = float((weight * shared).sum()) / certainty
        off = (shared - size * model) ** 2 / (doubt + (TOLERANCE * size * model) ** 2)
        numbers[f"again_{name}"] = size
        numbers[f"again_{name}_z"] = float(np.sign(size) * np.log2(1 + abs(size) * np.sqrt(certainty)))
        numbers[f"again_{name}_off"] = float(np.log2(off.mean() + 0.01))
    numbers["again_layer"] = float(10 * np.log10(max(numbers["again_layer"], 1e-3)) - whole)
    quiet, louder = slice(0, GROUPS // 2), slice(GROUPS // 2, None)
    rise = np.log(np.maximum(shared[louder].mean(axis=0), 1e-3) / np.maximum(shared[quiet].mean(axis=0), 1e-3))
    sound = np.log(loud[louder].mean(axis=0) / loud[quiet].mean(axis=0))
    numbers["again_moments"] = float(np.clip((rise * sound).sum() / ((sound * sound).sum() + 0.1), -2, 3))
    return numbers
