"""Is the sound a file or a text, written down as samples? Undo each mapping and look at what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from udfs.findings import Payload, Reason
from udfs.forensics.mapping import Reading, read_samples
from udfs.forensics.payload import Recovered, recognise
from udfs.forensics.signal import Signal

CODES = {"a": "samples.text", "b": "samples.payload", "c": "samples.mapped_payload", "e": "samples.symbols"}
MIN_CONSTANT_FRAMES = 64
LOOK_FRAMES = 1 << 15  # of a stretch that every reading is tried on; the rest is read once one has found something
READABLE = ("text", "base64", "hex")


@dataclass(frozen=True, slots=True)
class Found:
    """A payload and the reason that names its family."""

    reason: Reason
    payload: Payload | None


def readings(signal: Signal, start: int, end: int) -> Iterator[Reading]:
    """Every way in which frames `start` to `end` may have been bytes, the plainest first."""
    if signal.stored and start == 0:
        frame_bytes = max(1, len(signal.stored) // max(1, len(signal.values)))
        yield Reading("the file's own sample bytes", "b", signal.stored[: end * frame_bytes])
    part = signal.values[start:end]
    yield from read_samples(part.reshape(-1), signal.bits)
    if part.shape[1] > 1:
        # Channels one after the other, each by itself, and the one reading that both give when they are equal.
        yield from read_samples(part.T.reshape(-1), signal.bits)
        for channel in range(min(2, part.shape[1])):
            yield from read_samples(part[:, channel], signal.bits)


def find_payload(signal: Signal, start: int, end: int, held: int = 1) -> Found | None:
    """The first payload that any reading of a stretch shows, or None.

    Parameters
    ----------
    start, end
        Frames of the stretch, end exclusive.
    held
        Frames for which each sample was held before `signal` was made of it.
    """
    look = min(end, start + LOOK_FRAMES)
    for number, reading in enumerate(readings(signal, start, look)):
        recovered = recognise(reading.data)
        if recovered is None:
            continue
        if look < end:
            reading, recovered = _whole(signal, start, end, number, reading, recovered)
        return _describe(reading, recovered, held)
    return None


def _whole(
    signal: Signal, start: int, end: int, number: int, reading: Reading, recovered: Recovered
) -> tuple[Reading, Recovered]:
    """The same reading of the whole stretch, where it exists there and shows the same kind; else what was seen."""
    for other, whole in enumerate(readings(signal, start, end)):
        if other >= number and whole.how == reading.how:
            again = recognise(whole.data)
            if again is not None and again.kind == recovered.kind:
                return whole, again
        if other > number + 8:
            break
    return reading, recovered


def _describe(reading: Reading, recovered: Recovered, held: int) -> Found:
    how = reading.how + (f", each held for {held} frames" if held > 1 else "")
    payload = recovered.described(reading.data, how)
    family = "e" if held > 1 else "a" if reading.family == "c" and recovered.kind in READABLE else reading.family
    return Found(Reason(CODES[family], f"{payload.kind}, {payload.length} bytes, as {how}"), payload)


def find_constant(signal: Signal) -> Found | None:
    """A track that never moves from one non-zero value: what is left of text that was clipped at full scale."""
    if len(signal.values) < MIN_CONSTANT_FRAMES:
        return None
    first = signal.values[0]
    if not first.any() or not bool(np.all(signal.values == first)):
        return None
    return Found(Reason("samples.full_scale", f"all {len(signal.values)} frames are {first.tolist()}"), None)
