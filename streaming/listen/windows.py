"""Sound as it comes, cut into windows that overlap by a half; pure.

Windows begin every `HOP_MS` from where the sound began, however it was dealt out to chunks. Where sound is missing the
last window before is shorter, and windows begin anew behind.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from udfs.spectrum import RATE

WINDOW_MS = 12_000  # what an HLS segment or two hold; ten seconds are known in all but the worst noise
HOP_MS = 6_000
LEAST_MS = 3_000  # less says too little
WINDOW, HOP, LEAST = (ms * RATE // 1000 for ms in (WINDOW_MS, HOP_MS, LEAST_MS))

Sound = NDArray[np.float32]


@dataclass
class Windows:
    """Sound that is not in all its windows yet: it begins `start` samples (at `RATE`) after the broadcast did.

    `told` = up to where windows that were given reach, so that a last, shorter one says something new.
    """

    start: int = 0
    told: int = 0
    held: Sound = field(default_factory=lambda: np.empty(0, np.float32))

    @property
    def end_ms(self) -> int:
        """Where the sound that came ends, in ms."""
        return to_ms(self.start + len(self.held))

    def feed(self, mono: Sound) -> Iterator[tuple[int, Sound]]:
        """Take sound in; gives windows that are full, each with its beginning in ms."""
        self.held = np.concatenate([self.held, mono])
        while len(self.held) >= WINDOW:
            yield to_ms(self.start), self.held[:WINDOW]
            self.told = self.start + WINDOW
            self.held = self.held[HOP:]
            self.start += HOP

    def flush(self) -> Iterator[tuple[int, Sound]]:
        """Give what is left as a shorter window; what comes next does not join it."""
        if len(self.held) >= LEAST and self.start + len(self.held) > self.told:
            yield to_ms(self.start), self.held
        self.start += len(self.held)
        self.held = np.empty(0, np.float32)
        self.told = self.start

    def skip(self, milliseconds: int) -> Iterator[tuple[int, Sound]]:
        """Leave a gap; gives what was before it."""
        yield from self.flush()
        self.start += milliseconds * RATE // 1000
        self.told = self.start

    def to_state(self) -> dict[str, object]:
        """Write it down, at 16 bits a sample."""
        samples = np.clip(np.rint(self.held * 32767), -32768, 32767).astype("<i2")
        return {"start": self.start, "told": self.told, "held": base64.b64encode(samples.tobytes()).decode()}

    @classmethod
    def from_state(cls, state: dict[str, object]) -> Windows:
        """Read what `to_state` wrote."""
        samples = np.frombuffer(base64.b64decode(str(state["held"])), "<i2")
        held = samples.astype(np.float32) / np.float32(32767)
        return cls(int(str(state["start"])), int(str(state["told"])), held)


def to_ms(samples: int) -> int:
    """Give samples at `RATE` as milliseconds."""
    return round(samples * 1000 / RATE)


def rounded(mono: Sound) -> Sound:
    """Round sound to what is written down of it, so that it is the same whether a batch ended within it or not."""
    samples = np.clip(np.rint(mono * 32767), -32768, 32767).astype(np.int16)
    return samples.astype(np.float32) / np.float32(32767)
