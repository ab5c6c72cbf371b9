"""Find the period of data that is the same stretch over and over."""

from __future__ import annotations

KEY = 48  # bytes that must come again
VARIED = 6  # different ones among them; a tile may begin with zeros, which come again everywhere
PLACES = 16  # at which a period is tried before all bytes are compared
MOST_COMPARED = 16  # periods; of one line a million times with a byte changed, each comparison would copy all of it


def repeat_period(data: bytes, start: int = 0) -> int:
    """Length of the tile that `data` from `start` on consists of, or 0 where it is not at least two of them."""
    half = start + (len(data) - start) // 2
    first = next((at for at in range(start, half, KEY) if len(set(data[at : at + KEY])) >= VARIED), half)
    key = data[first : first + KEY]
    if first == half or len(key) < KEY:
        return 0
    at, compared = data.find(key, first + 1), 0
    while 0 <= at <= half + first - start and compared < MOST_COMPARED:
        period = at - first
        if _comes_again(data, start, period):
            compared += 1
            if data[start : len(data) - period] == data[start + period :]:
                return period
        at = data.find(key, at + 1)
    return 0


def _comes_again(data: bytes, start: int, period: int) -> bool:
    """Whether the bytes at a few places spread over `data` from `start` on are those a period later."""
    last = len(data) - period
    places = range(start, last, max(1, (last - start) // PLACES))
    return all(data[at : min(at + KEY, last)] == data[at + period : min(at + KEY, last) + period] for at in places)
