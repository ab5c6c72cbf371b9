"""Were the low bits of a recording of few values replaced? Values occur that its own gaps would not let occur.

Sound that was of 8 bits once, or of 16 in a format of 24, takes few of the values that its format has, with gaps in
between. Leave a sample's low k bits out, and what is left tells the sample: each time it comes again, so do the low
bits, but for a little dither. Once they were replaced by data, they are the same in 1 of 2^k pairs only, aligned to
multiples of 2^k, as no dither is. Each pair of neighbouring occurrences says whether they are the same.

Source: the pairs of values of A. Westfeld, A. Pfitzmann, "Attacks on steganographic systems" (1999), where the gaps
say what the histogram was before, which they could only guess.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.replaced_bits import DEPTHS, Integers, Replaced, choose, without_copy

MOST = 1 << 17  # samples of a channel that are looked at, half of them from its beginning
PARTS = 4  # in which the other half is looked at, spread over the rest
SAMPLE, FEW = 1 << 13, 1 << 11  # of so many samples more values are so different that none of them occurs often enough
OFTEN = 8  # times that a value has to occur for its neighbour's absence to be a gap
GAPPED = 0.5  # share of the samples whose value lies beside a gap
DITHERED = 1.5  # share of equal pairs over that of data from which on it is likelier that nothing was replaced
DIFFERENT = 6.0  # values that have to take part, counted by weight: of one or two, dither may lie aligned by chance
SURE = 4.0  # standard deviations from the share of equal pairs that data have
BLOCK, LEAST_BLOCKS = 512, 8  # samples that are judged together, and how often at least
AGAIN = 8  # pairs of each value in a run: of a periodic sound's values, each comes by once a period, in the same way


def find_filled(samples: Integers) -> tuple[Replaced | None, set[int]]:
    """Look for replaced bits among the gaps of each channel.

    Parameters
    ----------
    samples
        Shape (frames, channels).

    Returns
    -------
    run, depths
        The clearest run, and the numbers of low bits of which the gaps tell whether they were replaced.
    """
    found, told = [], set()
    for channel in without_copy(samples).T:
        looked = _cut(channel)
        if len(np.unique(looked[:: len(looked) // SAMPLE + 1] >> 1)) > FEW:
            continue
        values, counts = np.unique(looked, return_counts=True)
        for depth in DEPTHS:
            upper, often, beside = _find_gaps(values, counts, depth)
            if often[beside].sum() < GAPPED * len(looked):
                continue
            told.add(depth)
            beside[often.argmax()] = False  # silence, to which a bit of noise does the same as data
            run = _compare(looked, upper, beside, depth)
            found += [run] if run else []
    return choose(found), told


def _cut(channel: Integers) -> Integers:
    """All of a short channel, else its beginning and parts of the rest."""
    if len(channel) <= MOST:
        return channel
    each = MOST // 2 // PARTS
    starts = np.linspace(MOST // 2, len(channel) - each, PARTS).astype(int)
    return np.concatenate([channel[: MOST // 2], *(channel[start : start + each] for start in starts)])


def _find_gaps(values: Integers, counts: Integers, depth: int) -> tuple[Integers, NDArray[np.int64], NDArray[np.bool_]]:
    """Different values without their low bits, how often each occurs, and which lie beside a gap."""
    upper, first = np.unique(values >> depth, return_index=True)
    often = np.add.reduceat(counts, first)
    gap = np.diff(upper) > 1
    beside = np.zeros(len(upper), bool)
    beside[:-1] |= gap
    beside[1:] |= gap
    return upper, often, beside & (often >= OFTEN)


def _compare(samples: Integers, upper: Integers, beside: NDArray[np.bool_], depth: int) -> Replaced | None:
    """Compare the low bits of samples that are the same but for them, of the values `upper` that count."""
    where = np.searchsorted(upper, samples >> depth).astype(np.int16 if len(upper) < 1 << 15 else np.int32)
    order = np.argsort(where, kind="stable")
    here, low = where[order], (samples & samples.dtype.type((1 << depth) - 1))[order]
    pairs = (here[1:] == here[:-1]) & beside[here[1:]]
    differ = low[1:] != low[:-1]
    return _best_run(order[1:][pairs], differ[pairs], here[1:][pairs], depth, len(samples))


def _best_run(
    places: NDArray[np.intp], differ: NDArray[np.bool_], groups: Integers, depth: int, length: int
) -> Replaced | None:
    """The run of blocks whose pairs differ as those of data do; `places` are sample numbers, `groups` their values."""
    same = 0.5**depth
    dithered = DITHERED * same
    blocks = places // BLOCK
    count = -(-length // BLOCK)
    for_data = np.where(differ, np.log((1 - same) / (1 - dithered)), np.log(same / dithered))
    sums = np.concatenate([[0.0], np.cumsum(np.bincount(blocks, for_data, count))])
    end = int((sums - np.minimum.accumulate(sums)).argmax())
    start = int(sums[: end + 1].argmin())
    inside = (blocks >= start) & (blocks < end)
    total = int(inside.sum())
    if end - start < LEAST_BLOCKS or total < AGAIN * len(np.unique(groups[inside])):
        return None
    by_value = np.bincount(groups[inside & differ]).astype(float)
    surplus = abs(1 - differ[inside].mean() - same) / np.sqrt(same * (1 - same) / total)
    if by_value.sum() ** 2 < DIFFERENT * np.sum(by_value**2) or surplus > SURE:
        return None
    return Replaced(depth, float(sums[end] - sums[start]), end - start)
