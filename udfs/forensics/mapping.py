"""Undo the mapping: turn decoded samples back into the bytes that they may once have been.

Each `Reading` is one hypothesis of how bytes became samples, with the bytes that follow from it. `family` is the
letter of docs/forensics.md that the hypothesis belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.lattice import Lattice, recover_lattice, recover_scale
from udfs.forensics.text import base64_offsets, language_tables

MAX_BASE64_OFFSETS = 4
PUNCTUATION = np.array(
    [*range(9, 14), *range(32, 65), *range(0x3000, 0x3040), *range(0xFF00, 0xFF10), 0xFF1A, 0xFF1B, 0xFF1F]
)
LEAST_PUNCTUATION, MOST_CORRELATED = 0.01, 0.7  # of code points: share of marks and spaces; of neighbours
REVERSED = ("centred byte values", "scaled and offset bytes")  # also from the end on: a file's head may be there

Integers = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Reading:
    """`data` is what the samples are under the mapping `how`; `by_value` where each sample's value is one byte."""

    how: str
    family: str
    data: bytes
    by_value: bool = False


def read_samples(samples: NDArray[np.generic], bits: int) -> Iterator[Reading]:
    """Every reading of one row of samples, the plainest first.

    Parameters
    ----------
    samples
        Shape (n,): interleaved channels, or one of them; integers as stored, or floats.
    bits
        Width of an integer sample; 0 for floating point.
    """
    lattice = recover_lattice(samples.astype(np.float64), 1.0 if bits else 0.0)
    if lattice is not None:
        yield from lattice_readings(lattice)
    if bits:
        integers = samples.astype(np.int32)
        yield from pcm_readings(integers, bits)
        yield from whole_sum_readings(integers, bits)
        return
    floats = samples.astype("<f4")
    if lattice is None and len(floats) and floats.min() >= 0 and np.array_equal(floats, np.rint(floats)):
        yield from _wide_character_readings(floats.astype(np.int64))
    yield Reading("32-bit float samples", "b", floats.tobytes())
    step = recover_scale(floats) if lattice is None else None
    if step is not None:
        integers = np.rint(floats / step).astype(np.int32)
        yield from (replace(reading, family="c") for reading in pcm_readings(integers, 16))


def pcm_readings(pcm: NDArray[np.int32], bits: int) -> Iterator[Reading]:
    """Integer samples (right-aligned) as the bytes of 8, 16, 24 and 32-bit PCM, in both byte orders."""
    if bits <= 8:
        signed = pcm.astype(np.int8)
        yield Reading("8-bit samples", "b", (signed.view(np.uint8) ^ 0x80).tobytes(), by_value=True)
        yield Reading("signed 8-bit samples", "b", signed.tobytes(), by_value=True)
        return
    width = (bits + 7) // 8
    raw = pcm.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width]
    yield Reading(f"{8 * width}-bit little-endian samples", "b", raw.tobytes())
    yield Reading(f"{8 * width}-bit big-endian samples", "b", raw[:, ::-1].tobytes())


def whole_sum_readings(pcm: NDArray[np.int32], bits: int) -> Iterator[Reading]:
    """PCM that was summed or differenced as whole samples, modulo its width."""
    if bits != 16:
        return
    yield Reading("differences of 16-bit samples", "c", np.diff(pcm, prepend=0).astype("<i2").tobytes())
    yield Reading("sums of 16-bit samples", "c", np.cumsum(pcm, dtype=np.int32).astype("<i2").tobytes())


def lattice_readings(lattice: Lattice) -> Iterator[Reading]:
    """Samples on a coarse lattice as bytes: characters, bytes scaled and offset, their sums, differences, symbols."""
    if lattice.highest <= 15:
        yield from symbol_readings(lattice)
    if lattice.highest <= 255:
        for name, offset in _offsets(lattice.levels, lattice):
            family = "a" if name == "character values" else "c"
            codes = _codes(lattice.levels + offset)
            yield Reading(name, family, codes, by_value=True)
            if name in REVERSED:
                yield Reading(f"{name}, the last sample first", "c", codes[::-1], by_value=True)
        yield from _shifted("differences of byte values", np.diff(lattice.levels, prepend=0))
        yield from _sums(lattice)
        return
    yield from _wide_character_readings(lattice.levels + round(lattice.origin / lattice.step))
    # Differences of bytes lie in -255..255: up to 511 levels, and their sums give the bytes back.
    if lattice.highest <= 511:
        yield from _sums(lattice)
    yield from _shifted("differences of byte values", np.diff(lattice.levels, prepend=0))


def _sums(lattice: Lattice) -> Iterator[Reading]:
    yield from _shifted("sums of byte values", np.cumsum(lattice.levels + round(lattice.origin / lattice.step)))


def symbol_readings(lattice: Lattice) -> Iterator[Reading]:
    """A few levels as bits, pairs of bits or nibbles, first symbol highest or lowest in its byte."""
    width = 1 if lattice.highest <= 1 else 2 if lattice.highest <= 3 else 4
    symbols = lattice.levels.astype(np.uint8)
    bits = np.unpackbits(symbols[:, None], axis=1)[:, 8 - width :]
    name = f"{width} bits a sample" if width > 1 else "a bit a sample"
    whole = len(bits) * width // 8 * 8
    high_first = bits.reshape(-1)[:whole].reshape(-1, 8)
    low_first = high_first.reshape(-1, 8 // width, width)[:, ::-1].reshape(-1, 8)
    for order, rows in (("", high_first), (", low symbol first", low_first)):
        data = np.packbits(rows, axis=1)
        yield Reading(name + order, "e", data.tobytes())
        if width == 1:
            yield Reading(name + order + ", inverted", "e", (~data).tobytes())


def _codes(levels: NDArray[np.int64]) -> bytes:
    return (levels & 0xFF).astype(np.uint8).tobytes()


def _wide_character_readings(points: NDArray[np.int64]) -> Iterator[Reading]:
    """Code points over 255, as text in most of the world's scripts has them, with spaces or punctuation among them.

    Quiet sound at an offset has such values as well, but those of punctuation only where it lies around them, and it
    moves by small steps.
    """
    if points.min() < 0 or points.max() > 0x10FFFF or len(points) < 2:
        return
    centred = points - points.mean()
    power = float(centred @ centred)
    correlation = float(centred[1:] @ centred[:-1]) / power if power else 1.0
    marks = float(np.isin(points, PUNCTUATION).mean())
    if marks > LEAST_PUNCTUATION and abs(correlation) < MOST_CORRELATED:
        text = "".join(chr(point) for point in points.tolist())
        yield Reading("character values", "a", text.encode("utf-8", "replace"))


def _shifted(name: str, values: NDArray[np.int64]) -> Iterator[Reading]:
    """Values modulo 256, with what was added to them taken off as their commonest one and as text would have it."""
    levels = values & 0xFF
    for _, offset in _offsets(levels, None):
        yield Reading(name, "c", _codes(levels + offset))


def _offsets(levels: NDArray[np.int64], lattice: Lattice | None) -> list[tuple[str, int]]:
    """What to add to the levels to have bytes: as the origin says, as text would lie, as the commonest byte says."""
    found = []
    if lattice is not None:
        natural = round(lattice.origin / lattice.step)
        if abs(lattice.origin / lattice.step - natural) < 0.02:
            found = [("character values", natural), ("centred byte values", natural + 128)]
    counts = np.bincount(levels, minlength=256)[:256].astype(np.float64)
    spectrum = np.conj(np.fft.rfft(counts)) * np.fft.rfft(language_tables(), axis=1)
    like_text = np.fft.irfft(spectrum, 256, axis=1)
    best = int(np.unravel_index(int(like_text.argmax()), like_text.shape)[1])
    found += [("scaled base64", offset) for offset in base64_offsets(counts > 0)[:MAX_BASE64_OFFSETS]]
    found += [("scaled text", best), ("scaled and offset bytes", -int(counts.argmax())), ("scaled bytes", 0)]
    by_offset: dict[int, str] = {}
    for name, offset in found:
        by_offset.setdefault(offset % 256, name)
    return [(name, offset) for offset, name in by_offset.items()]
