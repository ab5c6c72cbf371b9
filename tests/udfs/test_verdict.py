"""The policy: what each kind of evidence does to an upload."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.container import ContainerReport
from udfs.errors import TrackError
from udfs.findings import Content, Decision, Examination, Reason
from udfs.forensics.examine import UNDECIDED_LOG_ODDS, Evidence, conclude
from udfs.forensics.finding import Finding
from udfs.reasons import REASONS, Effect
from udfs.track import Track
from udfs.verdict import decide

SOUND = Examination(Content.REAL, 0.01)


def test_sound_is_accepted() -> None:
    verdict = decide(SOUND, None)
    assert (verdict.decision, verdict.content, verdict.mock_score) == (Decision.ACCEPT, Content.REAL, 0.01)


def test_data_is_rejected() -> None:
    verdict = decide(Examination(Content.MOCK, 0.99, (Reason("samples.text"),)), None)
    assert (verdict.decision, verdict.content) == (Decision.REJECT, Content.MOCK)


def test_doubt_goes_to_a_person() -> None:
    verdict = decide(Examination(Content.UNDECIDED, 0.6, (Reason("undecided.samples_data"),)), None)
    assert (verdict.decision, verdict.content) == (Decision.REVIEW, Content.UNDECIDED)


@pytest.mark.parametrize(
    ("code", "decision", "content"),
    [
        ("decode.not_audio", Decision.REJECT, Content.MOCK),
        ("decode.no_sound", Decision.REJECT, Content.MOCK),
        ("decode.bomb", Decision.REJECT, Content.UNDECIDED),
        ("decode.too_long", Decision.REJECT, Content.UNDECIDED),
        ("error.decode_deadline", Decision.REJECT, Content.UNDECIDED),
        ("error.decoder_died", Decision.REJECT, Content.UNDECIDED),
        ("error.decoder", Decision.REVIEW, Content.UNDECIDED),
        ("error.something_new", Decision.REVIEW, Content.UNDECIDED),
    ],
)
def test_a_failure_is_the_upload_s_verdict(code: str, decision: Decision, content: Content) -> None:
    verdict = decide(SOUND, TrackError(code, "what happened"))
    assert (verdict.decision, verdict.content) == (decision, content)
    assert verdict.reasons[0] == Reason(code, "what happened")


def test_what_decided_comes_first_and_notes_come_last() -> None:
    mixed = (Reason("container.truncated"), Reason("container.trailing_bytes"), Reason("samples.text"))
    verdict = decide(Examination(Content.MOCK, 0.99, mixed), None)
    codes = [reason.code for reason in verdict.reasons]
    assert codes == ["container.trailing_bytes", "samples.text", "container.truncated"]


def test_a_note_alone_decides_nothing() -> None:
    assert decide(Examination(Content.REAL, 0.01, (Reason("container.truncated"),)), None).decision is Decision.ACCEPT


LEAST_REFUSED = 1 / (1 + math.exp(-UNDECIDED_LOG_ODDS))
REJECTING = sorted(code for code, known in REASONS.items() if known.effect is Effect.REJECT)


@given(st.floats(0, 2), st.sampled_from(REJECTING), st.sampled_from([None, "decode.bomb", "decode.not_audio"]))
def test_whatever_is_held_back_scores_above_whatever_is_let_in(odds: float, code: str, failed: str | None) -> None:
    evidence = Evidence()
    evidence.add(Finding(odds, Reason(code)))
    failure = TrackError(failed, "") if failed else None
    verdict = decide(conclude(evidence, Track(b"RIFF"), ContainerReport("wav", "", ()), None), failure)
    score = 1.0 if verdict.mock_score is None else verdict.mock_score  # as the scan writes it
    assert (verdict.decision is not Decision.ACCEPT) == (score >= round(LEAST_REFUSED, 6))
