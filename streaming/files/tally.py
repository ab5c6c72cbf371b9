"""What a run over stored files has done: counts, and the files that could not be judged."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MOST_NAMED = 1_000  # files that are named one by one; the rest is counted


@dataclass
class Tally:
    """Counts of one run.

    Attributes
    ----------
    found, found_bytes
        What was listed or announced.
    known
        Of these, versions that have their verdict already.
    judged, judged_bytes
        Files that got their verdict in this run.
    sound_ms
        How long the sound in them is.
    decisions, reasons
        Their verdicts by decision, and how often each ``error.…`` reason was given.
    gone, unreadable
        Locations of files that were not there any more, and of those that the store did not give out.
    own
        Reports and the like that lie beside files, and are not judged.
    stopped
        Whether the run was asked to end before it had seen everything.
    passed
        Events of a queue that ask for nothing, by what they were; ``elsewhere``: objects under no place that was named.
    refused
        Messages of a queue that cannot be used, each time that one came.
    """

    found: int = 0
    found_bytes: int = 0
    known: int = 0
    judged: int = 0
    judged_bytes: int = 0
    sound_ms: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    gone: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    own: int = 0
    stopped: bool = False
    passed: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def complete(self) -> bool:
        """Whether everything found has been judged."""
        return not (self.gone or self.unreadable or self.refused or self.stopped)

    def as_json(self) -> dict[str, Any]:
        """Give the counts as ``--json`` prints them."""
        seconds = time.monotonic() - self.started
        return {
            "found": self.found,
            "found_bytes": self.found_bytes,
            "known": self.known,
            "judged": self.judged,
            "judged_bytes": self.judged_bytes,
            "sound_seconds": round(self.sound_ms / 1000, 3),
            "decisions": dict(sorted(self.decisions.items())),
            "errors": dict(sorted(self.reasons.items())),
            "gone": {"count": len(self.gone), "files": self.gone[:MOST_NAMED]},
            "unreadable": {"count": len(self.unreadable), "files": self.unreadable[:MOST_NAMED]},
            "own": self.own,
            "stopped": self.stopped,
            "passed": dict(sorted(self.passed.items())),
            "refused": self.refused,
            "seconds": round(seconds, 3),
        }

    def in_words(self) -> list[str]:
        """Say it for people, a line each."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        speed = f"{self.judged / seconds:.1f} files/s, {self.sound_ms / 1000 / seconds:.0f} x realtime"
        done = f"{self.judged} judged now ({self.judged_bytes / 1e6:.1f} MB in {seconds:.1f} s: {speed})"
        lines = [
            f"{self.found} files found, {self.known} of them judged before, {done}",
            *(f"{number:8} {decision}" for decision, number in sorted(self.decisions.items())),
            *(f"{number:8} {reason}" for reason, number in sorted(self.reasons.items())),
        ]
        if self.own:
            lines.append(f"{self.own:8} reports beside files, passed over")
        lines += [f"{number:8} events passed over: {what}" for what, number in sorted(self.passed.items())]
        if self.stopped:
            lines.append("stopped as asked: start again for the rest")
        if self.refused:
            lines.append(f"{self.refused:8} messages that cannot be used")
        for what, files in (("gone before it was read", self.gone), ("could not be read", self.unreadable)):
            lines += [f"{what}: {name}" for name in files[:20]]
            lines += [f"… and {len(files) - 20} more"] if len(files) > 20 else []
        return lines
