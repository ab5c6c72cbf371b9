"""Are bytes a program, or spread as evenly as encrypted ones?"""

from __future__ import annotations

import re

import numpy as np

SHORT = 1024  # bytes; of fewer nobody can say whether they are noise
_PROGRAM = re.compile(
    rb"\x7fELF[\x01\x02][\x01\x02]\x01|PK\x03\x04|%PDF-|This program (?:cannot|must)|Rar!\x1a|7z\xbc\xaf\x27\x1c"
)


def holds_program(content: bytes) -> bool:
    """Whether an executable, archive or document begins anywhere in the bytes."""
    return _PROGRAM.search(content) is not None or content[:2] == b"MZ"


def is_noise(content: bytes) -> bool:
    """Whether bytes are spread as evenly as those of encrypted or compressed data.

    The entropy of so many random bytes is, on average, 8 - 255 / (2 n ln 2) bits (Miller, 1955); tables of numbers
    have far less, because their high bytes repeat.
    """
    if len(content) < SHORT:
        return False
    counts = np.bincount(np.frombuffer(content, np.uint8), minlength=256)
    shares = counts[counts > 0] / len(content)
    entropy = -float(np.sum(shares * np.log2(shares)))
    return bool(entropy > 8 - 255 / (2 * len(content) * np.log(2)) - 0.1)
