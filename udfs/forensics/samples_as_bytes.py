"""Is the sound a file or a text, written down as samples? Undo each mapping and look at what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from udfs.findings import Payload, Reason
from udfs.forensics.entropy import corrected_entropy
from udfs.forensics.mapping import Reading, pcm_readings, read_samples
from udfs.forensics.payload import Recovered, recognise
from udfs.forensics.repeat import repeat_period
from udfs.forensics.signal import Signal, is_all

CODES = {
    "a": "samples.text",
    "b": "samples.payload",
    "c": "samples.mapped_payload",
    "d": "samples.tiled_payload",
    "e": "samples.symbols",
}
MIN_CONSTANT_FRAMES = 64
WILD = 1e7  # times full scale; sound that fades out may be as quiet as it likes
MIN_WILD_SHARE = 0.02
MOST_SAMPLES = 1 << 25  # that are read as a whole, at some twenty bytes each: of hours, the first part is described
LOOK_FRAMES = 1 << 15  # of a stretch that every reading is tried on; the rest is read once one has found something
MOST = 0.7  # share of the bytes that text must cover to be taken at once
LEAST = 0.1  # and at least, where the bytes were mapped: near silence gives crumbs of anything
READABLE = ("text", "base64", "hex")
LEAST_PRINTABLE = 256  # bytes
PRINTABLE = bytes([9, 10, 13, *range(32, 127)])
WIDTHS, STILL = (2, 3, 4), 1.5  # bytes of a sample; bits that each of a text's has at least
VARIED = 5.0  # bits a byte; a quiet sound beside zero has a high byte that stands still
WRITTEN = ("script", "html", "pem", "rtf", "postscript")  # files that are texts


@dataclass(frozen=True, slots=True)
class Found:
    """A payload, the reason that names its family, and one more where it belongs to two (a text as scaled bytes)."""

    reason: Reason
    payload: Payload | None
    also: Reason | None = None
    body: bytes = b""


def readings(signal: Signal, start: int, end: int, plainly: bool = False) -> Iterator[Reading]:
    """Every way in which frames `start` to `end` may have been bytes, the plainest first, or the plainest alone."""
    if signal.stored and start == 0:
        frame_bytes = max(1, len(signal.stored) // max(1, len(signal.values)))
        yield Reading("the file's own sample bytes", "b", signal.stored[: end * frame_bytes], 0 < signal.bits <= 8)
    part = signal.values[start:end]
    if plainly:
        yield from pcm_readings(part.reshape(-1).astype(np.int32), signal.bits) if signal.bits else ()
        return
    rows = [part.reshape(-1)]
    if part.shape[1] > 1:
        # Channels one after the other, each by itself, and the one reading that both give when they are equal.
        rows += [part.T.reshape(-1), *(part[:, channel] for channel in range(min(2, part.shape[1])))]
    for row in rows:
        for reading in read_samples(row, signal.bits):
            is_mapped = signal.scaled and reading.family == "b"
            yield replace(reading, family="c") if is_mapped else reading


def find_plain_payload(signal: Signal, start: int, end: int) -> Found | None:
    """A payload that is there without undoing more than PCM, where nothing else looks like data."""
    for reading in readings(signal, start, end, plainly=True):
        recovered = _recognise(reading)
        if recovered is not None:
            return _describe(reading, recovered, 1)
    return None


def _recognise(reading: Reading) -> Recovered | None:
    """What a reading shows; of samples of several bytes nothing but printable ones is text, whatever it says."""
    recovered = recognise(reading.data)
    if (
        recovered is not None
        and recovered.kind == "text"
        and not reading.by_value
        and _stands_still(reading, recovered)
    ):
        return None
    if recovered is not None or reading.by_value or reading.family != "b" or len(reading.data) < LEAST_PRINTABLE:
        return recovered
    if reading.data.translate(None, PRINTABLE):
        return None
    varied = corrected_entropy(np.bincount(np.frombuffer(reading.data, np.uint8), minlength=256)) > VARIED
    return Recovered("text", 0, len(reading.data)) if varied else None


def _stands_still(reading: Reading, recovered: Recovered) -> bool:
    """Whether one byte of the samples that give a text hardly moves: a square wave's upper one, and no text's."""
    codes = np.frombuffer(reading.data, np.uint8)[recovered.start : recovered.end]
    columns = (codes[at::width] for width in WIDTHS for at in range(width))
    return min(corrected_entropy(np.bincount(column, minlength=256)) for column in columns) < STILL


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
    best = _best_reading(readings(signal, start, look))
    if best is None:
        return None
    number, reading, recovered = best
    if look < end:
        reading, recovered = _whole(signal, start, end, number, reading, recovered)
    return _describe(reading, recovered, held)


def _best_reading(candidates: Iterator[Reading]) -> tuple[int, Reading, Recovered] | None:
    """The reading (with its number) that shows a file, else the one that shows the longest text.

    The first file ends the search, and so does text over most of the bytes: a wrong mapping still leaves crumbs of
    text, never a file's structure.
    """
    best: tuple[int, Reading, Recovered] | None = None
    longest = 0.0
    for number, reading in enumerate(candidates):
        recovered = _recognise(reading)
        if recovered is None:
            continue
        share = (recovered.end - recovered.start) / len(reading.data)
        if recovered.kind in READABLE and reading.family in "ce" and share < LEAST:
            continue
        # An offset of half the range looks like an XOR of the top bit: the plain reading is the better one.
        if recovered.kind not in (*READABLE, "xor") or (share > MOST and recovered.kind != "xor"):
            return number, reading, recovered
        if share > longest:
            best, longest = (number, reading, recovered), share
    return best


def _whole(
    signal: Signal, start: int, end: int, number: int, reading: Reading, recovered: Recovered
) -> tuple[Reading, Recovered]:
    """The same reading of the whole stretch, where it exists there and shows the same kind; else what was seen."""
    most = max(1, MOST_SAMPLES // signal.values.shape[1])
    for other, whole in enumerate(readings(signal, start, min(end, start + most))):
        if other >= number and whole.how == reading.how:
            again = recognise(whole.data)
            if again is not None and again.kind == recovered.kind:
                return whole, again
        if other > number + 8:
            break
    return reading, recovered


def _describe(reading: Reading, recovered: Recovered, held: int) -> Found:
    how = reading.how + (f", each held for {held} frames" if held > 1 else "")
    families = _families(reading, recovered, held)
    period = repeat_period(reading.data, recovered.start)
    if period:
        recovered = replace(recovered, end=recovered.start + period)
        families, how = ["d", families[0]], f"{how}, every {period} bytes again"
    payload = recovered.described(reading.data, how)
    detail = f"{payload.kind}, {payload.length} bytes, as {how}"
    also = Reason(CODES[families[1]], detail) if len(families) > 1 else None
    return Found(Reason(CODES[families[0]], detail), payload, also, recovered.body(reading.data))


def _families(reading: Reading, recovered: Recovered, held: int) -> list[str]:
    """The family, and the second one of a text whose characters are the samples' values under another mapping too."""
    if held > 1:
        return ["e"]
    if recovered.kind in READABLE or recovered.kind in WRITTEN:
        by_value = {"c": ["a", "c"], "b": ["b", "a"]}
        return by_value.get(reading.family, [reading.family]) if reading.by_value else [reading.family]
    return ["c" if reading.family == "a" else reading.family]  # a file's bytes are no characters


def find_constant(signal: Signal) -> Found | None:
    """A track that never moves from one non-zero value: what is left of text that was clipped at full scale."""
    if len(signal.values) < MIN_CONSTANT_FRAMES:
        return None
    first = signal.values[0]
    if not first.any() or not is_all(signal.values, first):
        return None
    return Found(Reason("samples.full_scale", f"all {len(signal.values)} frames are {first.tolist()}"), None)


def find_wild_floats(signal: Signal) -> Found | None:
    """Floating-point samples of magnitudes that no sound has: what bytes are when they are read as floats."""
    if signal.bits or not signal.values.size:
        return None
    size = np.abs(signal.values[: 1 << 18])
    wild = float(np.mean(size > WILD))
    if wild < MIN_WILD_SHARE:
        return None
    code = "samples.tiled_data" if repeat_period(signal.stored[: 1 << 20]) else "samples.data"
    return Found(Reason(code, f"{wild:.0%} of the float samples have magnitudes that no sound has"), None)
