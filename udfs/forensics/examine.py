"""Is it sound? The tests in order, the surest first, and one answer from all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from udfs.container.spans import ContainerReport
from udfs.decode import Decoded
from udfs.findings import Content, Examination, Payload, Reason
from udfs.forensics.data_like import find_data_like
from udfs.forensics.hidden import find_hidden
from udfs.forensics.low_bit_findings import find_low_bits
from udfs.forensics.samples_as_bytes import find_constant
from udfs.forensics.signal import Signal, make_signal
from udfs.track import Track

CERTAIN = 8.0  # log-odds of what was read out byte for byte
MOCK_LOG_ODDS = 2.0  # from here on it is data
UNDECIDED_LOG_ODDS = 0.0  # from here on a person should look
SOUND_LOG_ODDS = -6.0  # of a track about which no test says anything


@dataclass
class Evidence:
    """What the tests found so far; `log_odds` is the strongest single test's, never a sum of what depends on it."""

    log_odds: float = SOUND_LOG_ODDS
    reasons: list[tuple[float, Reason]] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)

    def add(self, log_odds: float, reason: Reason | None = None, payload: Payload | None = None) -> None:
        """Take in one test's answer; a reason is kept only where it speaks for data."""
        self.log_odds = max(self.log_odds, log_odds)
        if reason is not None and log_odds >= UNDECIDED_LOG_ODDS:
            self.reasons.append((log_odds, reason))
        if payload is not None:
            self.payloads.append(payload)


def examine(track: Track, report: ContainerReport, decoded: Decoded | None) -> Examination:
    """Examine one track.

    Parameters
    ----------
    track
        The upload.
    report
        What a walker says each of its bytes is.
    decoded
        Its samples, or None where decoding failed.

    Returns
    -------
    Examination
        Content, calibrated score, reasons with the weightiest first, and descriptions of what was recovered.
    """
    evidence = Evidence()
    for reason, payload in find_hidden(track, report):
        evidence.add(CERTAIN, reason, payload)
    if decoded is not None and decoded.samples.size:
        examine_samples(make_signal(track, report, decoded), evidence)
    return conclude(evidence)


def examine_samples(signal: Signal, evidence: Evidence) -> None:
    """All tests of the samples; those for data that needs every bit only where every bit was kept."""
    constant = find_constant(signal)
    if constant:
        evidence.add(CERTAIN, constant.reason)
        return
    if not signal.lossless:
        return
    for found in find_data_like(signal, evidence.numbers):
        evidence.add(found.log_odds, found.reason, found.payload)
    if evidence.log_odds < MOCK_LOG_ODDS:
        for found in find_low_bits(signal, evidence.numbers):
            evidence.add(found.log_odds, found.reason, found.payload)


def conclude(evidence: Evidence) -> Examination:
    """One answer: content by thresholds on the strongest evidence, score by its logistic function."""
    odds = evidence.log_odds
    content = (
        Content.MOCK if odds >= MOCK_LOG_ODDS else Content.UNDECIDED if odds >= UNDECIDED_LOG_ODDS else Content.REAL
    )
    score = 1 / (1 + math.exp(-odds))
    ordered = sorted(evidence.reasons, key=lambda item: -item[0])
    reasons = tuple(reason for _, reason in ordered)
    if content is Content.UNDECIDED:
        reasons = tuple(Reason("undecided." + reason.code.replace(".", "_"), reason.detail) for reason in reasons)
    numbers = {name: float(np.round(value, 6)) for name, value in evidence.numbers.items()}
    return Examination(content, round(score, 6), reasons, tuple(evidence.payloads), numbers)
