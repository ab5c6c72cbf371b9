"""Compare a symbol's two halves with each other, and with the next symbol's: the same within, another one across.

A clock's line says that something changes at its beats. That the sound stands still from one beat to the next, and how
much of it is new behind each, is measured here with windows of half a symbol, laid where the halves agree best.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from udfs.forensics.keying import Numbers, hann, part

PLACES = 8  # in a symbol's time at which windows begin
SHARE = 0.42  # of a symbol's time that a window lasts: two of them fit between the edges
MOST_SYMBOLS = 160
LEAST_SYMBOLS = 12
LEAST_SAMPLES = 10  # in a window
LONGEST = 24  # symbols after which a pattern may come again
QUIET = 0.02  # of the usual power: symbols below it are silence
NAMES = ("kept", "kept_10", "new", "new_10", "returns", "quickness")
NOTHING = dict.fromkeys(NAMES, 0.0)


def describe_symbols(sound: NDArray[np.float32], rate: float, clocks: list[float]) -> Numbers:
    """`NAMES` for the one of `clocks`, in symbols a second, whose symbols' halves agree best and change most."""
    found = [_compare(sound, rate / clock) | {"quickness": float(np.log2(clock))} for clock in clocks if clock > 0]
    return max(found, key=lambda one: one["kept"] - one["new"], default=NOTHING)


def _compare(sound: NDArray[np.float32], period: float) -> Numbers:
    size = int(SHARE * period)
    count = min(MOST_SYMBOLS, int((len(sound) - size) / period)) * PLACES
    if size < LEAST_SAMPLES or count < LEAST_SYMBOLS * PLACES:
        return NOTHING
    begin = max(0, (len(sound) - int(count * period / PLACES) - size) // 2)
    starts = begin + np.arange(count) * (period / PLACES)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[starts.astype(np.int64)]
    spectra = scipy.fft.rfft(frames * hann(size), 2 * size, axis=1)
    power = spectra.real**2 + spectra.imag**2
    strength = np.sqrt(np.einsum("ij,ij->i", power, power))
    power /= (strength + QUIET * part(strength, 0.9) + 1e-20)[:, None]
    half = PLACES // 2
    alike = np.einsum("ij,ij->i", power[:-half], power[half:])
    folded = alike[: len(alike) // PLACES * PLACES].reshape(-1, PLACES)
    place = int((folded.mean(axis=0) - np.roll(folded.mean(axis=0), half)).argmax())
    kept, new = folded[:, place], folded[:, (place + half) % PLACES]
    symbols = power[place::PLACES]
    again = [
        float(np.einsum("ij,ij->i", symbols[:-lag], symbols[lag:]).mean())
        for lag in range(1, min(LONGEST, len(symbols)))
    ]
    return {
        "kept": part(kept, 0.5),
        "kept_10": part(kept, 0.1),
        "new": part(new, 0.5),
        "new_10": part(new, 0.1),
        "returns": max(again) - float(np.median(again)),
        "quickness": 0.0,
    }
