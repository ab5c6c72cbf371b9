"""Checksums at the speed of C or NumPy: Ogg's CRC-32, FLAC's CRC-8 of headers and CRC-16 of frames.

CRCs are linear: with a zero start value, crc(a + b) = shift(crc(a), len(b)) xor crc(b), where shift multiplies by
x**(8 * len(b)) modulo the polynomial. `FrameSums` uses this to give the CRC-16 of any stretch of a file for one pass
over it, so that looking for frame boundaries stays linear however often a guess is wrong.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def ogg_crc(page: bytes) -> int:
    """CRC-32 with polynomial 0x04C11DB7, most significant bit first, start 0: zlib's with every bit order turned."""
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")


def is_true_page(page: bytes) -> bool:
    """Whether an Ogg page, header and all, matches the checksum in its bytes 22 to 25."""
    return ogg_crc(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")


def _crc8_table() -> bytes:
    table = bytearray()
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1 ^ 0x07) & 0xFF if byte & 0x80 else byte << 1
        table.append(byte)
    return bytes(table)


_CRC8 = _crc8_table()


def flac_crc8(header: bytes) -> int:
    """CRC-8 with polynomial x^8 + x^2 + x + 1, start 0."""
    crc = 0
    for byte in header:
        crc = _CRC8[crc ^ byte]
    return crc


_POLYNOMIAL = 0x8005
_ORDER = 32767  # x**32767 = 1 modulo FLAC's polynomial (x + 1)(x^15 + x + 1)
_ROW = 64  # bytes of a row of the first pass


def _powers() -> NDArray[np.uint16]:
    """x**n modulo the polynomial, n = 0 .. order - 1."""
    powers = np.empty(_ORDER, np.uint16)
    value = 1
    for n in range(_ORDER):
        powers[n] = value
        value = (value << 1 ^ _POLYNOMIAL) & 0xFFFF if value & 0x8000 else value << 1
    return powers


_POWERS = _powers()


def _shift_table(bits: int) -> NDArray[np.uint16]:
    """Every 16-bit remainder times x**bits: 65,536 entries, so that one look-up shifts a remainder."""
    table = np.zeros(1, np.uint16)
    for bit in range(16):
        table = np.concatenate((table, table ^ _POWERS[(bits + bit) % _ORDER]))
    return table


_SHIFT_WORD = _shift_table(16)


class FrameSums:
    """CRC-16 of stretches of a file.

    Parameters
    ----------
    data
        The file. The pass over it takes about a nanosecond a byte.
    """

    def __init__(self, data: bytes) -> None:
        self._data = np.frombuffer(data, np.uint8)
        rows = len(data) // _ROW
        words = self._data[: rows * _ROW].view(">u2").reshape(rows, _ROW // 2)
        sums = np.zeros(rows, np.uint16)
        for column in range(_ROW // 2):
            sums = _SHIFT_WORD[sums ^ words[:, column]]
        # Sums of rows to sums of everything before a row's end: doubling steps, each with its own shift.
        step = 1
        while step < rows:
            shifted = _shift_table(8 * _ROW * step)[sums[:-step]]
            sums[step:] ^= shifted
            step *= 2
        self._prefix = np.concatenate((np.zeros(1, np.uint16), sums))

    def normalised(self, places: NDArray[np.int64]) -> NDArray[np.uint16]:
        """Remainders of the file up to each place, divided by x**(8 * place).

        Two places have equal values exactly where the stretch between them has the CRC-16 0: where a FLAC frame with
        its checksum begins at one and ends at the other.
        """
        rows, rest = np.divmod(places, _ROW)
        sums = self._prefix[rows]
        table = _shift_table(8)
        padded = np.concatenate((self._data, np.zeros(_ROW, np.uint8)))
        for column in range(int(rest.max(initial=0))):
            active = rest > column
            byte = padded[rows * _ROW + column].astype(np.uint16) << 8
            sums = np.where(active, table[sums ^ byte], sums)
        result = np.zeros(len(places), np.uint16)
        exponents = (-8 * places) % _ORDER
        for bit in range(16):
            has_bit = (sums >> bit & 1).astype(bool)
            result[has_bit] ^= _POWERS[(exponents[has_bit] + bit) % _ORDER]
        return result
