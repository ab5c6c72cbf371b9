"""The numbers by which a modem is told: a few of every excerpt, the others where those leave it open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.forensics.band import Band, begun
from udfs.forensics.carrier import NAMES as CARRIER_NAMES
from udfs.forensics.carrier import describe_carrier
from udfs.forensics.keying import Keying, Numbers, find_keyings, part
from udfs.forensics.symbol_clock import BEATS, MOST_TURNS, NAMES, WINDOWS, describe_clock, describe_turns
from udfs.forensics.symbols import NAMES as SYMBOL_NAMES
from udfs.forensics.symbols import describe_symbols
from udfs.forensics.tone_grid import keypad_share

SAME = 0.03  # two clocks no further apart are one
KINDS = ("fsk", "psk", "ook")
KEYING_NAMES = ("levels", "regularity", "surprise", "repetition", "rate", "many")
FIRST_WINDOW = "middle"
FIRST = ("above", "active", "keypad", *(f"{FIRST_WINDOW}_{name}" for name in NAMES), *CARRIER_NAMES)
FEATURES = (
    *FIRST,
    *(f"{window}_{name}" for window in WINDOWS if window != FIRST_WINDOW for name in NAMES),
    *(f"{how}_{name}" for how in ("fast_phase", "turn") for name in BEATS),
    *SYMBOL_NAMES,
    *(f"{kind}_{name}" for kind in KINDS for name in KEYING_NAMES),
)


def measure_first(band: Band) -> Numbers:
    """`FIRST` of an excerpt's band."""
    envelope = np.abs(band.signal[::4])
    loud = float((envelope > 0.3 * part(envelope, 0.9)).mean())
    numbers = {"above": float(band.above), "active": loud, "keypad": keypad_share(band)}
    return numbers | describe_clock(band.sound, band.rate, FIRST_WINDOW) | describe_carrier(band)


def measure_rest(band: Band, first: Numbers) -> tuple[Numbers, list[Keying]]:
    """What `FEATURES` has beside `FIRST`, and the keyings among it."""
    numbers: Numbers = {}
    for window in WINDOWS:
        if window != FIRST_WINDOW:
            numbers |= describe_clock(band.sound, band.rate, window)
    numbers |= {f"turn_{name}": value for name, value in describe_turns(begun(band, MOST_TURNS), band.rate).items()}
    numbers |= describe_symbols(band.sound, band.rate, _clocks(first | numbers))
    keyings = find_keyings(band.signal, band.rate)
    for kind in KINDS:
        numbers |= {f"{kind}_{name}": value for name, value in _describe_keying(keyings.get(kind)).items()}
    return numbers, list(keyings.values())


def row(numbers: Numbers, names: tuple[str, ...]) -> NDArray[np.float64]:
    """`numbers` as an ensemble's row, shape (1, names); what could not be measured is 0."""
    found = np.array([[numbers.get(name, 0.0) for name in names]], np.float64)
    return np.asarray(np.nan_to_num(found, nan=0.0, posinf=99.0, neginf=-99.0))


def _clocks(numbers: Numbers) -> list[float]:
    """The clock of the sharpest line, and that of the phases where it is another one; symbols a second."""
    sharpest = max(WINDOWS, key=lambda window: numbers.get(f"{window}_line", 0.0))
    found = [float(2 ** numbers.get(f"{name}_rate", 0.0)) for name in (sharpest, "fast_phase")]
    return found if abs(found[1] / found[0] - 1) > SAME else found[:1]


def _describe_keying(found: Keying | None) -> Numbers:
    if found is None:
        return {"repetition": 1.0}
    clock = found.clock
    return {
        "levels": found.two_valued,
        "regularity": clock.regularity,
        "surprise": clock.surprise,
        "repetition": clock.repetition,
        "rate": float(np.log2(found.rate)),
        "many": float(np.log2(clock.changes)),
    }
