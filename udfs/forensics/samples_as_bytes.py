"""Is the sound a file or a text, written down as samples? Undo each mapping and look at what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from udfs.findings import Payload, Reason
from udfs.forensics.mapping import Reading, lattice_readings, pcm_readings
from udfs.forensics.payload import recognise
from udfs.forensics.signal import Signal

CODES = {"a": "samples.text", "b": "samples.payload", "c": "samples.mapped_payload"}
MIN_CONSTANT_FRAMES = 64


@dataclass(frozen=True, slots=True)
class Found:
    """A payload and the reason that names its family."""

    reason: Reason
    payload: Payload | None


def readings(signal: Signal) -> Iterator[Reading]:
    """Every way in which the samples may have been bytes, the plainest first."""
    if signal.stored:
        yield Reading("the file's own sample bytes", "b", signal.stored)
    interleaved = signal.values.reshape(-1)
    yield from lattice_readings(interleaved.astype(np.float64), signal.quantum)
    if signal.bits:
        yield from pcm_readings(interleaved.astype(np.int32, copy=False), signal.bits)


def find_payload(signal: Signal) -> Found | None:
    """The first payload that any reading shows, or None."""
    if not signal.lossless:
        return None
    for reading in readings(signal):
        recovered = recognise(reading.data)
        if recovered is None:
            continue
        payload = recovered.described(reading.data, reading.how)
        readable = recovered.kind in ("text", "base64", "hex")
        family = "a" if reading.family == "c" and readable else reading.family
        detail = f"{payload.kind}, {payload.length} bytes, as {reading.how}"
        return Found(Reason(CODES[family], detail), payload)
    return None


def find_constant(signal: Signal) -> Found | None:
    """A track that never moves from one non-zero value: what is left of text that was clipped at full scale."""
    first = signal.values[0] if len(signal.values) >= MIN_CONSTANT_FRAMES else None
    if first is None or not first.any() or not (signal.values == first).all():
        return None
    return Found(Reason("samples.full_scale", f"all {len(signal.values)} frames are {first.tolist()}"), None)
