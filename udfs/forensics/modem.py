"""Modem audio: bytes sent as tones. It outlives lossy coding, so every codec is looked at.

A small tree ensemble weighs what `modem_numbers` measures of an excerpt; another one says after the first of those
numbers whether the others are worth measuring. Which kind of modem it is, the detector of a kind that fits best says.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from udfs.findings import Reason
from udfs.forensics.band import Band, Real, take_band
from udfs.forensics.finding import Finding
from udfs.forensics.keying import Keying, Numbers
from udfs.forensics.model import TreeEnsemble, load_model, modem_model
from udfs.forensics.modem_numbers import FEATURES, FIRST, measure_first, measure_rest, row
from udfs.forensics.signal import Signal
from udfs.forensics.symbol_clock import WINDOWS
from udfs.forensics.tone_grid import ToneGrid, find_dtmf, find_mfsk, find_multitone

EXCERPT_SECONDS = 6.0
MIN_SECONDS = 0.2
MOST_POWER = 1e30  # of floats that are no samples
NOISE_LIKE = 0.8  # spectral flatness from which on it is noise over the whole band, and not looked at
CAUTION = 2.2  # log-odds: modems are rare among uploads, and tunes of pure tones, as games have them, are near to them
DATA, NAMED = 2.0, 0.7  # log-odds: what is data by its windows is named by the carrier that it switches, no more
KEYED = 0.8  # how two-valued and regular that is
HOPELESS = -3.0  # log-odds by the first numbers under which the others are not measured
SUSPICIOUS = -1.0  # log-odds from which on the kinds of modem are told apart
QUICK_LINE = 4.0  # log2 over the noise, of symbols shorter than any spectrum's window
QUICK_RATE = 40.0  # symbols a second; Morse is slower
PURE, CLEAR_LINE = 0.75, 3.4  # share of the power in a few tones; log2 of a clock's line over the noise


def find_modem(signal: Signal, numbers: dict[str, float]) -> list[Finding]:
    """Modems in the beginning and the middle of the track."""
    findings: list[Finding] = []
    keyed: list[Keying] = []
    for excerpt in cut_excerpts(signal):
        band = take_band(excerpt, signal.sample_rate)
        number = measure_first(band)
        at_first = float(first_model().log_odds(row(number, FIRST))[0])
        if at_first < HOPELESS and numbers.get("data_log_odds", 0.0) <= DATA:
            findings.append(Finding(at_first - CAUTION, Reason("modem.fsk", "nothing in it keeps time")))
            continue
        rest, keyings = measure_rest(band, number)
        findings.append(_judge(band, row(number | rest, FEATURES), keyings))
        keyed += [keying for keying in keyings if keying.kind == "ook" and _is_keyed(keying)]
    best = sorted(findings, key=lambda finding: -finding.log_odds)[:1]
    if best:
        numbers["modem_log_odds"] = best[0].log_odds
    told = any(finding.log_odds >= NAMED and finding.reason.code == "modem.ook" for finding in best)
    if keyed and not told and numbers.get("data_log_odds", 0.0) > DATA:
        return [*best, Finding(NAMED, _from_keying(keyed[0]).reason)]
    return best


@cache
def first_model() -> TreeEnsemble:
    """The ensemble over `FIRST`: what it gives little for need not be measured further."""
    return TreeEnsemble.from_json(load_model()["modem"]["first"])


def _judge(band: Band, measured: NDArray[np.float64], keyings: list[Keying]) -> Finding:
    odds = float(modem_model().log_odds(measured)[0]) - CAUTION
    number = dict(zip(FEATURES, measured[0].tolist(), strict=True))
    kinds = [*map(_from_keying, keyings), _from_turns(number)]
    if max([odds, *(finding.log_odds for finding in kinds)]) > SUSPICIOUS or _keeps_time(number):
        grids = (find_dtmf(band), find_mfsk(band.signal, band.rate), find_multitone(band.signal, band.rate))
        kinds += [_from_grid(grid) for grid in grids if grid]
    best = max(kinds, key=lambda finding: finding.log_odds)
    if best.log_odds > 0:
        return Finding(max(odds, best.log_odds), best.reason)
    return Finding(odds, Reason(f"modem.{_likeliest(number)}", "pure tones change together on a clock of milliseconds"))


def _keeps_time(number: Numbers) -> bool:
    """Whether pure tones change on any clock so clearly that it is worth looking for a grid of tones."""
    return bool(number["fast_pure_50"] > PURE and max(number[f"{window}_line"] for window in WINDOWS) > CLEAR_LINE)


def _likeliest(number: Numbers) -> str:
    """The kind that the numbers fit best where no detector of a kind is sure."""
    if number["keypad"] > 0.5:
        return "dtmf"
    if number["slow_spread"] < 1.0 and number["fast_silent"] > 0.15:
        return "ook"
    if number["slow_spread"] < 1.0:
        return "psk"
    if number["slow_spread"] < 2.0 and number["fsk_levels"] > 0.7:
        return "fsk"
    return "mfsk" if number["slow_pure_50"] > 0.9 else "multitone"


def cut_excerpts(signal: Signal) -> list[Real]:
    """The beginning and the middle of the track as far as they have tones.

    The channels' mean, or the louder one where they differ much; at full scale.
    """
    frames, length = len(signal.values), int(EXCERPT_SECONDS * signal.sample_rate)
    if frames < MIN_SECONDS * signal.sample_rate:
        return []
    found = []
    for start in (0,) if frames < 2 * length else (0, (frames - length) // 2):
        part = signal.values[start : start + length].astype(np.float32) / np.float32(signal.full_scale)
        power = np.einsum("nc,nc->c", part, part) / len(part)
        if not 1e-7 < power.max() < MOST_POWER:
            continue
        uneven = part.shape[1] > 1 and power.min() < 0.3 * power.max()
        mono = part[:, int(power.argmax())] if uneven else part @ np.full(part.shape[1], 1 / part.shape[1], np.float32)
        if _tonal(mono):
            found.append(mono / np.abs(mono).max())  # fourth powers of it must neither vanish nor overflow
    return found


def _tonal(excerpt: Real) -> bool:
    """Whether the spectrum has more shape than noise has."""
    size = 1024
    if len(excerpt) < size:
        return False
    segments = np.lib.stride_tricks.sliding_window_view(excerpt, size)[:: max(size, len(excerpt) // 64)]
    power = (np.abs(np.fft.rfft(segments * np.hanning(size), axis=1)) ** 2).mean(axis=0) + 1e-12
    return float(np.exp(np.log(power).mean()) / power.mean()) < NOISE_LIKE


def _from_keying(keying: Keying) -> Finding:
    clock = keying.clock
    detail = f"{keying.rate:.0f} symbols a second, {clock.changes} changes keep the clock to {clock.regularity:.2f}"
    return Finding(_keying_odds(keying), Reason(f"modem.{keying.kind}", detail))


def _from_turns(number: Numbers) -> Finding:
    one_tone = number["slow_spread"] < 1.0
    detail = f"{2 ** number['turn_rate']:.0f} symbols a second, each a tone that holds still, keep the clock"
    return Finding(_turns_odds(number), Reason(f"modem.{'psk' if one_tone else 'fsk'}", detail))


def _from_grid(grid: ToneGrid) -> Finding:
    detail = f"{grid.tones} tones, {grid.symbols} symbols, on the grid to {grid.fit:.2f}"
    return Finding(_grid_odds(grid), Reason(f"modem.{grid.kind}", detail))


def _keying_odds(keying: Keying) -> float:
    """A clean two-valued carrier whose changes keep the clock and cannot be foretold."""
    clock = keying.clock
    if clock.regularity < 0.85 or clock.surprise < 1.1 or clock.repetition > 0.8:
        return -5.0
    return min(6.0, 20 * (keying.two_valued - 0.85) + 25 * (clock.regularity - 0.88) + 4 * (clock.surprise - 1.2))


def _is_keyed(keying: Keying) -> bool:
    return keying.two_valued > KEYED and keying.clock.regularity > KEYED


def _turns_odds(number: Numbers) -> float:
    """A tone that turns at the clock's beats, in some as in none, and holds still between them; no pattern in which."""
    foretold = number["turn_repeats"] > 0.6 or not 0.04 < number["turn_changed"] < 0.7
    if number["turn_line"] < QUICK_LINE or 2 ** number["turn_rate"] < QUICK_RATE or foretold:
        return -5.0
    return min(6.0, 2.0 + 30 * (number["turn_split"] - 0.93) + 20 * (number["turn_still"] - 0.93))


def _grid_odds(grid: ToneGrid) -> float:
    """Tones on the grid, on a clock, in no fixed pattern."""
    if grid.regularity < 0.75 or grid.repetition > 0.8:
        return -5.0
    least_fit = {"dtmf": 0.35, "mfsk": 0.8, "multitone": 0.8}[grid.kind]
    return min(
        6.0, 1.0 + 15 * (grid.fit - least_fit) + 8 * (grid.regularity - 0.85) + min(1.0, (grid.symbols - 24) / 20)
    )
