"""Whiten sound so that what is quiet in it has the say: by frequency, block by block, and by the other channel.

The linear filter that weighs best what was added to a sound divides each frequency by the sound's power there; of two
channels it is the inverse of their 2 x 2 matrix of powers, so that what one channel says of the other is taken off too.
What comes out, times a pattern of added values and summed, is as much of that pattern as there is.

Source: the matched filter in coloured noise (S. M. Kay, "Fundamentals of Statistical Signal Processing", vol. 2, 1998,
4.3 and 13.6); the windows are those of Kaiser and Bessel as filter banks use them, which hold a loud tone back from the
frequencies where nothing sounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

BLOCK = 2048
STEP = BLOCK // 2
BAND = 8  # bins; three such bands together say how loud the sound is there
KAISER = 4 * np.pi  # of a sine window, loud low notes leak above the lowest bit's noise up to 10 kHz
ROUNDING = BLOCK / 24  # power of a bin, in squared steps: no recording is quieter at any frequency

ALIKE = 1e-11  # share of two channels' power by which they can be said to differ
TOGETHER = 32  # units whose spectra are taken at once
MOVING = 24.0  # deviation of the sound, in steps, from which on it is looked at
CLEAR = (
    2 / BLOCK / 100
)  # of sound of 10 steps, which tells a bit in 8,192 samples: of what is clearer, the first is chosen

Real = NDArray[np.float32]
Spectra = NDArray[np.complex64]


def _make_window() -> Real:
    """A window whose square and that of the next half-overlapping one add up to one."""
    half = np.cumsum(np.kaiser(STEP + 1, KAISER))
    rising = np.sqrt(half[:-1] / half[-1])
    return np.concatenate([rising, rising[::-1]]).astype(np.float32)


WINDOW = _make_window()


@dataclass(frozen=True, slots=True)
class Whitened:
    """Sound after the filter, and the filter's weight of a sample itself: each of shape (channels, samples)."""

    sound: Real
    weight: Real


def whiten(channels: Real) -> Whitened:
    """Filter one or two channels, shape (channels, samples), of a whole number of `STEP` samples."""
    spectra = [_spectra(channel) for channel in channels]
    filtered, weights = _filter_one(spectra[0]) if len(spectra) == 1 else _filter_two(*spectra)
    sound = np.stack([_overlap(scipy.fft.irfft(one, BLOCK, axis=1) * WINDOW) for one in filtered])
    alone = [weight[:, 1:].sum(axis=1, keepdims=True) * (BAND * 2 / BLOCK) for weight in weights]
    weight = np.stack([_overlap(one.astype(np.float32) * WINDOW**2) for one in alone])
    return Whitened(sound * np.float32(BLOCK / 2), weight * np.float32(BLOCK / 2))


def _filter_one(spectra: Spectra) -> tuple[list[Spectra], list[NDArray[np.float64]]]:
    """A channel's spectra, divided by its power, and what each band was multiplied by."""
    weight = 1 / (_by_band(spectra.real**2 + spectra.imag**2) + ROUNDING)
    return [_weigh(spectra, weight)], [weight]


def _filter_two(first: Spectra, second: Spectra) -> tuple[list[Spectra], list[NDArray[np.float64]]]:
    """Two channels' spectra, times the inverse of their matrix of powers, and that matrix's diagonal."""
    one, other = first.astype(np.complex128), second.astype(np.complex128)  # they may differ by very little
    own, others = (_by_band(each.real**2 + each.imag**2) + ROUNDING for each in (one, other))
    product = one * other.conj()
    shared = _by_band(product.real) + 1j * _by_band(product.imag)
    scale = 1 / np.maximum(own * others - shared.real**2 - shared.imag**2, ALIKE * own * others)
    weights = [others * scale, own * scale]
    filtered = [
        _weigh(first, weights[0]) - _weigh(second, shared * scale),
        _weigh(second, weights[1]) - _weigh(first, shared.conj() * scale),
    ]
    return filtered, weights


def _spectra(samples: Real) -> Spectra:
    """Spectra of half-overlapping blocks, shape (blocks, bins)."""
    blocks = np.lib.stride_tricks.sliding_window_view(samples, BLOCK)[::STEP]
    return np.asarray(scipy.fft.rfft(blocks * WINDOW, axis=1), np.complex64)


def _by_band(power: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean of each band of bins and its neighbours on either side, shape (blocks, bands)."""
    bands = power[:, :-1].reshape(len(power), -1, BAND).sum(axis=2, dtype=np.float64)
    near, count = bands.copy(), np.full(bands.shape[1], 3.0 * BAND)
    near[:, 1:] += bands[:, :-1]
    near[:, :-1] += bands[:, 1:]
    count[[0, -1]] = 2.0 * BAND
    return np.asarray(near / count)


def _weigh(spectra: Spectra, weights: NDArray[np.generic]) -> Spectra:
    """Each bin times its band's weight; the lowest band, in which an offset leaks, is left out."""
    weighed = np.zeros_like(spectra)
    shape = (*weights.shape, BAND)
    kind = np.complex64 if np.iscomplexobj(weights) else np.float32
    np.multiply(
        spectra[:, :-1].reshape(shape)[:, 1:],
        weights.astype(kind)[:, 1:, None],
        out=weighed[:, :-1].reshape(shape)[:, 1:],
    )
    return weighed


def _overlap(blocks: Real) -> Real:
    """Add half-overlapping blocks, shape (blocks, BLOCK); shape (samples,)."""
    halves = np.zeros((len(blocks) + 1, STEP), np.float32)
    halves[:-1] = blocks[:, :STEP]
    halves[1:] += blocks[:, STEP:]
    return halves.reshape(-1)


def choose_units(units: NDArray[np.integer], best: int, parts: int) -> NDArray[np.intp]:
    """Which units of a track say most of what was added to them: `best` of all, and one more of each of `parts` parts.

    Parameters
    ----------
    units
        Samples, shape (units, frames of a unit, channels).
    best, parts
        How many to choose; fewer than there are.

    Returns
    -------
    array of int
        Their numbers, ascending.
    """
    promise = np.concatenate([_promise(units[at : at + TOGETHER]) for at in range(0, len(units), TOGETHER)])
    first = np.argsort(-promise, kind="stable")[:best]
    promise[first] = -1
    edges = np.linspace(0, len(promise), parts + 1).astype(int)
    return np.union1d(first, [low + promise[low:high].argmax() for low, high in pairwise(edges)])


def _promise(units: NDArray[np.integer]) -> NDArray[np.float64]:
    """What the filter would give in each unit for something white, up to what settles the matter; none near silence."""
    channels = np.moveaxis(units, 2, 0)
    looks = channels.reshape(*channels.shape[:2], -1, BLOCK)[:, :, ::2].astype(np.float32)
    spectra = scipy.fft.rfft(looks * WINDOW, axis=3)[..., BAND:-1]
    power = (spectra.real**2 + spectra.imag**2).reshape(*looks.shape[:3], -1, BAND)
    gain = (1 / (power.mean(axis=4) + ROUNDING)).mean(axis=3)
    gain[looks.std(axis=3) < MOVING] = 0
    return np.asarray(np.minimum(gain.mean(axis=(0, 2)), CLEAR), np.float64)
