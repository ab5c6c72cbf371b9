"""What building an index raises when recordings cannot be taken as asked; the message says which and what to do."""

from __future__ import annotations


class RecordingsError(ValueError):
    """Recordings that cannot be indexed as asked."""


class UnreadableError(RecordingsError):
    """A file that holds no sound that can be read."""
