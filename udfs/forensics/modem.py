"""Modem audio: bytes sent as tones. It outlives lossy coding, so every codec is looked at."""

from __future__ import annotations

import numpy as np

from udfs.findings import Reason
from udfs.forensics.finding import Finding
from udfs.forensics.keying import EXCERPT_SECONDS, Keying, Real, analytic_band, find_keying
from udfs.forensics.signal import Signal
from udfs.forensics.tone_grid import ToneGrid, find_dtmf, find_mfsk, find_multitone

MIN_SECONDS = 0.2
NOISE_LIKE = 0.25  # spectral flatness from which on it is noise over the whole band, and not looked at


def find_modem(signal: Signal, numbers: dict[str, float]) -> list[Finding]:
    """Modems in the beginning, the middle and the end of the track."""
    findings = []
    for excerpt in _excerpts(signal):
        if not _tonal(excerpt):
            continue
        band, rate = analytic_band(excerpt, signal.sample_rate)
        findings += [_from_keying(keying) for keying in [find_keying(band, rate)] if keying]
        grids = (find_dtmf(band, rate), find_mfsk(band, rate), find_multitone(band, rate))
        findings += [_from_grid(grid) for grid in grids if grid]
    best = sorted(findings, key=lambda finding: -finding.log_odds)[:1]
    if best:
        numbers["modem_log_odds"] = best[0].log_odds
    return best


def _from_keying(keying: Keying) -> Finding:
    clock = keying.clock
    detail = f"{keying.rate:.0f} symbols a second, {clock.changes} changes keep the clock to {clock.regularity:.2f}"
    return Finding(_keying_odds(keying), Reason(f"modem.{keying.kind}", detail))


def _from_grid(grid: ToneGrid) -> Finding:
    detail = f"{grid.tones} tones, {grid.symbols} symbols, on the grid to {grid.fit:.2f}"
    return Finding(_grid_odds(grid), Reason(f"modem.{grid.kind}", detail))


def _excerpts(signal: Signal) -> list[Real]:
    """The beginning and the middle of the track: the channels' mean, or the louder one where they differ much."""
    frames, length = len(signal.values), int(EXCERPT_SECONDS * signal.sample_rate)
    if frames < MIN_SECONDS * signal.sample_rate:
        return []
    found = []
    for start in (0,) if frames < 1.5 * length else (0, (frames - length) // 2):
        part = signal.values[start : start + length].astype(np.float32) / np.float32(signal.full_scale)
        power = np.einsum("nc,nc->c", part, part) / len(part)
        if power.max() < 1e-7:
            continue
        uneven = part.shape[1] > 1 and power.min() < 0.3 * power.max()
        found.append(part[:, int(power.argmax())] if uneven else part @ np.full(part.shape[1], 1 / part.shape[1]))
    return found


def _tonal(excerpt: Real) -> bool:
    """Whether the spectrum has more shape than noise has."""
    size = 1024
    if len(excerpt) < size:
        return False
    segments = np.lib.stride_tricks.sliding_window_view(excerpt, size)[:: max(size, len(excerpt) // 64)]
    power = (np.abs(np.fft.rfft(segments * np.hanning(size), axis=1)) ** 2).mean(axis=0) + 1e-12
    return float(np.exp(np.log(power).mean()) / power.mean()) < NOISE_LIKE


def _keying_odds(keying: Keying) -> float:
    """A clean two-valued carrier whose changes keep the clock and cannot be foretold."""
    clock = keying.clock
    if clock.regularity < 0.85 or clock.surprise < 1.1 or clock.repetition > 0.8:
        return -5.0
    return min(6.0, 20 * (keying.two_valued - 0.85) + 25 * (clock.regularity - 0.88) + 4 * (clock.surprise - 1.2))


def _grid_odds(grid: ToneGrid) -> float:
    """Tones on the grid, on a clock, in no fixed pattern."""
    if grid.regularity < 0.75 or grid.repetition > 0.8:
        return -5.0
    least_fit = {"dtmf": 0.35, "mfsk": 0.8, "multitone": 0.8}[grid.kind]
    return min(
        6.0, 1.0 + 15 * (grid.fit - least_fit) + 8 * (grid.regularity - 0.85) + min(1.0, (grid.symbols - 24) / 20)
    )
