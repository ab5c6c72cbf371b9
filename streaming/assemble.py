"""Pieces of a whole upload -> the track's bytes, inflated and checked. Pure but for what it reads through.

The rebuild says which pieces make a track (`Recipe`); they are joined where the track is judged, so that its bytes are
in one process only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from streaming.chunk import Buffer, Compression, Format
from streaming.inflate import InflateError, inflate_legacy, inflate_member
from streaming.rejections import Code
from streaming.spool import Piece
from udfs.errors import NoTrackError

ReadPieces = Callable[[Sequence[Piece]], list[Buffer]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes a track: its pieces in order, how they join, and what was announced of it."""

    pieces: tuple[Piece, ...]
    format: str
    compression: str
    track_bytes: int | None = None
    track_sha256: str | None = None

    def to_text(self) -> str:
        """Write it as JSON; a file's name is there once, however many pieces it holds."""
        files = list(dict.fromkeys(piece.file for piece in self.pieces))
        number = {file: index for index, file in enumerate(files)}
        pieces = [(number[piece.file], piece.start, piece.length) for piece in self.pieces]
        told = [files, pieces, self.format, self.compression, self.track_bytes, self.track_sha256]
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Recipe:
        """Read what `to_text` wrote."""
        files, pieces, *told = json.loads(text)
        return cls(tuple(Piece(files[number], start, length) for number, start, length in pieces), *told)


@dataclass(frozen=True)
class Assembler:
    """Makes tracks from recipes' texts; small, and pickled to the workers.

    Parameters
    ----------
    read
        Reads pieces.
    max_bytes
        The most bytes that a track may have after inflating.
    """

    read: ReadPieces
    max_bytes: int

    def __call__(self, recipe: str) -> bytes:
        """Give the track's bytes; raises `NoTrackError` as `assemble` does."""
        return assemble(Recipe.from_text(recipe), self.read, self.max_bytes)


def assemble(recipe: Recipe, read: ReadPieces, max_bytes: int) -> bytes:
    """Read an upload's pieces and join them.

    Raises
    ------
    NoTrackError
        The pieces do not make the track that was announced, or are lost.
    """
    track = read_and_join(recipe, read, max_bytes)
    if track is None:
        raise NoTrackError("review", "error.upload_corrupt", "the gzip stream does not end")
    return track


def read_and_join(recipe: Recipe, read: ReadPieces, max_bytes: int) -> bytes | None:
    """Read an upload's pieces and join them, as far as they go: as `join`, whose answer this gives.

    Raises
    ------
    NoTrackError
        As `join`, and when the pieces are lost.
    """
    try:
        payloads = read(recipe.pieces)
    except FileNotFoundError as error:
        raise NoTrackError("review", "error.upload_lost", f"its bytes are not in the spool: {error}") from error
    return join(recipe, payloads, max_bytes)


def join(recipe: Recipe, payloads: Sequence[Buffer], max_bytes: int) -> bytes | None:
    """Join payloads to the track, inflating and checking.

    Returns
    -------
    bytes or None
        The track; None for a legacy upload whose stream has not ended.

    Raises
    ------
    NoTrackError
        The payloads do not make the track that was announced.
    """
    try:
        if recipe.format == Format.LEGACY:
            return inflate_legacy(list(payloads), max_bytes)
        track = _inflate(payloads, max_bytes) if recipe.compression == Compression.GZIP else b"".join(payloads)
    except InflateError as error:
        if error.code is Code.INFLATED_TOO_LARGE:
            raise NoTrackError("reject", "upload.too_large", str(error)) from error
        raise NoTrackError("review", "error.upload_corrupt", str(error)) from error
    if recipe.track_bytes is not None and len(track) != recipe.track_bytes:
        detail = f"{len(track)} bytes, {recipe.track_bytes} were announced"
        raise NoTrackError("review", "error.upload_length", detail)
    if recipe.track_sha256 is not None and hashlib.sha256(track).hexdigest() != recipe.track_sha256:
        raise NoTrackError("review", "error.upload_digest", "the track's SHA-256 is not the one that was announced")
    return track


def _inflate(payloads: Iterable[Buffer], max_bytes: int) -> bytes:
    track = bytearray()
    for payload in payloads:
        track += inflate_member(payload, max_bytes - len(track))
    return bytes(track)
