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

MIN_RUN = 48  # bytes; shorter runs of printable codes turn up in binaries and noise
MIN_TEXT_BITS = 0.25  # bits a byte by which text must be the better explanation
_SMOOTHING_CODES = 4.0  # standard deviation, in codes, of the smoothed histogram

_PRINTABLE = np.zeros(256, dtype=bool)
_PRINTABLE[[9, 10, 12, 13, *range(32, 127)]] = True
_PRINTABLE[0x80:0xF5] = True  # UTF-8's bytes; the language tables make them dear
_BASE64 = np.zeros(256, dtype=bool)
_BASE64[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_\r\n")] = True
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
    edges = np.flatnonzero(np.diff(mask.view(np.int8), prepend=0, append=0))
    if not len(edges):
        return 0, 0
    starts, ends = edges[::2], edges[1::2]
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])


def text_likelihood(codes: Bytes) -> float:
    """Bits a byte by which the best language table explains `codes` better than their own smoothed histogram."""
    counts = np.bincount(codes, minlength=256).astype(np.float64)
    total = float(counts.sum())
    if total == 0:
        return -8.0
    reach = np.arange(-12, 13)
    kernel = np.exp(-0.5 * (reach / _SMOOTHING_CODES) ** 2)
    smooth = np.convolve(counts + 0.02, kernel / kernel.sum(), mode="same")
    own = float(counts @ np.log2(smooth / smooth.sum()) / total)
    return float((language_tables() @ counts).max() / total) - own


def _is_base64(codes: Bytes) -> bool:
    counts = np.bincount(codes, minlength=256)
    groups = [counts[48:58].sum(), counts[65:91].sum(), counts[97:123].sum()]
    if min(groups) < 0.03 * len(codes):
        return False
    used = counts[_BASE64]
    share = used[used > 0] / len(codes)
    entropy = -float(share @ np.log2(share))
    return entropy > 5.0 and counts[32] == 0


def _is_hex(codes: Bytes) -> bool:
    counts = np.bincount(codes, minlength=256)
    digits, letters = counts[48:58].sum(), counts[65:71].sum() + counts[97:103].sum()
    both_cases = min(counts[65:71].sum(), counts[97:103].sum()) > 0
    return not both_cases and digits > 0.2 * len(codes) and letters > 0.1 * len(codes)


def find_text(codes: Bytes, least: int = MIN_RUN) -> TextRun | None:
    """The longest readable run of at least `least` bytes, or None.

    Source: the ``strings`` idea, with likelihood in the place of a bare count of printable bytes.
    """
    start, end = longest_run(_BASE64[codes])
    if end - start >= least and _is_base64(codes[start:end]):
        return TextRun("base64", start, end)
    start, end = longest_run(_HEX[codes])
    if end - start >= least and _is_hex(codes[start:end]):
        return TextRun("hex", start, end)
    start, end = longest_run(_PRINTABLE[codes])
    if end - start >= least and text_likelihood(codes[start:end]) > MIN_TEXT_BITS:
        return TextRun("text", start, end)
    return None
