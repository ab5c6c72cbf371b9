"""What is said beside the job, on standard error: one printable line each, whatever strangers' text is in it."""

from __future__ import annotations

import sys
from contextlib import suppress

from streaming.partition_key import printable

MOST_CHARACTERS = 2000


def tell(text: str) -> None:
    """Say something to whoever runs this; when nobody reads it any more, work goes on unsaid."""
    with suppress(OSError):
        sys.stderr.write(f"soundgate: {printable(text)[:MOST_CHARACTERS]}\n")
