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
from udfs.forensics.float_bits import find_float_bits
from udfs.forensics.hidden import describe_upload, find_hidden
from udfs.forensics.low_bit_findings import find_low_bits
from udfs.forensics.mixture import find_mixture
from udfs.forensics.modem import find_modem
from udfs.forensics.samples_as_bytes import find_constant
from udfs.forensics.signal import Signal, make_signal, without_gain
from udfs.forensics.sound import measure, without_holds
from udfs.reasons import Effect, info
from udfs.track import Encoding, Track

MOCK_LOG_ODDS = 2.0  # from here on it is data
UNDECIDED_LOG_ODDS = 0.7  # from here on a person should look
NOT_WALKED_LOG_ODDS = 1.0  # of a format that plays, but whose bytes no walker accounts for
SCRAP_LOG_ODDS = 1.0  # of a file cut so short that nothing of what is left can be judged
SCRAP_SECONDS = 0.1  # of sound; data under a header that promises more passed for a download cut short
MOST_NOTES = 8
SOUND_LOG_ODDS = -6.0  # of a track about which no test says anything


@dataclass
class Evidence:
    """What the tests found so far; `log_odds` is the strongest single test's, never a sum of what depends on it."""

    log_odds: float = SOUND_LOG_ODDS
    reasons: list[tuple[float, Reason]] = field(default_factory=list)
    payloads: list[tuple[Payload, bytes]] = field(default_factory=list)
    numbers: dict[str, float] = field(default_factory=dict)

    def add(self, found: Finding) -> None:
        """Take in one test's answer; a reason is kept only where it speaks for data."""
        self.log_odds = max(self.log_odds, found.log_odds)
        if found.log_odds >= UNDECIDED_LOG_ODDS:
            self.reasons.append((found.log_odds, found.reason))
        if found.payload is not None:
            self.payloads.append((found.payload, found.body))


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
    return conclude(gather(track, report, decoded), track, report, decoded)


def recover(track: Track, report: ContainerReport, decoded: Decoded | None) -> list[tuple[Payload, bytes]]:
    """The payloads that `examine` describes, the first found first, each with its bytes.

    For a person who asks for them; nothing else ever hands these bytes on.
    """
    return gather(track, report, decoded).payloads


def gather(track: Track, report: ContainerReport, decoded: Decoded | None) -> Evidence:
    """Run the tests."""
    evidence = Evidence()
    for found in find_hidden(track, report):
        evidence.add(found)
    if decoded is not None and not report.container and track.encoding is Encoding.FILE:
        detail = "it decodes, but not every byte is accounted for"
        evidence.add(Finding(NOT_WALKED_LOG_ODDS, Reason("container.not_walked", detail)))
    if decoded is not None and _is_scrap(report, decoded):
        detail = f"{len(decoded.samples) / decoded.sample_rate:.3f} s of sound under a header that promises more"
        evidence.add(Finding(SCRAP_LOG_ODDS, Reason("container.lying_sizes", detail)))
    if decoded is not None and decoded.samples.size:
        examine_samples(make_signal(track, report, decoded), evidence)
    return evidence


def _is_scrap(report: ContainerReport, decoded: Decoded) -> bool:
    """Whether a file was cut so short that too little is left to tell a download from data under a header."""
    return _is_cut(report) and len(decoded.samples) < SCRAP_SECONDS * decoded.sample_rate


def _is_cut(report: ContainerReport) -> bool:
    return any(code == "container.truncated" for code, _ in report.lies)


def _notes(report: ContainerReport, decoded: Decoded | None) -> list[tuple[str, str]]:
    """Contradictions and damage met on the way: harmless by themselves, worth telling."""
    met = (*report.lies, *(decoded.problems if decoded else ()))
    return [(code, detail) for code, detail in met if info(code).effect is Effect.NOTE][:MOST_NOTES]


def examine_samples(signal: Signal, evidence: Evidence) -> None:
    """All tests of the samples; those for data that needs every bit only where every bit was kept."""
    constant = find_constant(signal)
    if constant:
        evidence.add(Finding(CERTAIN, constant.reason))
        return
    for findings in _sample_tests(signal, evidence.numbers):
        for found in findings:
            evidence.add(found)
        if evidence.log_odds >= CERTAIN:
            return
    for found in find_float_bits(signal):
        evidence.add(found)


def _sample_tests(signal: Signal, numbers: dict[str, float]) -> Iterator[list[Finding]]:
    """The tests in order, each run only when the next is asked for."""
    if signal.lossless:
        signal = without_gain(signal)
        sliced, held = without_holds(signal)
        measured = measure(sliced)
        yield find_data_like(sliced, held, measured, numbers)
        yield find_low_bits(signal, held, numbers)
    yield find_modem(signal, numbers)
    if signal.lossless and held == 1 and not signal.coarse:
        yield find_mixture(sliced, measured, numbers)


def conclude(evidence: Evidence, track: Track, report: ContainerReport, decoded: Decoded | None) -> Examination:
    """One answer: content by thresholds on the strongest evidence, score by its logistic function."""
    odds = evidence.log_odds
    payloads = [payload for payload, _ in evidence.payloads]
    if decoded is None and not report.container and track.encoding is Encoding.FILE:
        odds = max(odds, CERTAIN)
        upload = describe_upload(track)
        payloads += [upload] if upload else []
    content = (
        Content.MOCK if odds >= MOCK_LOG_ODDS else Content.UNDECIDED if odds >= UNDECIDED_LOG_ODDS else Content.REAL
    )
    score = 1 / (1 + math.exp(-odds))
    told = {reason.code for _, reason in evidence.reasons}
    if content is Content.MOCK and _is_cut(report) and "container.lying_sizes" not in told:
        lie = Reason("container.lying_sizes", "sizes in the header contradict the file")
        evidence.add(Finding(UNDECIDED_LOG_ODDS, lie))
    ordered = sorted(evidence.reasons, key=lambda item: -item[0])
    reasons = tuple(reason for _, reason in ordered)
    if content is Content.UNDECIDED:
        reasons = tuple(Reason("undecided." + reason.code.replace(".", "_"), reason.detail) for reason in reasons)
    numbers = {name: float(np.round(value, 6)) for name, value in evidence.numbers.items()}
    reasons += tuple(Reason(code, detail) for code, detail in _notes(report, decoded))
    return Examination(content, round(score, 6), reasons, tuple(payloads), numbers)
