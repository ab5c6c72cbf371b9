"""Is it sound? The tests in order, the surest first, and one answer from all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from udfs.container.spans import ContainerReport
from udfs.decode import Decoded
from udfs.findings import Content, Examination, Payload, Reason
from udfs.forensics.data_like import find_data_like
from udfs.forensics.finding import CERTAIN, Finding
from udfs.forensics.hidden import describe_upload, find_hidden
from udfs.forensics.low_bit_findings import find_low_bits
from udfs.forensics.mixture import find_mixture
from udfs.forensics.modem import find_modem
from udfs.forensics.samples_as_bytes import find_constant
from udfs.forensics.signal import Signal, make_signal
from udfs.forensics.sound import measure, without_holds
from udfs.reasons import Effect, info
from udfs.track import Encoding, Track

MOCK_LOG_ODDS = 2.0  # from here on it is data
UNDECIDED_LOG_ODDS = 0.7  # from here on a person should look
NOT_WALKED_LOG_ODDS = 1.0  # of a format that plays, but whose bytes no walker accounts for
MOST_NOTES = 8
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
    for found in find_hidden(track, report):
        evidence.add(found.log_odds, found.reason, found.payload)
    if decoded is None and not report.container and track.encoding is Encoding.FILE:
        evidence.add(CERTAIN, payload=describe_upload(track))
    elif not report.container and track.encoding is Encoding.FILE:
        evidence.add(
            NOT_WALKED_LOG_ODDS, Reason("container.not_walked", "it decodes, but not every byte is accounted for")
        )
    if decoded is not None and decoded.samples.size:
        examine_samples(make_signal(track, report, decoded), evidence)
    return conclude(evidence, report, decoded)


def _notes(report: ContainerReport, decoded: Decoded | None) -> list[tuple[str, str]]:
    """Contradictions and damage met on the way: harmless by themselves, worth telling."""
    met = (*report.lies, *(decoded.problems if decoded else ()))
    return [(code, detail) for code, detail in met if info(code).effect is Effect.NOTE][:MOST_NOTES]


def examine_samples(signal: Signal, evidence: Evidence) -> None:
    """All tests of the samples; those for data that needs every bit only where every bit was kept."""
    constant = find_constant(signal)
    if constant:
        evidence.add(CERTAIN, constant.reason)
        return
    for findings in _sample_tests(signal, evidence.numbers):
        for found in findings:
            evidence.add(found.log_odds, found.reason, found.payload)
        if evidence.log_odds >= CERTAIN:
            return


def _sample_tests(signal: Signal, numbers: dict[str, float]) -> Iterator[list[Finding]]:
    """The tests in order, each run only when the next is asked for."""
    if signal.lossless:
        sliced, held = without_holds(signal)
        measured = measure(sliced)
        yield find_data_like(sliced, held, measured, numbers)
        yield find_low_bits(signal, numbers)
    yield find_modem(signal, numbers)
    if signal.lossless and held == 1 and not signal.coarse:
        yield find_mixture(measured, numbers)


def conclude(evidence: Evidence, report: ContainerReport, decoded: Decoded | None) -> Examination:
    """One answer: content by thresholds on the strongest evidence, score by its logistic function."""
    odds = evidence.log_odds
    content = (
        Content.MOCK if odds >= MOCK_LOG_ODDS else Content.UNDECIDED if odds >= UNDECIDED_LOG_ODDS else Content.REAL
    )
    score = 1 / (1 + math.exp(-odds))
    if content is Content.MOCK and any(code == "container.truncated" for code, _ in report.lies):
        evidence.add(UNDECIDED_LOG_ODDS, Reason("container.lying_sizes", "sizes in the header contradict the file"))
    ordered = sorted(evidence.reasons, key=lambda item: -item[0])
    reasons = tuple(reason for _, reason in ordered)
    if content is Content.UNDECIDED:
        reasons = tuple(Reason("undecided." + reason.code.replace(".", "_"), reason.detail) for reason in reasons)
    numbers = {name: float(np.round(value, 6)) for name, value in evidence.numbers.items()}
    reasons += tuple(Reason(code, detail) for code, detail in _notes(report, decoded))
    return Examination(content, round(score, 6), reasons, tuple(evidence.payloads), numbers)
