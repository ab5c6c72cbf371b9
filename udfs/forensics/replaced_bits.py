"""Were the low bits of a recording replaced? A matched filter for what replacing them adds to each sample.

Replacing the low k bits of a sample puts r in the place of what was there, which on average was the middle of the
range: it adds r - (2^k - 1) / 2, a signal that anybody can read off the samples, encrypted or not. In a recording that
signal is no part of the sound: what a sample's neighbours say of it does not depend on its low bits. So the sound is
whitened, where its spectrum is quiet that signal stands out, and a matched filter measures how much of it is there:
none, or all of it. The logarithm of the likelihood of all against none is summed over neighbouring blocks.

Source: weighted stego-image analysis (J. Fridrich, M. Goljan, "On estimation of secret message length in LSB
steganography in spatial domain", 2004), with a whitening filter in the place of its predictor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.smoothing import running_mean

DEPTHS = (1, 2, 4)
BLOCK = 4096
STEP = BLOCK // 2
HEAD = 1 << 16  # samples from the beginning on, where most payloads sit
PIECE, PIECES = 1 << 14, 4  # as many again, spread over the rest
SMOOTHING = 12  # bins of a block's spectrum on either side that say how loud the sound is there
ROUNDING = 1 / 12  # squared steps: no recording is quieter at any frequency
SPAN = 128  # samples that are left out together where the sound hardly moves, is cut off, or three are the same
LIVELY = 6.0  # deviation of those over 2^k: of less, which values occur says more than the sound does
MOST = 60.0  # likelihood that one block may add: a block of faded sound proves nothing alone
LEAST_BLOCKS = 6
INFORMATIVE = 4.0  # expected gain of a block that tells by itself; one alone is not believed
AGREEMENT, LOOSE = 0.8, 0.3  # share of those that measure the whole signal, and how far from it they may be

Integers = NDArray[np.integer]
Real = NDArray[np.float64]

_WINDOW = np.sin(np.pi * (np.arange(BLOCK) + 0.5) / BLOCK).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Replaced:
    """The likeliest run of blocks whose low `depth` bits were replaced, and by how much that is likelier (log)."""

    depth: int
    likelihood: float
    blocks: int


def find_replaced(channel: Integers, full_scale: float) -> Replaced | None:
    """The clearest run of replaced bits in one channel's samples, shape (n,); None where blocks do not agree on any."""
    found = []
    for piece in _cut(channel):
        gains = _measure(piece, full_scale)
        found += [run for depth in DEPTHS if (run := _best_run(depth, *gains[depth]))]
    return max(found, key=lambda run: run.likelihood, default=None)


def _cut(channel: Integers) -> list[Integers]:
    """The beginning, and pieces spread over the rest, each a whole number of half blocks."""
    pieces = [channel[:HEAD]]
    rest = len(channel) - HEAD - PIECE
    if rest > 0:
        starts = sorted({int(start) for start in np.linspace(0, rest, min(PIECES, 1 + rest // PIECE))})
        pieces += [channel[HEAD + start : HEAD + start + PIECE] for start in starts]
    return [piece[: len(piece) // STEP * STEP] for piece in pieces if len(piece) >= 2 * BLOCK]


def _spectra(samples: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Spectra of half-overlapping blocks, each less its mean; shape (blocks, bins)."""
    blocks = np.lib.stride_tricks.sliding_window_view(samples, BLOCK)[::STEP]
    return np.asarray(scipy.fft.rfft((blocks - blocks.mean(axis=1, keepdims=True)) * _WINDOW, axis=1)[:, 4:-1])


def _measure(samples: Integers, full_scale: float) -> dict[int, tuple[Real, Real]]:
    """For each depth, and each block, what the filter gives and what it would give were the bits replaced."""
    values = samples.astype(np.float32)
    spectra = _spectra(values)
    weight = (1 / (running_mean(_product(spectra, spectra), SMOOTHING) + ROUNDING * BLOCK / 2)).astype(np.float32)
    spans = values.reshape(-1, SPAN)
    moving = spans.std(axis=1)
    still = np.diff(values, prepend=np.inf) == 0
    still[1:] &= still[:-1]
    cut_off = (np.abs(spans).max(axis=1) >= full_scale - 1) | still.reshape(-1, SPAN).any(axis=1)
    found = {}
    for depth in DEPTHS:
        use = (moving > LIVELY * (1 << depth)) & ~cut_off
        middle = np.float32(((1 << depth) - 1) / 2)
        added = ((samples & ((1 << depth) - 1)).astype(np.float32) - middle).reshape(-1, SPAN) * use[:, None]
        alone = _spectra(added.reshape(-1))
        found[depth] = _sum(_product(alone, spectra), weight), _sum(_product(alone, alone), weight)
    return found


def _product(first: NDArray[np.complex64], second: NDArray[np.complex64]) -> NDArray[np.float32]:
    return np.asarray(first.real * second.real + first.imag * second.imag)


def _sum(power: NDArray[np.float32], weight: NDArray[np.float32]) -> Real:
    return np.asarray(np.einsum("bn,bn->b", power, weight), np.float64)


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
