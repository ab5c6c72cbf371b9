"""Find a quiet layer that comes again, sample for sample, under a sound that does not.

A payload is rarely as long as the music that it hides under, so it is repeated. What comes again shows when the sound
is whitened and correlated with a piece of itself, however quiet it is. Loops of electronic music come again as well,
but with them the loud parts of the spectrum come again, and with a payload a white layer under them.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.smoothing import running_mean

Real = NDArray[np.float32]
Numbers = dict[str, float]

LONGEST = 1 << 18  # samples that are searched
PIECE = 1 << 14  # samples that are looked for again
BLOCK = 256
NEAREST = 400  # samples: nearer ones are the sound's own pitch
FRAME = 1024
CLEAR = 7.0  # standard deviations from which on a place is compared closely
NOTHING = {"again_white": 20.0, "again_slope": 1.0, "again_quiet": 0.0, "again_loud": 0.0, "again_top": 0.0}
NAMES = ("again", "again_next", "again_often", *NOTHING)


def describe_repetition(column: NDArray[np.generic]) -> Numbers:
    """How clearly a piece of a channel comes again, and whether it is the loud or the quiet part of it that does."""
    start = max(0, (len(column) - LONGEST) // 2)
    values = column[start : start + LONGEST].astype(np.float32)
    whitened = _whiten(values)
    piece_length = min(PIECE, len(whitened) // 4)
    if piece_length < 2 * FRAME:
        return {"again": 0.0, "again_next": 1.0, "again_often": 0.0, **NOTHING}
    begin = _quietest(values, piece_length)
    scores = _correlate(whitened, begin, piece_length)
    best = int(scores.argmax())
    clear = float(scores[best])
    others = scores.copy()
    others[max(0, best - 40) : best + 40] = 0
    numbers = {
        "again": float(np.log2(clear + 1)),
        "again_next": float(others.max() / (clear + 1e-9)),
        "again_often": float(np.log2(np.quantile(scores, 0.99) + 1)),
    }
    return numbers | (_compare(values, abs(best - begin)) if clear > CLEAR else NOTHING)


def _whiten(values: Real) -> Real:
    """Second differences at an even level from block to block, their spectrum made flat."""
    change = np.diff(values, 2)
    blocks = change[: len(change) // BLOCK * BLOCK].reshape(-1, BLOCK)
    level = np.sqrt(np.einsum("bn,bn->b", blocks, blocks) / BLOCK) + np.float32(1e-3 * (np.abs(values).max() + 1e-9))
    even = np.clip(blocks / level[:, None], -3, 3).reshape(-1)
    size = scipy.fft.next_fast_len(len(even) + 64, real=True)
    spectrum = scipy.fft.rfft(even, size)
    power = spectrum.real**2 + spectrum.imag**2
    spectrum /= np.sqrt(running_mean(power, max(8, len(power) // 64)) + 1e-6).astype(np.float32)
    return np.asarray(scipy.fft.irfft(spectrum, size)[: len(even)], np.float32)


def _quietest(values: Real, length: int) -> int:
    """Where the stretch begins in which the sound leaves most room, silence apart."""
    change = np.diff(values, 2)
    count = len(change) // length
    power = np.array([float(np.square(change[n * length : (n + 1) * length]).mean()) for n in range(count)])
    power[power < power.max() * 1e-7] = np.inf
    return int(power.argmin()) * length


def _correlate(whitened: Real, begin: int, length: int) -> Real:
    """Correlation of one piece with every other place, in standard deviations of that of noise."""
    piece = whitened[begin : begin + length]
    size = scipy.fft.next_fast_len(len(whitened) + length, real=True)
    product = scipy.fft.rfft(whitened, size) * np.conj(scipy.fft.rfft(piece, size))
    scores = np.abs(scipy.fft.irfft(product, size)[: len(whitened) - length])
    scores /= np.linalg.norm(piece) * np.sqrt(np.square(whitened).mean()) + 1e-9
    scores[max(0, begin - NEAREST) : begin + NEAREST] = 0
    return np.asarray(scores, np.float32)


def _compare(values: Real, lag: int) -> Numbers:
    """The power that is common to the sound and to itself `lag` samples later, frequency by frequency."""
    whole = (len(values) - lag) // FRAME * FRAME
    if whole < 8 * FRAME:
        return NOTHING
    window = np.hanning(FRAME + 1)[:FRAME].astype(np.float32)
    first, second = (
        scipy.fft.rfft(part.reshape(-1, FRAME) * window, axis=1)[:, 4:-1]
        for part in (values[:whole], values[lag : lag + whole])
    )
    common = (first * np.conj(second)).real
    total = (first.real**2 + first.imag**2 + second.real**2 + second.imag**2) / 2
    edges = np.linspace(0, total.shape[1], 17).astype(int)[:-1]
    shared = np.maximum(np.add.reduceat(common.mean(axis=0), edges), 1e-9)
    power = np.add.reduceat(total.mean(axis=0), edges) + 1e-9
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
