"""What floating-point samples can carry beside sound: NaNs with data in them, numbers too small to be sound, low bits.

A float32 has 23 bits of mantissa. In a NaN all but one are free, and decoding turns it into silence; a denormal number
(under 1.2e-38, 760 dB below full scale) plays as silence too; and the lowest bits of an ordinary sample lie 100 dB and
more under it. None of it can be seen in the decoded samples, so the stored words are looked at (IEEE 754-2019, 3.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.findings import Reason
from udfs.forensics.finding import CERTAIN, Finding
from udfs.forensics.payload import recognise
from udfs.forensics.signal import Signal

DOUBTFUL = 1.0  # log-odds of what no sound has and a broken program may have written
MOST_WORDS = 1 << 22  # that low bits are read out of: a minute and a half at 44.1 kHz
ORDINARY_NANS = 8  # different ones; arithmetic makes one or two, whose bits are the processor's
MOST_NOT_FINITE = 0.001  # share; a filter that blew up for an instant leaves less
MOST_DENORMAL = 0.2  # share; a reverberation that fades into them for seconds leaves less
MANY_VALUES = 256


@dataclass(frozen=True)
class FloatFormat:
    """IEEE 754 binary32 or binary64 as unsigned words."""

    width: int  # bytes
    mantissa_bits: int
    low_widths: tuple[int, ...]  # bytes at a word's low end that are read as data

    @property
    def mantissa(self) -> int:
        """Mask of the mantissa."""
        return (1 << self.mantissa_bits) - 1

    @property
    def exponent(self) -> int:
        """Mask of the exponent."""
        return (1 << (8 * self.width - 1)) - 1 - self.mantissa


FORMATS = {4: FloatFormat(4, 23, (1, 2)), 8: FloatFormat(8, 52, (1, 2, 4))}


def find_float_bits(signal: Signal) -> list[Finding]:
    """Find data in the bits of floating-point samples that do not sound.

    Parameters
    ----------
    signal
        The samples; those of integer or compressed formats are not looked at.

    Returns
    -------
    list of Finding
        What was read out, and numbers that no sound consists of; empty for sound.
    """
    size = signal.values.size
    width = len(signal.stored) // size if size and not signal.bits else 0
    if width not in FORMATS:
        return []
    form, words = FORMATS[width], _words(signal, width)
    return [*_payloads(form, words[:MOST_WORDS]), *_not_finite(form, words), *_denormal(form, words)]


def _words(signal: Signal, width: int) -> NDArray[np.unsignedinteger]:
    """View the stored bytes as words, in the byte order in which they are the samples."""
    stored = signal.stored[: signal.values.size * width]
    little = np.frombuffer(stored, f"<f{width}", count=min(1024, len(stored) // width))
    samples = signal.values.reshape(-1)[: len(little)]
    with np.errstate(over="ignore", invalid="ignore"):
        is_little = np.mean(np.nan_to_num(little.astype(np.float32), posinf=0, neginf=0) == samples) > 0.5
    return np.frombuffer(stored, f"{'<' if is_little else '>'}u{width}")


def _payloads(form: FloatFormat, words: NDArray[np.unsignedinteger]) -> Iterator[Finding]:
    for low in form.low_widths:
        data = (words & words.dtype.type((1 << 8 * low) - 1)).astype(f"<u{low}").tobytes()
        recovered = recognise(data)
        if recovered is not None:
            where = f"the low {8 * low} bits of floating-point samples"
            payload = recovered.described(data, where)
            reason = Reason("stego.low_bits_payload", f"{payload.kind}, {payload.length} bytes, as {where}")
            yield Finding(CERTAIN, reason, payload, recovered.body(data))
            return


def _not_finite(form: FloatFormat, words: NDArray[np.unsignedinteger]) -> Iterator[Finding]:
    special = words[(words & words.dtype.type(form.exponent)) == form.exponent]
    different = len(np.unique(special))
    if different > ORDINARY_NANS:
        detail = f"{len(special)} of {len(words)} samples are no numbers, in {different} spellings: data, not faults"
        yield Finding(CERTAIN, Reason("samples.float_bits", detail))
    elif len(special) > MOST_NOT_FINITE * len(words):
        detail = f"{len(special)} of {len(words)} samples are no numbers"
        yield Finding(DOUBTFUL, Reason("samples.float_bits", detail))


def _denormal(form: FloatFormat, words: NDArray[np.unsignedinteger]) -> Iterator[Finding]:
    mantissas = words & words.dtype.type(form.mantissa)
    tiny = mantissas[((words & words.dtype.type(form.exponent)) == 0) & (mantissas != 0)]
    if len(tiny) > MOST_DENORMAL * len(words) and len(np.unique(tiny)) > MANY_VALUES:
        detail = f"{len(tiny)} of {len(words)} samples are too small to be sound, and differ"
        yield Finding(DOUBTFUL, Reason("samples.float_bits", detail))
