"""Find the period of data that is the same stretch over and over."""

from __future__ import annotations

KEY = 48  # bytes that must come again


def repeat_period(data: bytes, start: int = 0) -> int:
    """Length of the tile that `data` from `start` on consists of, or 0 where it is not at least two of them."""
    key = data[start : start + KEY]
    if len(key) < KEY or len(set(key)) < 6:
        return 0
    at = data.find(key, start + 1, start + (len(data) - start) // 2 + KEY)
    while at >= 0:
        period = at - start
        if data[start : len(data) - period] == data[at:]:
            return period
        at = data.find(key, at + 1, start + (len(data) - start) // 2 + KEY)
    return 0
