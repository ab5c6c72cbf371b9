"""The evidence on real or mock, second by second, by the very functions that judge; and what each byte of the file is.

Where decoding gives back exactly what was encoded each window of about a second is measured, as the examination does
it. Modems are looked for in excerpts of six seconds all along the track; the examination itself takes two of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from udfs.container import walk
from udfs.container.spans import ContainerReport, SpanKind
from udfs.decode import Decoded
from udfs.forensics.modem import EXCERPT_SECONDS, find_modem
from udfs.forensics.signal import Signal, make_signal
from udfs.forensics.sound import judge, measure, without_holds
from udfs.track import Encoding, Track

MOST_EXCERPTS = 16  # each costs some 50 ms
NOTHING_TO_SAY = -10.0  # log-odds that `judge` gives digital silence


@dataclass(frozen=True)
class Odds:
    """Log-odds of being data for stretches of the track: `starts` and `length` in seconds, NaN where it is silent."""

    name: str
    starts: NDArray[np.float64]
    length: float
    values: NDArray[np.float64]


@dataclass(frozen=True)
class ByteRun:
    """Bytes `start` to `end` (exclusive) of a file, of one kind (`udfs.container.spans.SpanKind`)."""

    start: int
    end: int
    kind: str
    name: str


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against data; `lossless` says whether single samples can hold any."""

    lossless: bool
    odds: tuple[Odds, ...]

    @property
    def data_from(self) -> float | None:
        """When the first stretch that looks like data begins, in seconds; None where there is none."""
        found = [one.starts[one.values > 0] for one in self.odds]
        return min((float(starts.min()) for starts in found if len(starts)), default=None)


def weigh(track: Track, decoded: Decoded) -> Evidence:
    """Weigh a decoded track second by second."""
    signal = make_signal(track, walk_bytes(track), decoded)
    odds = [*(_windows(signal) if signal.lossless else ()), _modems(signal)]
    return Evidence(signal.lossless, tuple(one for one in odds if len(one.starts)))


def walk_bytes(track: Track) -> ContainerReport:
    """Say what each byte of a track is; samples without a file are all sound."""
    return walk(track.data) if track.encoding is Encoding.FILE else ContainerReport("raw", "pcm_f32", ())


def byte_runs(report: ContainerReport, size: int) -> list[ByteRun]:
    """List a file's bytes as runs of one kind, neighbours of one kind joined."""
    if not report.spans:
        kind = SpanKind.SOUND if report.container == "raw" else SpanKind.UNEXPLAINED
        return [ByteRun(0, size, kind.value, "samples" if report.container == "raw" else "no audio container")]
    runs: list[ByteRun] = []
    for span in report.spans:
        if runs and runs[-1].kind == span.kind.value and runs[-1].end == span.start:
            runs[-1] = replace(runs[-1], end=span.end)
        else:
            runs.append(ByteRun(span.start, span.end, span.kind.value, span.name))
    return runs


def _windows(signal: Signal) -> list[Odds]:
    sliced, held = without_holds(signal)
    found = []
    for measured in measure(sliced):
        values = judge(measured).copy()
        scale = held / signal.sample_rate
        values[values <= NOTHING_TO_SAY] = np.nan
        starts = np.asarray(measured.starts * scale, np.float64)
        found.append(Odds(f"samples, channel {measured.channel + 1}", starts, measured.length * scale, values))
    return found


def _modems(signal: Signal) -> Odds:
    frames, length = len(signal.values), int(EXCERPT_SECONDS * signal.sample_rate)
    count = min(MOST_EXCERPTS, max(1, frames // length))
    starts = np.linspace(0, max(0, frames - length), count).astype(np.int64)
    values = []
    for start in starts:
        found = find_modem(replace(signal, values=signal.values[start : start + length]), {})
        values.append(found[0].log_odds if found else np.nan)
    return Odds("tones, as modems have", starts / signal.sample_rate, EXCERPT_SECONDS, np.array(values))
