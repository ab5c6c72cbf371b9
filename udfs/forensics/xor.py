"""Undo a repeating XOR: programs hold so many zeros that the key stands in them, byte for byte.

Where zeros stand a key's length apart, so do equal bytes: the length is the shortest distance at which bytes are equal
far more often than elsewhere, and each byte of the key is the commonest of those that lie that distance apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.structure import begins_file

LOOK = 1 << 14  # bytes by which the key is judged
HEAD = 1 << 12  # bytes in which a file's beginning shows; ten keys taken off all of the data took a fifth of the time
LONGEST = 64  # bytes of a key
MIN_EQUAL = 0.04  # share of bytes that equal the one a key's length before; of noise it is 1 in 256
NEARLY = (0.5, 0.85)  # of the best share: multiples of the key's length have it too, and rows of tables have more
MIN_ZEROS = 0.05  # share of the bytes that are zero when the key is taken off
BEGINNINGS = (  # of programs and archives, as far as nearly all have them
    b"\x7fELF\2\1\1" + bytes(9),
    b"\x7fELF\1\1\1" + bytes(9),
    b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0",
    b"PK\3\4\x14\0",
    b"%PDF-1.",
)


def find_keys(data: bytes) -> list[bytes]:
    """Keys that `data` may be under: those that make its commonest bytes zero, or its beginning a program's."""
    codes = np.frombuffer(data[:LOOK], np.uint8)
    if len(codes) < 4 * LONGEST:
        return []
    equal = np.array([np.count_nonzero(codes[lag:] == codes[:-lag]) / (len(codes) - lag) for lag in range(1, LONGEST)])
    best = float(equal.max())
    if best < MIN_EQUAL:
        return []
    lengths = sorted({1 + int(np.argmax(equal >= share * best)) for share in NEARLY})
    keys = [_commonest(codes, length) for length in lengths]
    begun = [undo_xor(data[:length], known) for length in lengths for known in BEGINNINGS if length <= len(known)]
    keys += [key for key in begun if begins_file(undo_xor(data[:HEAD], key))]
    return [key for key in dict.fromkeys(keys) if any(key)]


def _commonest(codes: NDArray[np.uint8], length: int) -> bytes:
    """The commonest byte at each place of `length`; empty where none is common."""
    rows = codes[: len(codes) // length * length].reshape(-1, length)
    counts = [np.bincount(rows[:, column], minlength=256) for column in range(length)]
    key = bytes(int(count.argmax()) for count in counts)
    zeros = sum(int(count.max()) for count in counts) / rows.size
    return key if zeros >= MIN_ZEROS else b""


def undo_xor(data: bytes, key: bytes) -> bytes:
    """`data` with a repeating key taken off."""
    codes = np.frombuffer(data, np.uint8)
    repeated = np.tile(np.frombuffer(key, np.uint8), len(codes) // len(key) + 1)[: len(codes)]
    return (codes ^ repeated).tobytes()
