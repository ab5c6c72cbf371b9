"""The compiled loops count what plain numpy counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from udfs import code_kernels, kernels

PLANES = kernels.PLANES


def words(seed: int, count: int) -> NDArray[np.uint64]:
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


def line(seed: int, frames: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Signs and strong codes of a time line, shape (2, frames), and the same in planes."""
    codes = np.stack([words(seed, frames), words(seed + 1, frames) & words(seed + 2, frames)])
    return codes, np.ascontiguousarray(codes.reshape(2, -1, PLANES).transpose(0, 2, 1))


def heard(seed: int, signs: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """What a query tells that has these signs: it is sure of most, and surest of few."""
    sure = words(seed, len(signs)) | words(seed + 1, len(signs))
    return np.stack([signs, sure, sure & words(seed + 2, len(signs)) & words(seed + 3, len(signs))])


def weighed(query: NDArray[np.uint64], signs: NDArray[np.uint64], strong: NDArray[np.uint64]) -> NDArray[np.int64]:
    """What `fit` counts, of what a query is not sure nothing, and of what it is surest twice."""
    bits = np.arange(64, dtype=np.uint64)
    q, sure, surest, s, w = ((one[:, None] >> bits & np.uint64(1)).astype(np.int64) for one in (*query, signs, strong))
    return ((sure + surest) * np.where(q == s, 1, -1) * np.where(w == 1, 3, 1)).sum(axis=1)


def fit(query: NDArray[np.uint64], signs: NDArray[np.uint64], strong: NDArray[np.uint64]) -> NDArray[np.int64]:
    """1 for each bit that agrees and -1 else, 3 and -3 where the reference is strong."""
    bits = np.arange(64, dtype=np.uint64)
    q, s, w = ((one[:, None] >> bits & np.uint64(1)).astype(np.int64) for one in (query, signs, strong))
    return (np.where(q == s, 1, -1) + np.where(w == 1, np.where(q == 1, 2, -2), 0)).sum(axis=1)


def test_power_is_summed_into_bands() -> None:
    random = np.random.default_rng(0)
    transform = (random.standard_normal((5, 12)) + 1j * random.standard_normal((5, 12))).astype(np.complex64)
    band = np.array([-1, -1, 0, 0, 1, 1, 1, 2, 2, 3, -1, -1])
    share = np.array([1, 1, 1, 0.25, 1, 1, 0.5, 1, 0.75, 0.4, 1, 1], np.float32)
    expected = np.zeros((2, 5, 4))
    for number in range(2, 10):
        power = np.abs(transform[:, number]) ** 2
        powers = np.stack([power, power**2])
        expected[:, :, band[number]] += share[number] * powers
        if band[number] < 3:
            expected[:, :, band[number] + 1] += (1 - share[number]) * powers
    energy, roots = code_kernels.band_power(transform, band, share, 4)
    np.testing.assert_allclose([energy, roots**2], expected, rtol=1e-5)


def test_what_is_loud_for_a_moment_counts_a_little_over_the_mean_around() -> None:
    level = np.random.default_rng(3).random((30, 4)).astype(np.float32)
    level[10:12, 1] = 9
    around = np.stack([level[max(0, t - 5) : t + 6].mean(axis=0) for t in range(30)])
    np.testing.assert_allclose(code_kernels.cap(level, 5), np.minimum(level, 1.2 * around), rtol=1e-5)


def test_a_band_of_one_tone_is_narrower_than_one_of_noise_and_silence_is_neither() -> None:
    power = np.random.default_rng(4).exponential(1, (40, 8)).astype(np.float32)
    power[20:, :] = 0
    power[20:, 3] = 8
    energy, roots = power.sum(axis=1, keepdims=True), np.sqrt((power**2).sum(axis=1, keepdims=True))
    active = np.ones(40, np.uint8)
    active[:5] = 0
    narrow = code_kernels.narrowness(energy, roots, active)[:, 0]
    assert not narrow[:5].any()
    assert narrow[20:].min() > 0 > narrow[5:20].max()
    assert narrow[5:].mean() == pytest.approx(0, abs=1e-5)


def test_a_query_tells_by_what_stands_out_by_narrowness_and_by_what_does_not_last_or_spread() -> None:
    standing, quiet, narrow = (
        np.random.default_rng(seed).standard_normal((9, 6)).astype(np.float32) for seed in (5, 6, 7)
    )
    frames, bands = np.pad(standing, ((2, 2), (0, 0)), "edge"), np.pad(standing, ((0, 0), (1, 1)), "edge")
    expected = standing + 0.7 * quiet + 0.7 * narrow
    expected -= 0.05 * (frames[1:-3] + frames[3:-1]) + 0.15 * (frames[:-4] + frames[4:])
    expected -= 0.2 * (bands[:, :-2] + bands[:, 2:])
    np.testing.assert_allclose(code_kernels.listen(standing, quiet, narrow), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 3, 50])
def test_what_stands_out_is_relative_to_its_surroundings(frames: int) -> None:
    level = np.random.default_rng(frames).random((frames, 10)).astype(np.float32)
    around = [slice(max(0, t - 4), t + 5) for t in range(frames)]
    left = np.stack([level[t] - level[around[t]].mean(axis=0) for t in range(frames)])
    value = np.stack([left[:, b] - left[:, max(0, b - 2) : b + 3].mean(axis=1) for b in range(10)], axis=1)
    usual = np.array([np.sqrt((value[around[t]] ** 2).mean()) for t in range(frames)])
    np.testing.assert_allclose(
        code_kernels.stand_out(level, 4, 2), value / (usual[:, None] + 1e-12), rtol=1e-3, atol=1e-5
    )


def test_words_have_a_bit_for_each_value_over_the_threshold() -> None:
    values = np.random.default_rng(1).standard_normal((20, 64)).astype(np.float32)
    expected = [sum(1 << bit for bit in range(64) if row[bit] > 0.5) for row in values]
    assert code_kernels.pack(values, 0.5).tolist() == expected


@pytest.mark.parametrize("count", [1, 4, 11])
def test_the_scan_counts_the_misfit_at_every_position(count: int) -> None:
    codes, planes = line(5, 4 * 2600)  # more positions than are scanned together
    query = words(9, count)
    steps = np.cumsum(np.random.default_rng(count).integers(1, 4, count)) - 1
    positions = np.arange(1, 2501)
    misfit = np.full(positions.size, 7, np.int32)
    kernels.scan(query, steps, planes[0, 2], planes[1, 2], 1, misfit)
    signs, strong = codes[:, 2::PLANES]
    expected = np.array(
        [(64 - fit(query, signs[at + steps], strong[at + steps]).astype(np.int64)).sum() for at in positions]
    )
    np.testing.assert_array_equal(2 * (misfit - 7), expected)


def test_alignment_finds_the_best_shift_and_stretch() -> None:
    codes, planes = line(20, 4 * 500)
    at = 700 + np.arange(200) + np.rint((np.arange(200) - 100) * 0.025).astype(np.int64)
    query, active = codes[0, at], np.ones(200, np.uint8)
    active[50:60] = 0
    query[50:60] = words(1, 10)
    told = heard(40, query)
    found = np.empty((2, 3))
    stretches = np.array([0.0, -0.025, 0.025])
    kernels.align(told, active, planes, np.array([699, 100]), 1, stretches, found)
    sounding = active == 1
    assert found[0].tolist() == [
        weighed(told[:, sounding], codes[0, at[sounding]], codes[1, at[sounding]]).sum(), 700, 0.025
    ]  # fmt: skip
    best = max(
        weighed(
            told[:, sounding],
            *codes[:, (shift + np.arange(200) + np.rint((np.arange(200) - 100) * stretch).astype(np.int64))[sounding]],
        ).sum()
        for shift in (99, 100, 101)
        for stretch in stretches
    )
    assert found[1, 0] == best


def test_a_query_s_bits_are_counted_by_what_the_reference_has_there() -> None:
    codes, planes = line(25, 4 * 300)
    query, active = codes[0, 500:600].copy(), np.ones(100, np.uint8)
    query[20:40] = words(4, 20)
    active[:10] = 0
    found = np.empty((1, 3, 3, 2), np.int64)
    kernels.tally(query, active, planes, np.array([501]), 1, 0.0, found)
    bits = [(word[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).astype(int) for word in (query, *codes)]
    for shift in range(3):
        at = slice(500 + shift + 10, 600 + shift)
        heard, kind = bits[0][10:], bits[1][at] * (1 + bits[2][at])
        assert found[0, shift].tolist() == [[((kind == k) & (heard == h)).sum() for h in (1, 0)] for k in range(3)]


@pytest.mark.parametrize("turn", [-1, 0, 1])
def test_a_path_follows_a_query_that_drifts_and_leaves_out_what_does_not_agree(turn: int) -> None:
    codes, planes = line(30, 4 * 500)
    size = kernels.SEGMENT
    drift = np.array([0, 0, 1, 2, 2, 1])
    parts = [codes[0, 800 + size * s + drift[s] : 800 + size * (s + 1) + drift[s]] for s in range(6)]
    query = np.concatenate([words(2, 2 * size), *parts, words(3, size)])
    bit = np.uint64(1)
    query = query >> bit if turn > 0 else query << bit if turn < 0 else query
    path = np.zeros(9, np.int64)
    active = np.ones(len(query), np.uint8)
    told = heard(50, query)
    place = (told, active, planes, 256, 1900, 800 - 2 * size, 0.0, turn, 4)
    gain, frames, first, end = kernels.follow(*place, 3.0, 1000.0, 0.05, 0.08, path)
    assert (first, end, frames) == (2, 8, 6 * size)
    assert (path[2:8] - 800 - size * np.arange(6)).tolist() == drift.tolist()
    at = (path[2:8, None] + np.arange(size)).ravel()
    turned = told[:, 2 * size : 8 * size]
    turned = turned << bit if turn > 0 else turned >> bit if turn < 0 else turned  # what comes in is never sure
    assert gain == weighed(turned, codes[0, at], codes[1, at]).sum() - 3 * at.size
    # with a small deviation each of its six parts is striking, and counts as that and a part of the rest
    striking = kernels.STRIKING * 100
    assert kernels.follow(*place, 3.0, 100.0, 0.5, 0.8, path)[:2] == (
        6 * striking + kernels.BEYOND * (gain - 6 * striking), 6 * size,
    )  # fmt: skip
