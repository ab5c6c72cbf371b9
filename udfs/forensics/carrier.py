"""What tells a carrier's modulation apart without its clock: how its powers, its level and its frequency behave.

Squaring a carrier of two phases leaves a tone, the fourth power one of four; a shift in frequency keeps the level; a
shaped pulse leaves its clock in the power; tones on an even grid beat at its step; a guard time repeats the symbol.

Source: cyclostationary detection, as in any textbook on the identification of modulations.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from udfs.forensics.band import Band, Complex, Real, begun
from udfs.forensics.keying import Numbers, hann, part, sharpest, smooth

MOST_SAMPLES = 1 << 15  # that are looked at: three seconds
LEAST_SAMPLES = 1000
LOWEST, HIGHEST = 20.0, 5000.0  # Hz of the power's line
SHORTEST, LONGEST = 0.003, 0.07  # seconds after which a guard time repeats the symbol
STEP = 0.001  # seconds over which frequency and level are compared
FADING = 500  # half steps over which a slow change of level counts as a fade: a quarter of a second
NAMES = (
    *("steady", "squared", "fourth", "beat", "beat_rate", "again", "again_lag"),
    *("level", "dips", "wander_50", "wander_90"),
)


def describe_carrier(band: Band) -> Numbers:
    """`NAMES` of an excerpt's band."""
    signal = begun(band, MOST_SAMPLES)
    if len(signal) < LEAST_SAMPLES:
        return dict.fromkeys(NAMES, 0.0)
    squared = signal * signal
    power = signal.real**2 + signal.imag**2
    beat, beat_rate = _line(power, band.rate)
    again, lag = _repeats(band)
    return {
        "steady": _share(signal),
        "squared": _share(squared),
        "fourth": _share(squared * squared),
        "beat": beat,
        "beat_rate": beat_rate,
        "again": again,
        "again_lag": lag,
        **_movement(signal, power, band.rate),
    }


def _share(signal: Complex) -> float:
    """Share of the power in the sharpest line."""
    spectrum = scipy.fft.fft(signal, scipy.fft.next_fast_len(len(signal)))
    return sharpest(spectrum.real**2 + spectrum.imag**2)[1]


def _line(power: Real, rate: float) -> tuple[float, float]:
    """The sharpest line of the power's spectrum: log2 over the noise around it, and log2 of its rate in Hz."""
    size = scipy.fft.next_fast_len(len(power), real=True)
    spectrum = np.abs(scipy.fft.rfft((power - power.mean()) * hann(len(power)), size))
    first, last = int(LOWEST * size / rate), int(HIGHEST * size / rate)
    stretch = spectrum[first:last]
    best = int(stretch.argmax())
    near = stretch[max(0, best - 400) : best + 400]
    return float(np.log2(stretch[best] / (part(near, 0.5) + 1e-12))), float(np.log2((first + best) * rate / size))


def _repeats(band: Band) -> tuple[float, float]:
    """How far the autocorrelation's highest peak stands out, log2, and log2 of its lag in seconds."""
    again = np.abs(scipy.fft.rfft(band.power, scipy.fft.next_fast_len(2 * len(band.power), real=True)))
    stretch = again[int(SHORTEST * band.rate) : int(LONGEST * band.rate)]
    best = int(stretch.argmax())
    lag = SHORTEST + best / band.rate
    return float(np.log2(stretch[best] / (part(stretch, 0.5) + 1e-12))), float(np.log2(lag))


def _movement(signal: Complex, power: Real, rate: float) -> Numbers:
    """How steady level and frequency are from one `STEP` to the next, where there is sound."""
    width = max(2, int(STEP * rate))
    level = np.sqrt(smooth(power, width // 2)[:: width // 2])
    loud = level >= 0.3 * part(level, 0.9)
    level /= smooth(level, FADING) + 1e-12
    turns = smooth(signal[1:] * np.conj(signal[:-1]), width)[::width]
    frequency = np.angle(turns) * (rate / (2 * np.pi))
    moved = np.abs(np.diff(frequency))
    kept = level[loud]
    return {
        "level": float(kept.std() / (kept.mean() + 1e-12)),
        "dips": part(kept, 0.05) / (part(kept, 0.5) + 1e-12),
        "wander_50": float(np.log2(1 + part(moved, 0.5))),
        "wander_90": float(np.log2(1 + part(moved, 0.9))),
    }
