"""Where a FLAC frame really ends: its subframes are read through, without decoding a sample.

Needed where the next header does not tell: at the last frame, and where something was put between frames. The format is
RFC 9639's. Bits are looked at as a string of "0" and "1", because searching that for the end of a unary code is C.
"""

from __future__ import annotations

_BITS = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}


class FrameError(Exception):
    """Not a frame."""


class _Cut(Exception):  # noqa: N818 - not an error: the data ends first
    pass


def frame_end(data: bytes, start: int, body: int, block: int, bits: int, end: int) -> int | None:
    """Where the frame that begins at `start` ends, its checksum included; None when the data ends before it does.

    Parameters
    ----------
    data
        The file.
    start, body
        Where the frame's header begins, and where its first subframe does.
    block
        Samples a channel.
    bits
        Bits of a sample, for frames that leave it to the stream.
    end
        Read no further.

    Raises
    ------
    FrameError
        The bits are no frame.
    """
    assignment = data[start + 3] >> 4
    bits = _BITS.get(data[start + 3] >> 1 & 7, bits)
    widths = [bits] * (assignment + 1) if assignment < 8 else [bits + (assignment == 9), bits + (assignment != 9)]
    reader = _Bits(data[body:end])
    try:
        for width in widths:
            _skip_subframe(reader, block, width)
    except _Cut:
        return None
    finish = body + (reader.at + 7) // 8 + 2
    return finish if finish <= end else None


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._size = 8 * len(data)
        self._bits = bin(int.from_bytes(b"\1" + data, "big"))[3:]
        self.at = 0

    def skip(self, count: int) -> None:
        self.at += count
        if self.at > self._size:
            raise _Cut

    def read(self, count: int) -> int:
        start = self.at
        self.skip(count)
        return int(self._bits[start : self.at], 2)

    def skip_unary(self) -> int:
        start = self.at
        found = self._bits.find("1", start)
        if found < 0:
            raise _Cut
        self.at = found + 1
        return found - start

    def skip_rice(self, count: int, parameter: int) -> None:
        find, at = self._bits.find, self.at
        for _ in range(count):
            at = find("1", at) + 1 + parameter
            if at <= parameter:  # none found
                raise _Cut
        self.at = at
        if at > self._size:
            raise _Cut


def _skip_subframe(reader: _Bits, block: int, bits: int) -> None:
    if reader.read(1):
        raise FrameError("a subframe begins with a 1")
    kind = reader.read(6)
    if reader.read(1):
        bits -= reader.skip_unary() + 1
    if bits < 1:
        raise FrameError("more bits wasted than there are")
    if kind == 0:
        reader.skip(bits)
    elif kind == 1:
        reader.skip(bits * block)
    elif 8 <= kind <= 12:
        reader.skip(bits * (kind - 8))
        _skip_residual(reader, block, kind - 8)
    elif kind >= 32:
        order = kind - 31
        reader.skip(bits * order)
        precision = reader.read(4) + 1
        if precision == 16:
            raise FrameError("reserved precision")
        reader.skip(5 + precision * order)
        _skip_residual(reader, block, order)
    else:
        raise FrameError("reserved kind of subframe")


def _skip_residual(reader: _Bits, block: int, order: int) -> None:
    method = reader.read(2)
    if method > 1:
        raise FrameError("reserved coding of the residual")
    width = 4 + method
    partitions = 1 << reader.read(4)
    if block % partitions or block // partitions < order:
        raise FrameError("partitions that do not fit the block")
    for number in range(partitions):
        count = block // partitions - (order if number == 0 else 0)
        parameter = reader.read(width)
        if parameter == (1 << width) - 1:
            reader.skip(reader.read(5) * count)
        else:
            reader.skip_rice(count, parameter)
