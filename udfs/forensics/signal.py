"""What the tests work on: the samples as stored, with what is known of how they were stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from udfs.container.spans import ContainerReport, SpanKind
from udfs.decode import Decoded
from udfs.forensics.lattice import undo_gain
from udfs.samples import Samples
from udfs.track import Encoding, Track

UNCOMPRESSED = ("pcm_", "ulaw", "alaw")
BLOCK = 1 << 16  # frames that are compared together


@dataclass(frozen=True)
class Signal:
    """Decoded samples in the unit in which they were stored.

    Parameters
    ----------
    values
        Shape (frames, channels): integers as stored where the codec is lossless with integer samples (right-aligned),
        else float32, nominally -1..1.
    sample_rate
        Hz.
    bits
        Width of an integer sample; 0 for floating point.
    lossless
        Whether decoding gives back exactly what was encoded, so that data can have survived in the samples.
    stored
        The sound's own bytes in the file, where it is uncompressed; else empty.
    """

    values: Samples
    sample_rate: int
    bits: int
    lossless: bool
    stored: bytes
    companded: bool = False  # µ-law or A-law: the low bits are not the recording's
    scaled: bool = False  # 16-bit samples whose gain was undone

    @property
    def coarse(self) -> bool:
        """Whether the format's own noise covers whatever lies 20 dB and more under the sound."""
        return self.companded or 0 < self.bits <= 8

    @property
    def quantum(self) -> float:
        """The least difference between two stored values: 1 for integers, 0 for floating point."""
        return 1.0 if self.bits else 0.0

    @property
    def full_scale(self) -> float:
        """Largest magnitude that the format holds."""
        return float(1 << (self.bits - 1)) if self.bits else 1.0


def make_signal(track: Track, report: ContainerReport, decoded: Decoded) -> Signal:
    """Join what the walker and the decoder know of the samples."""
    codec = decoded.facts.codec
    if track.encoding is Encoding.F32LE:
        stored = track.data
    elif codec.startswith(UNCOMPRESSED):
        stored = b"".join(track.data[span.start : span.end] for span in report.of_kind(SpanKind.SOUND))
    else:
        stored = b""
    if decoded.pcm is not None:
        bits = decoded.facts.bits_per_sample or 16
        return Signal(decoded.pcm, decoded.sample_rate, bits, True, stored, codec in ("ulaw", "alaw"))
    return Signal(decoded.samples, decoded.sample_rate, 0, codec.startswith("pcm_f"), stored)


def without_gain(signal: Signal) -> Signal:
    """The signal as the 16-bit samples that it was before a gain, where floats or integers of more bits show that."""
    integers = undo_gain(signal.values) if signal.lossless and not 0 < signal.bits <= 16 else None
    return signal if integers is None else replace(signal, values=integers, bits=16, stored=b"", scaled=True)


def is_all(values: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    """Whether two arrays of equal first axis, or an array and one row of it, are the same; stops where they differ."""
    rows = range(0, len(values), BLOCK)
    whole = other.ndim == values.ndim
    return all(bool(np.all(values[at : at + BLOCK] == (other[at : at + BLOCK] if whole else other))) for at in rows)
