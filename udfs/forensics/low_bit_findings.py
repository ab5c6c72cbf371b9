"""Steganography in the low bits as findings: what was read out of them, or the floor that replacing them leaves."""

from __future__ import annotations

from udfs.findings import Reason
from udfs.forensics.finding import CERTAIN, Finding
from udfs.forensics.lowbits import DEPTHS, Floor, floor_power, measure_floor, read_payload
from udfs.forensics.signal import Signal
from udfs.forensics.steady_floor import count_stretches, is_amplified

NO_FLOOR = 2 * floor_power(max(DEPTHS))  # a recording that is nowhere quieter has no floor to look for
STEADY_FLOOR = 3.0  # log-odds where two stretches and more have the floor, frequency by frequency
MAX_OFF_LEVEL = 0.04  # of the floor's power; a dozen cells of time and frequency measure it to about 0.03


def find_low_bits(signal: Signal, numbers: dict[str, float]) -> list[Finding]:
    """Payloads in the low bits of integer samples of 16 bits and more."""
    if signal.bits < 16 or signal.companded:
        return []
    found = read_payload(signal.values.reshape(-1))
    if found:
        payload = found.recovered.described(found.data, found.where)
        detail = f"{payload.kind}, {payload.length} bytes, in {found.where}"
        return [Finding(CERTAIN, Reason("stego.low_bits_payload", detail), payload, found.recovered.body(found.data))]
    channels = [signal.values[:, channel] for channel in range(min(2, signal.values.shape[1]))]
    channels = [channel for channel in channels if not is_amplified(channel)]
    if not channels:
        return []
    best = max((measure_floor(channel) for channel in channels), key=log_odds)
    numbers["floor_depth"], numbers["floor_windows"] = best.depth, best.windows
    numbers["floor_sharpness"], numbers["floor_level"] = best.sharpness, best.level
    odds = log_odds(best)
    detail = f"the noise floor is that of {best.depth} replaced bits in {best.windows} windows"
    if odds < STEADY_FLOOR and best.quietest < NO_FLOOR:
        powers = [floor_power(depth) for depth in DEPTHS]
        counts = [count_stretches(channel, powers) for channel in channels]
        stretches, depth = max((count, depth) for found in counts for count, depth in zip(found, DEPTHS, strict=True))
        if stretches:
            odds, detail = STEADY_FLOOR, f"the noise floor is that of {depth} replaced bits in {stretches} stretches"
    return [Finding(odds, Reason("stego.low_bits_floor", detail))]


def log_odds(floor: Floor) -> float:
    """How surely low bits were replaced: a floor at the exact level, sharply, in several windows."""
    if floor.windows < 2 or abs(floor.level - 1) > MAX_OFF_LEVEL:
        return -4.0
    sharpness = (floor.sharpness - 0.64) * 30
    return min(6.0, sharpness, 1.5 * (floor.windows - 1) - 1.0)  # two may lie there by chance
