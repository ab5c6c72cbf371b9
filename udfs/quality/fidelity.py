"""How much of a recording is left in a copy of it: PESQ and SI-SDR against the recording itself.

Both want the two aligned (`udfs.quality.alignment`). PESQ (ITU-T P.862, in its wide-band form P.862.2) was made for
speech over telephones and says what listeners would; SI-SDR says how much power is something else than the recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from udfs.quality.alignment import RATE, align

Floats = NDArray[np.float32]

PESQ_RATES = {16_000: "wb", 8_000: "nb"}
LONGEST_SECONDS = 30.0  # PESQ's own time alignment was made for sentences, and its memory grows with the length
LEAST_SECONDS = 0.5
NO_PACKAGE = "the package pesq is not installed: make setup builds it where there is a C compiler (docs/quality.md)"


@dataclass(frozen=True, slots=True)
class Pesq:
    """A PESQ score (MOS-LQO, 1.0 to 4.64); where `score` is None, `why` says why it is empty."""

    score: float | None
    mode: str = "wb"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What a copy is worth against the recording, over the stretch that both have.

    Offsets and length are in ms of the sounds compared.
    """

    pesq: Pesq
    si_sdr_db: float
    reference_offset_ms: int
    degraded_offset_ms: int
    compared_ms: int


def compare(
    reference: Floats, reference_rate: int, degraded: Floats, degraded_rate: int, speed: float = 1.0
) -> Fidelity:
    """Align a copy with its recording, mono samples (n,) each, and measure what is left of it.

    Both are compared at 16 kHz; at 8 kHz by PESQ where one of them has a rate under 16 kHz.

    Raises
    ------
    udfs.quality.alignment.NotAlignedError
        Nothing of the one is in the other.
    """
    aligned = align(reference, reference_rate, degraded, degraded_rate, speed)
    rate = RATE if min(reference_rate, degraded_rate) >= RATE else 8_000
    pesq = measure_pesq(resampled(aligned.reference, rate), resampled(aligned.degraded, rate), rate)
    return Fidelity(
        pesq,
        measure_si_sdr(aligned.reference, aligned.degraded),
        aligned.reference_offset_ms,
        aligned.degraded_offset_ms,
        round(len(aligned.reference) * 1000 / RATE),
    )


def resampled(samples: Floats, rate: int) -> Floats:
    """Bring aligned samples to another rate."""
    return samples if rate == RATE else np.asarray(soxr.resample(samples, RATE, rate), np.float32)


def measure_pesq(reference: NDArray[np.floating], degraded: NDArray[np.floating], sample_rate: int) -> Pesq:
    """Ask PESQ what listeners would say of mono samples (n,), aligned, at `sample_rate` Hz.

    At rates under 16 kHz by P.862.1 at 8 kHz, else by P.862.2 at 16 kHz. Of long recordings the first `LONGEST_SECONDS`
    count.
    """
    ask = _load_pesq()
    if ask is None:
        return Pesq(None, why=NO_PACKAGE)
    rate = 16_000 if sample_rate >= 16_000 else 8_000
    mode = PESQ_RATES[rate]
    seconds = min(len(reference), len(degraded)) / sample_rate
    if seconds < LEAST_SECONDS:
        return Pesq(None, mode, f"{seconds:.2f} s is too short for PESQ, which wants {LEAST_SECONDS} s")
    count = int(min(seconds, LONGEST_SECONDS) * sample_rate)
    heard = [np.asarray(soxr.resample(each[:count], sample_rate, rate), np.float32) for each in (reference, degraded)]
    if not all(np.any(each) for each in heard):
        return Pesq(None, mode, "one of the two is silent")
    try:
        score = float(ask(rate, *heard, mode))
    except Exception as error:  # the package raises its own classes, for input that it finds no utterance in
        return Pesq(None, mode, f"PESQ gives no score: {error}")
    return Pesq(score, mode) if math.isfinite(score) else Pesq(None, mode, "PESQ gives no number")


def _load_pesq() -> Any:
    try:
        from pesq import pesq
    except ImportError:
        return None
    return pesq


def measure_si_sdr(reference: NDArray[np.floating], degraded: NDArray[np.floating]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB of mono samples (n,), aligned (Le Roux et al., ICASSP 2019).

    Infinite for a copy that differs by its loudness alone, minus infinite where nothing of the reference is in it.
    """
    count = min(len(reference), len(degraded))
    target, heard = (np.asarray(each[:count], np.float64) - np.mean(each[:count]) for each in (reference, degraded))
    power = float(target @ target)
    if power == 0:
        raise ValueError("the reference is silent")
    scaled = (float(heard @ target) / power) * target
    rest = heard - scaled
    wanted, unwanted = float(scaled @ scaled), float(rest @ rest)
    if wanted == 0:
        return -math.inf
    return math.inf if unwanted <= 1e-15 * wanted else 10 * math.log10(wanted / unwanted)
