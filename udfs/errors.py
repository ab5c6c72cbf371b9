"""What a stage raises when a track cannot be judged; the caller turns it into that upload's verdict."""

from __future__ import annotations


class TrackError(Exception):
    """A track that a stage could not work on.

    Parameters
    ----------
    code
        A stable reason code (``error.decode_deadline``).
    detail
        What happened, for people to read.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
