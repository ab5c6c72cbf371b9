"""Plain payloads in the 1, 2 or 4 least significant bits of an integer recording: read out and recognised.

What is encrypted leaves nothing to recognise: `replaced_bits` tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.payload import Recovered, recognise
from udfs.forensics.replaced_bits import DEPTHS
from udfs.forensics.structure import find_structures
from udfs.forensics.text import MIN_TEXT_BITS

HEAD_SAMPLES = 1 << 15  # of which planes are read out to recognise a payload: 4 KiB at one bit
MIN_PHASE_BIAS = 0.06  # by which a bit of eight must be commoner than another before the plane is read at all
FIRST = 512  # bytes: a payload of few begins where the sound does
FIRST_BIAS = 0.12  # of those, from which on they may be text; noise has 0.06
LEAST_TEXT = 48  # bytes
CLEAR_BIAS = 0.3  # from which on the plane is bytes, and may be less like the tables, as a short text over and over is
TEXT_BITS = -0.55  # of those, bits a byte (`text_likelihood`)

Integers = NDArray[np.integer]
BitOrder = Literal["big", "little"]
BIT_ORDERS: tuple[BitOrder, ...] = ("big", "little")
_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
_REVERSED = np.packbits(_BITS, axis=1, bitorder="little")[:, 0]


@dataclass(frozen=True, slots=True)
class PlanePayload:
    """A payload read out of low bits, with the bytes that `recovered` points into."""

    recovered: Recovered
    data: bytes
    where: str


def read_plane(samples: Integers, depth: int, bit_order: BitOrder) -> bytes:
    """The low `depth` bits of each sample, joined; `bit_order` big puts the first bit highest in its byte."""
    each = 8 // depth
    low = (samples & ((1 << depth) - 1)).astype(np.uint8)
    rows = np.concatenate([low, np.zeros(-len(low) % each, np.uint8)]).reshape(-1, each)
    data = np.zeros(len(rows), np.uint8)
    for column in rows.T:
        data = (data << depth) | column
    return bytes(data if bit_order == "big" else _REVERSED[data])


def phase_bias(data: bytes) -> float:
    """How much the commonest of a byte's eight bits is commoner than the rarest: 0 for noise, 0.5 for text."""
    counts = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    bits = counts @ _BITS / max(1, len(data))
    return float(bits.max() - bits.min())


def _recognise_first(data: bytes) -> Recovered | None:
    """What begins where the sound does and may end soon; two or four levels look like a file under some XOR."""
    head = data[:FIRST]
    if phase_bias(head) < FIRST_BIAS and not find_structures(head):
        return None
    found = recognise(head, LEAST_TEXT)
    return None if found is None or found.kind == "xor" else found


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
            first = _recognise_first(data)
            if bias < MIN_PHASE_BIAS and first is None:
                continue
            bits = TEXT_BITS if bias > CLEAR_BIAS else MIN_TEXT_BITS
            recovered = recognise(data, LEAST_TEXT, bits) or first
            if recovered is not None:
                found.append((recovered.end - recovered.start, depth, bit_order, bits))
    if not found:
        return None
    _, depth, bit_order, bits = max(found)
    whole = read_plane(samples, depth, bit_order)
    recovered = recognise(whole, LEAST_TEXT, bits) or _recognise_first(whole)
    return PlanePayload(recovered, whole, f"the lowest {depth} bits, {bit_order}-endian") if recovered else None
