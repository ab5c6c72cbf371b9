"""Undo the mapping: turn decoded samples back into the bytes that they may once have been.

Each `Reading` is one hypothesis of how bytes became samples, with the bytes that follow from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.lattice import Lattice, recover_lattice
from udfs.forensics.text import language_tables


@dataclass(frozen=True, slots=True)
class Reading:
    """`data` is what the samples are under the mapping `how`; `family` is its letter in docs/forensics.md."""

    how: str
    family: str
    data: bytes


def pcm_readings(pcm: NDArray[np.integer], bits: int) -> Iterator[Reading]:
    """Integer samples as the bytes of 8, 16, 24 and 32-bit PCM, in both byte orders.

    Parameters
    ----------
    pcm
        Shape (n,), interleaved, right-aligned: a 24-bit sample is within ±2^23.
    bits
        Width of the stored samples.
    """
    if bits <= 8:
        signed = pcm.astype(np.int8)
        yield Reading("8-bit samples", "b", (signed.view(np.uint8) ^ 0x80).tobytes())
        yield Reading("signed 8-bit samples", "b", signed.tobytes())
        return
    width = (bits + 7) // 8
    raw = pcm.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width]
    yield Reading(f"{8 * width}-bit little-endian samples", "b", raw.tobytes())
    yield Reading(f"{8 * width}-bit big-endian samples", "b", raw[:, ::-1].tobytes())


def lattice_readings(samples: NDArray[np.float64], quantum: float) -> Iterator[Reading]:
    """Samples on a coarse lattice as bytes: values of characters, or bytes scaled and offset."""
    lattice = recover_lattice(samples, quantum)
    if lattice is None or lattice.highest > 255:
        if lattice is not None:
            yield from _wide_character_readings(lattice)
        return
    for name, offset in _offsets(lattice):
        codes = ((lattice.levels + offset) & 0xFF).astype(np.uint8)
        family = "a" if name == "character values" else "c"
        yield Reading(name, family, codes.tobytes())


def _wide_character_readings(lattice: Lattice) -> Iterator[Reading]:
    """Code points over 255, as text in most of the world's scripts has them."""
    origin = round(lattice.origin / lattice.step)
    points = lattice.levels + origin
    if points.min() >= 0 and points.max() <= 0x10FFFF:
        text = "".join(chr(point) for point in points.tolist())
        yield Reading("character values", "a", text.encode("utf-8", "surrogatepass"))


def _offsets(lattice: Lattice) -> list[tuple[str, int]]:
    """What to add to the levels to have bytes: as the origin says, as the commonest byte says, as text would lie."""
    natural = round(lattice.origin / lattice.step)
    exact = abs(lattice.origin / lattice.step - natural) < 0.02
    counts = np.bincount(lattice.levels, minlength=256)[:256].astype(np.float64)
    commonest = int(counts.argmax())
    spectrum = np.conj(np.fft.rfft(counts)) * np.fft.rfft(language_tables(), axis=1)
    like_text = np.fft.irfft(spectrum, 256, axis=1)
    best = int(np.unravel_index(int(like_text.argmax()), like_text.shape)[1])
    found = [("character values", natural), ("centred byte values", natural + 128)] if exact else []
    found += [("scaled text", best), ("scaled and offset bytes", -commonest), ("scaled bytes", 0)]
    seen: set[int] = set()
    return [(name, offset) for name, offset in found if not (offset % 256 in seen or seen.add(offset % 256))]  # type: ignore[func-returns-value]
