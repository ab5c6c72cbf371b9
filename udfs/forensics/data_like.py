"""Stretches of samples that are data: read out where some mapping gives a file or text, else told by statistics."""

from __future__ import annotations

import numpy as np

from udfs.findings import Reason
from udfs.forensics.entropy import corrected_entropy
from udfs.forensics.finding import CERTAIN, Finding
from udfs.forensics.repeat import repeat_period
from udfs.forensics.samples_as_bytes import READABLE, Found, find_payload, find_plain_payload, find_wild_floats
from udfs.forensics.signal import Signal
from udfs.forensics.sound import find_stretches, judge_closely
from udfs.forensics.windows import FEATURES, Measured
from udfs.samples import Samples

HEAD_FRAMES = 8192  # read out even where nothing looks like data
SUSPICIOUS_LOG_ODDS = -4.0  # of the worst window, from which on every mapping is tried on the head all the same
BYTE = 8  # bits
NAMED_FRAMES = 1 << 16  # by which a family is named
EVEN = 7.95  # bits a byte, of encrypted and compressed data
MIXED = 7.8  # of those that were mixed together by summing
CLEARLY = 0.05
SYMBOLS, CHARACTERS = 4.1, 6.87  # log2 of 17 levels, and of those from the line feed to the tilde
WHOLE = 0.8  # share of the windows that look like data from which on the whole track does
MAX_STRETCHES = 8
TILED_FRAMES = 200_000  # that have to be the same tile over and over
LEAST_TILED = 8192  # frames: fewer are a few periods of a tone, as tables of waves are
NEARLY, REPEATED = -3.0, 3.0  # log-odds: of 73 genuine files from the first on none repeats exactly, tiled payloads do
FEW = {3: 0.0, 2: 1.0, 1: 3.5}  # log-odds taken from so few windows amid sound: a payload is clear, a transient is not


def find_data_like(sliced: Signal, held: int, measured: list[Measured], numbers: dict[str, float]) -> list[Finding]:
    """Payloads and data-like stretches of a losslessly stored signal.

    Parameters
    ----------
    sliced, held
        The signal without held frames, and for how many each was held (`without_holds`).
    measured
        Windows of the channels of `sliced`.
    numbers
        Where measured numbers are added by name.
    """
    frames = len(sliced.values)
    judged = [judge_closely(sliced, channel) for channel in measured]
    measured, odds = [channel for channel, _ in judged], [of_channel for _, of_channel in judged]
    stretches = [s for m, o in zip(measured, odds, strict=True) for s in find_stretches(m, o, frames)]
    usable = sum(int(m.usable.sum()) for m in measured)
    flagged = sum(s.windows for s in stretches)
    numbers["data_windows"], numbers["windows"] = flagged, usable
    whole = not usable or flagged >= WHOLE * usable
    places = {(0, frames)} if whole else {(s.start, s.end) for s in stretches}
    for start, end in sorted(places, key=lambda place: place[0] - place[1])[:MAX_STRETCHES]:
        found = find_payload(sliced, start, end, held)
        if found:
            whole_track = None if whole or not flagged else find_payload(sliced, 0, frames, held)
            if whole_track and _covers(whole_track, sliced):
                return _findings(whole_track, whole_track.reason)
            partly = not whole and flagged
            reason = Reason("mixture.payload_segment", found.reason.detail) if partly else found.reason
            return _findings(found, reason)
    if not flagged and usable:
        suspicious = max(float(o.max()) for o in odds) > SUSPICIOUS_LOG_ODDS
        head = min(frames, HEAD_FRAMES)
        found = (find_payload if suspicious else find_plain_payload)(sliced, 0, head)
        if not found and not suspicious and _has_few_values(sliced):
            found = _file_only(find_payload(sliced, 0, head))
        if found:
            return _findings(found, found.reason)
    wild = find_wild_floats(sliced)
    if wild:
        return [Finding(CERTAIN, wild.reason)]
    strength = max((_strength(o) for o in odds), default=-10.0)
    numbers["data_log_odds"] = strength
    if NEARLY < strength < REPEATED and frames >= LEAST_TILED:
        period = repeat_period(np.ascontiguousarray(sliced.values[:TILED_FRAMES]).tobytes())
        if period:
            tiled = f"the same {period} bytes over and over, nearly without a sound's marks"
            return [Finding(strength + REPEATED, Reason("samples.tiled_data", tiled))]
    if strength <= 0:
        return []
    name = _name(sliced, measured, odds, held, whole, flagged, usable)
    findings = [Finding(strength, name)]
    if name.code == "samples.data" and sliced.bits == 16 and _byte_entropy(sliced.values) > EVEN:
        detail = "bytes so even may as well be sums or differences of others"
        findings.append(Finding(strength, Reason("samples.mapped_data", detail)))
    return findings


def _covers(found: Found, signal: Signal) -> bool:
    """Whether a payload is as long as the track, or comes again to its end, though parts of it move as sound does."""
    length = found.payload.length if found.payload else 0
    return found.reason.code == "samples.tiled_payload" or length >= WHOLE * signal.values.size


def _has_few_values(signal: Signal) -> bool:
    """Whether samples of more than 8 bits have no more values than differences of bytes have."""
    return signal.bits != BYTE and len(np.unique(signal.values[:HEAD_FRAMES])) < 2 << BYTE


def _file_only(found: Found | None) -> Found | None:
    """What was read out by a file's structure; of few values, crumbs of text and files under an XOR can be made."""
    kind = found.payload.kind if found and found.payload else ""
    return None if kind.startswith((*READABLE, "xor")) else found


def _findings(found: Found, reason: Reason) -> list[Finding]:
    first = Finding(CERTAIN, reason, found.payload, found.body)
    return [first, Finding(CERTAIN - 1, found.also)] if found.also else [first]


def _strength(odds: np.ndarray) -> float:
    """The best three neighbouring windows' mean; a pair, and all the more one alone, has to be clearer."""
    if len(odds) < len(FEW):
        return float(odds.mean())
    return max(float(np.convolve(odds, np.ones(width) / width, "valid").max()) - doubt for width, doubt in FEW.items())


def _name(
    signal: Signal,
    measured: list[Measured],
    odds: list[np.ndarray],
    held: int,
    whole: bool,
    flagged: int,
    usable: int,
) -> Reason:
    """The family that the statistics fit best."""
    detail = f"{flagged} of {usable} windows look like data"
    if not whole:
        return Reason("mixture.data_segment", detail)
    rows = np.concatenate([m.features[o > 0] for m, o in zip(measured, odds, strict=True)])
    levels = float(np.median(rows[:, FEATURES.index("levels_log2")])) if len(rows) else 16.0
    if repeat_period(np.ascontiguousarray(signal.values[:TILED_FRAMES]).tobytes()):
        return Reason("samples.tiled_data", detail)
    if held > 1 or levels <= SYMBOLS or len(np.unique(signal.values[:NAMED_FRAMES])) < 2**SYMBOLS:
        return Reason("samples.symbol_data", detail)
    if levels <= CHARACTERS:
        return Reason("samples.text", f"{detail}, of no more values than characters have")
    if signal.scaled:
        return Reason("samples.mapped_data", detail)
    if signal.companded:
        return Reason("samples.data", detail)
    if (signal.bits > 8 and levels <= 9.1) or (not signal.bits and levels < 16):
        return Reason("samples.mapped_data", detail)
    divergence = float(np.median(rows[:, FEATURES.index("plane_divergence")])) if len(rows) else 0.0
    is_mapped = divergence > 0.5 or (signal.bits == 16 and _is_summed(signal.values))
    return Reason("samples.mapped_data" if is_mapped else "samples.data", detail)


def _is_summed(values: Samples) -> bool:
    """Whether 16-bit samples less the ones before them, or added to those, are bytes with more structure."""
    whole = values[:NAMED_FRAMES].astype(np.int16)
    others = (np.diff(whole, axis=0, prepend=np.int16(0)), np.cumsum(whole, axis=0, dtype=np.int16))
    plain = _byte_entropy(whole)
    return plain > MIXED and min(map(_byte_entropy, others)) < plain - CLEARLY


def _byte_entropy(values: Samples) -> float:
    codes = np.ascontiguousarray(values[:NAMED_FRAMES].astype("<i2")).view(np.uint8).reshape(-1)
    return corrected_entropy(np.bincount(codes, minlength=256))
