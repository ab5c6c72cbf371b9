"""Tell text, base64 and hexadecimal from samples that happen to fall on printable codes.

Quiet 8-bit sound sits on a few neighbouring codes, and those can all be printable; what it never does is prefer
``e`` and the space to their neighbours. So text is tested against the data's own histogram smoothed over
neighbouring codes: a log-likelihood ratio in bits a byte, positive for text, negative for anything that moves
continuously.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.entropy import entropy

SAMPLED = 4 << 20  # bytes of a run that its statistics are of: they take ten times as much memory
MIN_RUN = 48  # bytes; shorter runs of printable codes turn up in binaries and noise
# Bits a byte. The smoothed histogram has seen the data and the tables have not, so text may be a little worse: of 400
# texts 98 % are above this (median 0.6), of 468 stretches of sound that passed all other tests none is above -0.65.
MIN_TEXT_BITS = -0.3
MIN_TEXT_ENTROPY = 2.5  # bits a byte; silence and two-level signals have less, the plainest table of numbers more
MAX_ONE_CHARACTER = 0.6  # share of the continuation bytes that are one and the same, in text of other scripts
MAX_TEXT_CORRELATION = 0.8  # of neighbouring bytes; letters are nearly independent in value, quiet sound is not
STRIDES = (2, 3, 4, 6, 8)  # bytes of a frame, whose upper bytes may be a character, and the lower ones move
FRAME_SAMPLE = 256  # frames from which on their histograms say more of sound than of the text that they were made of
LEAST_LOW_NIBBLES = 8  # different ones; of near-silence beside a few steps, two samples or symbols make a letter
MAX_FRAME_CORRELATION = 0.9  # of the same byte of neighbouring frames; columns of numbers in order have up to 0.75
_MIN_BASE64_CODES = 32  # different ones; fewer fit at many offsets
_LONG_BASE64 = 256  # bytes, from which on no sound steps over all the gaps among base64's characters
_MAX_BASE64_CORRELATION = 0.5  # of shorter ones, at one byte's distance and two; of 64 characters it is 0.125 by chance
_UNLIKELY = 30  # bits: how unlikely it has to be that the rest of the bytes should stay on base64's characters so long
_SMOOTHING_CODES = 6.0  # standard deviation, in codes, of the smoothed histogram

_ASCII = np.zeros(256, dtype=bool)
_ASCII[[9, 10, 12, 13, *range(32, 127)]] = True
_PRINTABLE = _ASCII.copy()
_PRINTABLE[0x80:0xF5] = True  # UTF-8's bytes; the language tables make them dear
_BASE64 = np.zeros(256, dtype=bool)
_BASE64[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\r\n")] = True
# Of an ELF, PE, ZIP, gzip, PDF and xz: a small program is nine tenths zeros, which no rule for base64 would let pass.
_BASE64_BEGINNINGS = (b"f0VMRg", b"TVqQAA", b"UEsDB", b"H4sIA", b"JVBERi", b"/Td6WFo")
_HEX = np.zeros(256, dtype=bool)
_HEX[list(b"0123456789abcdefABCDEF \r\n")] = True

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TextRun:
    """Readable bytes from `start` to `end` (exclusive): ``text``, ``base64`` or ``hex``."""

    kind: str
    start: int
    end: int


@cache
def language_tables() -> NDArray[np.float64]:
    """Log2 probability of each byte in prose, source code, mark-up and numbers; shape (tables, 256)."""
    path = Path(__file__).with_name("text_tables.json")
    tables = json.loads(path.read_text("ascii"))["tables"]
    tables_per_million = np.array([table["per_million"] for table in tables], np.float64)
    return np.asarray(np.log2(tables_per_million / 1e6))


def longest_run(mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and end (exclusive) of the longest run of True; (0, 0) where there is none."""
    outside = np.zeros(1, np.int8)  # a plain 0 would make eight bytes of each
    edges = np.flatnonzero(np.diff(mask.view(np.int8), prepend=outside, append=outside))
    if not len(edges):
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])


def text_likelihood(codes: Bytes) -> float:
    """Bits a byte by which the best language table explains `codes` better than their own smoothed histogram.

    Long ones also better than a histogram of each byte of a frame: of two quiet channels beside two characters, say.
    """
    if not len(codes):
        return -8.0
    strides = [stride for stride in (1, *STRIDES) if stride == 1 or len(codes) >= FRAME_SAMPLE * stride]
    own = max(sum(_own_likelihood(codes[at::stride]) for at in range(stride)) for stride in strides)
    counts = np.bincount(codes, minlength=256)
    return (float((language_tables() @ counts).max()) - own) / len(codes)


def _own_likelihood(codes: Bytes) -> float:
    """Bits of `codes` under their own histogram, smoothed over neighbouring codes."""
    counts = np.bincount(codes, minlength=256).astype(np.float64)
    reach = np.arange(-18, 19)
    kernel = np.exp(-0.5 * (reach / _SMOOTHING_CODES) ** 2)
    smooth = np.convolve(counts + 0.02, kernel / kernel.sum(), mode="same")
    return float(counts @ np.log2(smooth / smooth.sum()))


def _low_nibbles(counts: NDArray[np.int64]) -> int:
    """How many different ones a histogram's bytes have."""
    return int(np.count_nonzero(counts.reshape(16, 16).sum(axis=0)))


def _is_base64(codes: Bytes) -> bool:
    """Several capitals, small letters and digits, all of them and without a space, as no language writes them."""
    counts = np.bincount(codes, minlength=256)
    groups = [np.count_nonzero(counts[48:58]), np.count_nonzero(counts[65:91]), np.count_nonzero(counts[97:123])]
    if _low_nibbles(counts) < LEAST_LOW_NIBBLES:
        return False
    return bool(min(groups) >= 3 and counts[[10, 13]].sum() < 0.05 * len(codes) and counts.max() < 0.9 * len(codes))


def _is_crossing(codes: Bytes, start: int, end: int) -> bool:
    """Whether a short run on base64's characters is sound that crosses them, rather than written down."""
    if end - start >= _LONG_BASE64:
        return False
    run = codes[start:end]
    if max(_correlation(run, 1), _correlation(run, 2)) > _MAX_BASE64_CORRELATION:
        return True
    on = _BASE64[codes]
    on[start:end] = False
    stays = (np.count_nonzero(on[1:] & on[:-1]) + 0.5) / (np.count_nonzero(on[:-1]) + 1)
    return bool(-(end - start) * np.log2(stays) < np.log2(len(codes)) + _UNLIKELY)


def base64_offsets(used: NDArray[np.bool_]) -> list[int]:
    """What may be added to bytes, of which `used` (256,) occur, so that all are base64's: few or none.

    Base64 has letters and digits with gaps between them, and no table of a language is like it.
    """
    outside = np.fft.irfft(np.conj(np.fft.rfft(used)) * np.fft.rfft(~_BASE64), 256)
    return [int(offset) for offset in np.flatnonzero(outside < 0.5)] if used.sum() >= _MIN_BASE64_CODES else []


def _is_hex(codes: Bytes) -> bool:
    """All sixteen digits, letters in one case, no digit much commoner than in a dump of bytes."""
    counts = np.bincount(codes, minlength=256)
    capitals, small = counts[65:71], counts[97:103]
    if min(capitals.sum(), small.sum()) > 0 or len(codes) < 2 * MIN_RUN:
        return False
    digits = np.concatenate([counts[48:58], capitals + small])
    return bool(np.count_nonzero(digits) == 16 and entropy(digits) > 3.2 and digits.sum() > 0.6 * len(codes))


def find_text(codes: Bytes, least: int = MIN_RUN, bits: float = MIN_TEXT_BITS) -> TextRun | None:
    """The longest readable run of at least `least` bytes, or None; text must reach `bits` a byte (`text_likelihood`).

    Source: the ``strings`` idea, with likelihood in the place of a bare count of printable bytes.
    """
    start, end = longest_run(_BASE64[codes])
    sample = codes[start : min(end, start + SAMPLED)]
    if end - start >= least and sample[:8].tobytes().startswith(_BASE64_BEGINNINGS):
        return TextRun("base64", start, end)
    if end - start >= least and _is_base64(sample) and not _is_crossing(codes, start, end):
        return TextRun("base64", start, end)
    start, end = longest_run(_HEX[codes])
    if end - start >= least and _is_hex(codes[start : min(end, start + SAMPLED)]):
        return TextRun("hex", start, end)
    for printable in (_PRINTABLE, _ASCII):  # half of all bytes may be UTF-8, so that noise goes on where text ends
        start, end = longest_run(printable[codes])
        if end - start >= least and is_text(codes[start : min(end, start + SAMPLED)], bits):
            return TextRun("text", start, end)
    return None


def is_text(codes: Bytes, bits: float = MIN_TEXT_BITS) -> bool:
    """Whether printable bytes are language, code, mark-up or numbers: varied, unordered, and like one of the tables."""
    counts = np.bincount(codes, minlength=256)
    if (
        entropy(counts) < MIN_TEXT_ENTROPY
        or counts.max() > 0.6 * len(codes)
        or _low_nibbles(counts) < LEAST_LOW_NIBBLES
    ):
        return False
    high = float(counts[0x80:].sum()) / len(codes)
    if high and _invalid_utf8(codes) > 0.005:
        return False
    if high > 0.2:  # lead and continuation bytes in step for so long: nothing but UTF-8 does that,
        following = counts[0x80:0xC0]  # or samples of 24 bits whose upper bytes stand still and are a character
        return bool(following.max() < MAX_ONE_CHARACTER * following.sum())
    return not _moves(codes) and text_likelihood(codes) > bits


def _correlation(codes: Bytes, stride: int, columns: int = 0) -> float:
    """Correlation of bytes with those `stride` before, each of as many columns less its own mean."""
    columns = columns or stride
    rows = codes[: len(codes) // columns * columns].reshape(-1, columns)
    values = (rows - rows.mean(axis=0)).reshape(-1)
    power = float(values @ values)
    return float(values[stride:] @ values[:-stride]) / power if power else 0.0


def _moves(codes: Bytes) -> bool:
    """Whether bytes, or the same bytes of each frame, move as slowly as sound does."""
    opposite = -_correlation(codes, 1, 2)  # of two channels
    if max(_correlation(codes, 1), opposite) > MAX_TEXT_CORRELATION:
        return True
    return any(_correlation(codes, stride) > MAX_FRAME_CORRELATION for stride in STRIDES if 8 * stride <= len(codes))


def _invalid_utf8(codes: Bytes) -> float:
    text = codes[: 1 << 16].tobytes().decode("utf-8", "replace")
    return text.count("\ufffd") / len(codes)
