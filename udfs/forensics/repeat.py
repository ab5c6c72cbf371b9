"""Find the period of data that is the same stretch over and over."""

from __future__ import annotations

KEY = 48  # bytes that must come again
VARIED = 6  # different ones among them; a tile may begin with zeros, which come again everywhere


def repeat_period(data: bytes, start: int = 0) -> int:
    """Length of the tile that `data` from `start` on consists of, or 0 where it is not at least two of them."""
    half = start + (len(data) - start) // 2
    first = next((at for at in range(start, half, KEY) if len(set(data[at : at + KEY])) >= VARIED), half)
    key = data[first : first + KEY]
    if first == half or len(key) < KEY:
        return 0
    at = data.find(key, first + 1)
    while 0 <= at <= half + first - start:
        period = at - first
        if data[start : len(data) - period] == data[start + period :]:
            return period
        at = data.find(key, at + 1)
    return 0
