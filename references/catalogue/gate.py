"""Nothing enters the catalogue unjudged: a recording passes the same gate as an upload, without an index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from udfs.classify import Classifier
from udfs.decode import Decoded
from udfs.findings import Decision
from udfs.sandbox import SandboxedDecoder
from udfs.track import Track

LENGTH_SLACK = 0.02  # of what the source says: encoders pad
LENGTH_SLACK_MS = 1000


@dataclass(frozen=True)
class Judged:
    """What a file is; `problem` is "" where it can be a reference."""

    content_sha256: str
    bytes: int
    duration_ms: int = 0
    quality: str = ""
    problem: str = ""


class Gate:
    """Judges files; decodes them in a process of its own, for some come from strangers."""

    def __init__(self) -> None:
        self._decoder = SandboxedDecoder()
        self._classifier = Classifier(self._decoder, None)

    def judge(self, path: Path, expected_ms: int | None = None) -> Judged:
        """Judge a file, which should last `expected_ms` if that is known."""
        track = Track.from_file(path)
        verdict, decoded = self._classifier.judge(track)
        codes = ", ".join(reason.code for reason in verdict.reasons)
        judged = Judged(track.sha256, len(track.data), quality=verdict.quality.grade.value if verdict.quality else "")
        if decoded is None:
            return Judged(track.sha256, len(track.data), problem=f"it cannot be decoded ({codes})")
        problem = ""
        if verdict.decision is Decision.REJECT:
            problem = f"it is no sound that is stored ({codes})"
        elif expected_ms is not None:
            problem = check_length(decoded, expected_ms)
        return Judged(judged.content_sha256, judged.bytes, decoded.facts.duration_ms, judged.quality, problem)

    def close(self) -> None:
        """End the decoder's process."""
        self._decoder.close()


def check_length(decoded: Decoded, expected_ms: int) -> str:
    """Compare how long a recording is with what its source says; a file that was cut is shorter."""
    found = decoded.facts.duration_ms
    if abs(found - expected_ms) <= max(LENGTH_SLACK_MS, LENGTH_SLACK * expected_ms):
        return ""
    return f"it lasts {found / 1000:.1f} s, and its source says {expected_ms / 1000:.1f} s: was it cut?"
