"""Steganography in the low bits as findings: what was read out of them, or that they were replaced."""

from __future__ import annotations

from udfs.findings import Reason
from udfs.forensics.filled_gaps import find_filled
from udfs.forensics.finding import CERTAIN, Finding
from udfs.forensics.lowbits import read_payload
from udfs.forensics.replaced_bits import DEPTHS, choose, find_replaced
from udfs.forensics.signal import Signal

CHANNELS = 2  # that are measured
CAUTION = 11.0  # log-odds: replaced bits are rare, and the best of many runs of blocks is taken
MOST = 6.0  # log-odds that statistics may give


def find_low_bits(signal: Signal, held: int, numbers: dict[str, float]) -> list[Finding]:
    """Payloads in the low bits of integer samples of 16 bits and more; `held` is for how many frames each was held."""
    if signal.bits < 16 or signal.companded:
        return []
    found = read_payload(signal.values.reshape(-1))
    if found:
        payload = found.recovered.described(found.data, found.where)
        detail = f"{payload.kind}, {payload.length} bytes, in {found.where}"
        return [Finding(CERTAIN, Reason("stego.low_bits_payload", detail), payload, found.recovered.body(found.data))]
    if held > 1:
        return []
    channels = signal.values[:, :CHANNELS]
    filled, told = find_filled(channels)
    others = [depth for depth in DEPTHS if depth not in told]  # of few values, low bits are not independent
    best = choose([run for run in (filled, find_replaced(channels, signal.full_scale, others)) if run])
    if best is None:
        return []
    numbers["replaced_depth"], numbers["replaced_log_likelihood"] = best.depth, best.likelihood
    detail = f"the lowest {best.depth} bits are no part of the sound in {best.blocks} blocks"
    return [Finding(min(MOST, best.likelihood - CAUTION), Reason("stego.low_bits_floor", detail))]
