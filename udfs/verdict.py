"""From evidence to a decision: the policy, in one place.

1. Any reason whose effect is reject or refuse rejects the upload.
2. Content that stays undecided, or a reason whose effect is review, goes to a person.
3. Everything else is accepted.

Reasons keep the examination's order, the weightiest first, with those that decided in front.
"""

from __future__ import annotations

from udfs.errors import TrackError
from udfs.findings import Classification, Content, Decision, Examination, Identity, Reason
from udfs.reasons import Effect, info

_ORDER = {Effect.REJECT: 0, Effect.REFUSE: 1, Effect.REVIEW: 2, Effect.NOTE: 3}


def decide(examination: Examination, failure: TrackError | None) -> Classification:
    """Apply the policy to what was found.

    Parameters
    ----------
    examination
        What `udfs.forensics.examine` found.
    failure
        Why decoding failed, or None where it did not.

    Returns
    -------
    Classification
        Without identity, matches and facts, which are not its business.
    """
    reasons = (*_failure_reason(failure), *examination.reasons)
    reasons = tuple(sorted(dict.fromkeys(reasons), key=lambda reason: _ORDER[info(reason.code).effect]))
    effects = {info(reason.code).effect for reason in reasons}
    content = _content(examination, failure, effects)
    return Classification(
        decision=_decision(content, effects),
        reasons=reasons,
        content=content,
        mock_score=_score(examination, failure, content),
        identity=Identity.NOT_TRIED,
        payloads=examination.payloads,
        evidence=examination.evidence,
    )


def _failure_reason(failure: TrackError | None) -> tuple[Reason, ...]:
    return (Reason(failure.code, failure.detail),) if failure else ()


def _content(examination: Examination, failure: TrackError | None, effects: set[Effect]) -> Content:
    if Effect.REJECT in effects:
        return Content.MOCK
    return Content.UNDECIDED if failure else examination.content


def _decision(content: Content, effects: set[Effect]) -> Decision:
    if content is Content.MOCK or effects & {Effect.REJECT, Effect.REFUSE}:
        return Decision.REJECT
    if content is Content.UNDECIDED or Effect.REVIEW in effects:
        return Decision.REVIEW
    return Decision.ACCEPT


def _score(examination: Examination, failure: TrackError | None, content: Content) -> float | None:
    if failure is None:
        return examination.mock_score
    if content is Content.MOCK:
        return max(examination.mock_score, 0.99)
    return None  # nothing was measured
