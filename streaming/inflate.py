"""Inflating what chunks carry, stopped while it grows past its bound; pure.

v1: each GZIP payload is exactly one gzip member. Legacy: the joined slices are one gzip stream whose content is base64
text of little-endian float32 samples, and its end is the upload's end.
"""

from __future__ import annotations

import binascii
import zlib

from streaming.chunk import Buffer
from streaming.rejections import TEXTS, Code

GZIP_WINDOW = 16 + zlib.MAX_WBITS  # zlib's way to say: with gzip's header and trailer
SAMPLE_BYTES = 4
STEP_BYTES = 1 << 20  # how much a legacy stream may grow before its bound is looked at again


class InflateError(Exception):
    """Data that cannot be inflated; `code` is a stable rejection code."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(f"{TEXTS[code]} {detail}".rstrip())
        self.code = code


def inflate_member(payload: Buffer, max_bytes: int) -> bytes:
    """Inflate a payload that is exactly one gzip member.

    Parameters
    ----------
    payload
        The gzip member.
    max_bytes
        The most bytes that it may inflate to; inflating stops there.

    Raises
    ------
    InflateError
        With the code ``GZIP_CORRUPT``, ``GZIP_TRUNCATED``, ``GZIP_TRAILING`` (a second member included) or
        ``INFLATED_TOO_LARGE``.
    """
    inflater = zlib.decompressobj(GZIP_WINDOW)
    try:
        data = inflater.decompress(payload, max_bytes + 1)
    except zlib.error as error:
        raise InflateError(Code.GZIP_CORRUPT) from error
    if len(data) > max_bytes:
        raise InflateError(Code.INFLATED_TOO_LARGE, f"The bound is {max_bytes} bytes.")
    if not inflater.eof:
        raise InflateError(Code.GZIP_TRUNCATED)
    if inflater.unused_data:
        raise InflateError(Code.GZIP_TRAILING, f"{len(inflater.unused_data)} bytes follow.")
    return data


def may_end_legacy(tail: bytes, max_track_bytes: int) -> bool:
    """Tell cheaply whether a legacy stream can end with these bytes, so that inflating is tried only where it can.

    A gzip stream ends with its content's length, here that of base64 text: a multiple of four, within the bound. True
    for every stream that does end here, and for about one in fifty (at 256 MiB) of those that do not.

    Parameters
    ----------
    tail
        The last 4 bytes of the joined slices, or more.
    max_track_bytes
        The most bytes that the track may have.
    """
    length = int.from_bytes(tail[-4:], "little")
    return len(tail) >= SAMPLE_BYTES and length % 4 == 0 and 0 < length <= text_bytes(max_track_bytes)


def text_bytes(track_bytes: int) -> int:
    """Give the length of the base64 text of so many bytes."""
    return (track_bytes + 2) // 3 * 4


class LegacyInflater:
    """Inflates a legacy upload slice by slice, in order from 0, and knows when the track is complete.

    Parameters
    ----------
    max_track_bytes
        The most bytes of samples that the track may have; inflating stops there.

    Examples
    --------
    >>> inflater = LegacyInflater(max_track_bytes=1 << 20)
    >>> for piece in slices:  # doctest: +SKIP
    ...     inflater.feed(piece)
    >>> inflater.complete and inflater.track()  # doctest: +SKIP
    """

    def __init__(self, max_track_bytes: int) -> None:
        self._max_text = text_bytes(max_track_bytes)
        self._inflater = zlib.decompressobj(GZIP_WINDOW)
        self._text = bytearray()

    @property
    def complete(self) -> bool:
        """Whether the end of the gzip stream has been reached."""
        return self._inflater.eof

    def feed(self, piece: Buffer) -> None:
        """Inflate the next slice.

        Raises
        ------
        InflateError
            With the code ``GZIP_CORRUPT``, ``GZIP_TRAILING`` (bytes behind the stream's end, in this slice or as one
            more slice) or ``INFLATED_TOO_LARGE``.
        """
        if self.complete:
            raise InflateError(Code.GZIP_TRAILING, f"{len(piece)} bytes follow.")
        rest = piece
        try:
            while not self.complete:
                step = self._inflater.decompress(rest, STEP_BYTES)
                self._text += step
                if len(self._text) > self._max_text:
                    raise InflateError(Code.INFLATED_TOO_LARGE, f"The bound is {self._max_text} bytes of text.")
                rest = self._inflater.unconsumed_tail
                if not rest:
                    break
        except zlib.error as error:
            raise InflateError(Code.GZIP_CORRUPT) from error
        if self._inflater.unused_data:
            raise InflateError(Code.GZIP_TRAILING, f"{len(self._inflater.unused_data)} bytes follow.")

    def track(self) -> bytes:
        """Decode the inflated text.

        Returns
        -------
        bytes
            Mono little-endian float32 samples.

        Raises
        ------
        InflateError
            With the code ``GZIP_TRUNCATED`` when the stream has not ended, or ``LEGACY_TEXT`` when its content is not
            base64 of one whole sample or more.
        """
        if not self.complete:
            raise InflateError(Code.GZIP_TRUNCATED)
        try:
            samples = binascii.a2b_base64(self._text, strict_mode=True)
        except (binascii.Error, ValueError) as error:
            raise InflateError(Code.LEGACY_TEXT) from error
        if not samples or len(samples) % SAMPLE_BYTES:
            raise InflateError(Code.LEGACY_TEXT, f"It has {len(samples)} bytes of samples.")
        return samples


def inflate_legacy(pieces: list[Buffer], max_track_bytes: int) -> bytes | None:
    """Inflate a legacy upload's contiguous slices from 0.

    Returns
    -------
    bytes or None
        The track's samples, or None while the gzip stream has not ended.

    Raises
    ------
    InflateError
        As `LegacyInflater` does.
    """
    inflater = LegacyInflater(max_track_bytes)
    for piece in pieces:
        inflater.feed(piece)
    return inflater.track() if inflater.complete else None
