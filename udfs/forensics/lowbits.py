"""Steganography in the low bits: a payload in the 1, 2 or 4 least significant bits of an integer recording.

Plain payloads are read out and recognised. Encrypted ones leave no structure, but replacing k bits adds white noise of
an exact power to whatever was there: (4^k - 1) / 6 on top of the 1/12 of rounding, in units of a squared least
significant bit. Where a recording's spectrum falls to its rounding noise (above a codec's cut-off, in its quiet bands)
the new floor shows, and no dither has that level (1/12 none, 1/6 rectangular, 1/4 triangular).

Source of the noise powers: variance of the difference of two independent uniform k-bit integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.payload import Recovered, recognise
from udfs.forensics.text import MIN_TEXT_BITS

DEPTHS = (1, 2, 4)
HEAD_SAMPLES = 1 << 15  # of which planes are read out to recognise a payload: 4 KiB at one bit
MIN_PHASE_BIAS = 0.06  # by which a bit of eight must be commoner than another before the plane is read at all
LEAST_TEXT = 48  # bytes
CLEAR_BIAS = 0.3  # from which on the plane is bytes, and may be less like the tables, as a short text over and over is
TEXT_BITS = -0.55  # of those, bits a byte (`text_likelihood`)
SEGMENT, BANDS = 1024, 32
WINDOW = 8192
MAX_WINDOWS = 30

Integers = NDArray[np.integer]
BitOrder = Literal["big", "little"]
BIT_ORDERS: tuple[BitOrder, ...] = ("big", "little")


def floor_power(depth: int) -> float:
    """White noise power of a recording whose low `depth` bits were replaced, in squared least significant bits."""
    return float((4**depth - 1) / 6 + 1 / 12)


@dataclass(frozen=True, slots=True)
class PlanePayload:
    """A payload read out of low bits, with the bytes that `recovered` points into."""

    recovered: Recovered
    data: bytes
    where: str


def read_plane(samples: Integers, depth: int, bit_order: BitOrder) -> bytes:
    """The low `depth` bits of each sample, joined; `bit_order` big puts the first bit highest in its byte."""
    low = (samples & ((1 << depth) - 1)).astype(np.uint8)
    bits = np.unpackbits(low[:, None], axis=1)[:, 8 - depth :]
    return bytes(np.packbits(bits.reshape(-1), bitorder=bit_order))


def phase_bias(data: bytes) -> float:
    """How much the commonest of a byte's eight bits is commoner than the rarest: 0 for noise, 0.5 for text."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, 8).mean(axis=0)
    return float(bits.max() - bits.min())


def read_payload(samples: Integers) -> PlanePayload | None:
    """A plain payload in the low bits of interleaved samples, shape (n,), from the first sample on or later.

    Of several depths and bit orders that show something, the one whose payload is longest is the right one: text read
    at the wrong depth still has readable crumbs.
    """
    head = samples[:HEAD_SAMPLES]
    found: list[tuple[int, int, BitOrder, float]] = []
    for depth in DEPTHS:
        for bit_order in BIT_ORDERS:
            data = read_plane(head, depth, bit_order)
            bias = phase_bias(data)
            if bias < MIN_PHASE_BIAS and recognise(data[:512]) is None:
                continue
            bits = TEXT_BITS if bias > CLEAR_BIAS else MIN_TEXT_BITS
            recovered = recognise(data, LEAST_TEXT, bits)
            if recovered is not None:
                found.append((recovered.end - recovered.start, depth, bit_order, bits))
    if not found:
        return None
    _, depth, bit_order, bits = max(found)
    whole = read_plane(samples, depth, bit_order)
    recovered = recognise(whole, LEAST_TEXT, bits)
    return PlanePayload(recovered, whole, f"the lowest {depth} bits, {bit_order}-endian") if recovered else None


@dataclass(frozen=True, slots=True)
class Floor:
    """How well a recording's noise floor fits that of `depth` replaced bits."""

    depth: int
    windows: int  # that have the floor, and nothing under it
    cells: int  # of time and frequency that lie on it
    sharpness: float  # share of the cells near the floor that lie right on it
    level: float  # measured over expected power
    quietest: float = np.inf  # power of the quietest cell, in squared least significant bits


def measure_floor(channel: Integers) -> Floor:
    """The best-fitting depth for one channel's samples, shape (n,)."""
    length = min(WINDOW, len(channel))
    if length < 2 * SEGMENT:
        return Floor(1, 0, 0, 0.0, 0.0)
    starts = np.linspace(0, len(channel) - length, min(MAX_WINDOWS, max(1, len(channel) // length))).astype(int)
    cells = np.stack([band_powers(channel[start : start + length]) for start in starts])
    return max((fit_floor(cells, depth) for depth in DEPTHS), key=lambda floor: (floor.windows > 1, floor.cells))


def band_powers(window: Integers) -> NDArray[np.float64]:
    """Mean power in `BANDS` equal bands, in squared least significant bits; shape (BANDS,)."""
    hann = np.hanning(SEGMENT + 1)[:SEGMENT]
    centred = (window - window.mean()).astype(np.float32)
    segments = np.lib.stride_tricks.sliding_window_view(centred, SEGMENT)[:: SEGMENT // 2]
    spectra = scipy.fft.rfft(segments * (hann / np.sqrt(np.sum(hann**2))).astype(np.float32), axis=1)[:, 1:]
    power = (spectra.real**2 + spectra.imag**2).mean(axis=0)
    return np.asarray(power.reshape(BANDS, -1).mean(axis=1))


def fit_floor(cells: NDArray[np.float64], depth: int) -> Floor:
    """Fit the floor of `depth` replaced bits to band powers of shape (windows, BANDS)."""
    ratio = cells / floor_power(depth)
    loud = cells.max(axis=1) > 50 * floor_power(depth)  # in silence there is no floor under anything
    core = (ratio > 0.85) & (ratio < 1.15)
    side = (ratio > 0.6) & (ratio < 1.6) & ~core
    fitting = loud & (ratio.min(axis=1) > 0.7) & (core.sum(axis=1) >= 4)
    on, near = int(core[fitting].sum()), int(side[fitting].sum())
    level = float(np.median(ratio[fitting][core[fitting]])) if on else 0.0
    return Floor(depth, int(fitting.sum()), on, on / max(1, on + near), level, float(cells.min()))
