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


class NoTrackError(Exception):
    """An upload that is decided without judging a track, because its bytes make none.

    Parameters
    ----------
    decision
        What becomes of the upload (`udfs.findings.Decision`).
    code
        A stable reason code (``error.upload_digest``).
    detail
        What happened, for people to read.
    """

    def __init__(self, decision: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.decision = decision
        self.code = code
