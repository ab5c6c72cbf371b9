"""Is what lies bare in a sound's quiet cells Gaussian, as hiss is, or has it the values of bytes?

The filter that lets quiet cells have the say (`cells`) makes of a layer of independent values a sum of neighbours with
known weights, so a third or fourth cumulant of what comes out is the layer's own times the sum of the weights' third or
fourth powers. Estimated block by block and weighted by how much of a layer each could show, the cumulants are known
far better than from the sound as a whole: text is one-sided, encrypted bytes are even over their range, machine code
has outliers, and a layer's are the same all through, while what music has of them comes and goes.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.cells import FRAME, HOP, Cells

Column = NDArray[np.float64]
Numbers = dict[str, float]

STEP = 4  # frames, over which the filter changes little
PARTS = 8  # of the time, which have to agree
NEIGHBOURS = 5  # blocks whose power says how loud one is
MOST = 18.0  # standard deviations that one block may add
SILENT = 1e-4  # of the mean power
CUMULANTS = {"third": (3, 6.0), "fourth": (4, 24.0)}  # order, and variance of that of as many Gaussian values
_EACH = ("z", "size", "own", "agree", "middle", "vary")
_LEVELS = ("share_10", "share_50", "share_90", "under", "unsteady", "span", "width", "room")
NAMES = (*(f"bare_{name}_{key}" for name in CUMULANTS for key in _EACH), *(f"bare_{name}" for name in _LEVELS))


def describe_bare(cells: Cells) -> Numbers:
    """`NAMES` of a channel: signed logarithms of standard deviations, cumulants in units of the quiet cells' power."""
    blocks = cells.quiet.reshape(-1, HOP)[1:-1]
    weights = _sum_weights(cells.gain, len(blocks))
    moments = _find_moments(blocks)
    sounding = moments[0] > moments[0].mean() * SILENT
    loudness = np.convolve(moments[0], np.full(NEIGHBOURS, 1 / NEIGHBOURS), "same")[sounding]
    moments, (second, third, fourth, spread) = moments[:, sounding], weights[:, sounding]
    power = cells.level / HOP
    # The sample's own variance is less than the true one's square: by as much as its values hang together.
    excess = moments[2] - 3 * moments[0] ** 2 * (1 - 2 * spread / HOP)
    numbers: Numbers = {}
    for (name, (order, variance)), found, weight in zip(
        CUMULANTS.items(), (moments[1], excess), (third, fourth), strict=True
    ):
        error = float(np.sqrt(variance / HOP))
        ratio = np.clip(found / loudness ** (order / 2), -MOST * error, MOST * error)
        expected = weight / loudness ** (order / 2)
        fit = _fit(ratio, expected, weight / second ** (order / 2), error)
        fit["size"] = float(np.clip(fit["size"] / power ** (order / 2), -99, 99))
        numbers |= {f"bare_{name}_{key}": value for key, value in fit.items()}
    share = second * power / loudness
    steady = np.log(moments[0] / second)
    low, middle, high = np.quantile(share, (0.1, 0.5, 0.9))
    return numbers | {
        "bare_share_10": float(low),
        "bare_share_50": float(middle),
        "bare_share_90": float(high),
        "bare_under": float(10 * np.log10(power / (cells.power.mean() / HOP + 1e-9) + 1e-9)),
        "bare_unsteady": float(steady.std()),
        "bare_span": float(np.ptp(np.quantile(steady, (0.1, 0.9)))),
        "bare_width": float(np.median(fourth / second**2)),
        "bare_room": float(np.median(second)),
    }


def _sum_weights(gain: NDArray[np.float32], blocks: int) -> Column:
    """Sums of the filter's weights to the second, third and fourth power and how far its values hang together."""
    gain = gain[::STEP]
    weight = scipy.fft.irfft(gain, FRAME, axis=1)
    square = weight * weight
    sums = (
        square.sum(axis=1),
        np.einsum("bn,bn->b", square, weight),
        np.einsum("bn,bn->b", square, square),
        (gain * gain).mean(axis=1) / (gain.mean(axis=1) ** 2 + 1e-30),
    )
    at = np.minimum((np.arange(blocks) + 1) // STEP, len(gain) - 1)
    return np.asarray(np.stack(sums)[:, at], np.float64) + 1e-12


def _find_moments(blocks: NDArray[np.float32]) -> Column:
    """Second, third and fourth moment of each block, shape (3, blocks)."""
    square = blocks * blocks
    moments = (square.sum(axis=1), np.einsum("bn,bn->b", square, blocks), np.einsum("bn,bn->b", square, square))
    return np.asarray(np.stack(moments), np.float64) / HOP + 1e-12


def _fit(ratio: Column, expected: Column, own: Column, error: float) -> Numbers:
    """Fit one cumulant to all blocks: how clear and large it is, and whether the parts of the track agree on it."""
    parts = zip(np.array_split(ratio, PARTS), np.array_split(expected, PARTS), strict=True)
    found, weight = np.array([(float(a @ b), float(b @ b)) for a, b in parts]).T
    weight += 1e-30
    clear = found.sum() / (error * np.sqrt(weight.sum()))
    each = np.sort(found / (error * np.sqrt(weight)) * np.sign(clear))
    sizes = found / weight
    return {
        "z": _logarithm(clear),
        "size": float(found.sum() / weight.sum()),
        "own": float(ratio @ own / (own @ own)),
        "agree": _logarithm(each[1]),
        "middle": float(np.median(ratio)),
        "vary": float(min(9.0, sizes.std() / (abs(np.median(sizes)) + 1e-30))),
    }


def _logarithm(deviations: float) -> float:
    return float(np.sign(deviations) * np.log2(1 + abs(deviations)))
