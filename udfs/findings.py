"""What the stages find out about a track, as plain values: the vocabulary between them.

decode -> `AudioFacts`, examine -> `Examination`, identify -> `Match` list, grade -> `Quality`,
decide -> `Classification`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Decision(StrEnum):
    """What the service does with an upload."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"
    INCOMPLETE = "incomplete"


class Content(StrEnum):
    """Whether what was uploaded is sound."""

    REAL = "real"
    MOCK = "mock"
    UNDECIDED = "undecided"


class Identity(StrEnum):
    """Whether the sound is a recording that we know."""

    MATCH = "match"
    NO_MATCH = "no_match"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable code (``container.trailing_bytes``, listed in `udfs.reasons`) and what was seen, for people to read."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What the decoder says the track is.

    `duration_ms` is what was really decoded, not what a header claims.
    """

    container: str  # wav, aiff, flac, ogg, mp3, mp4, raw …
    codec: str  # pcm_s16, pcm_f32, flac, vorbis, opus, mp3, aac …
    sample_rate: int
    channels: int
    duration_ms: int
    bits_per_sample: int | None = None


@dataclass(frozen=True, slots=True)
class Payload:
    """Data that was found dressed as sound or hidden beside it. The bytes themselves are not kept."""

    kind: str  # elf, pe, zip, pdf, text, base64, encrypted …
    where: str  # "samples as float ord", "behind the end", "id3 PRIV" …
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Examination:
    """The answer to "is it sound?".

    `mock_score` is calibrated, 0 = surely sound, 1 = surely data. `reasons` are ordered, the weightiest first.
    `evidence` holds the measured numbers behind them, by name.
    """

    content: Content
    mock_score: float
    reasons: tuple[Reason, ...] = ()
    payloads: tuple[Payload, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """One segment of a track that is part of a known recording.

    Offsets and lengths are integer milliseconds. `score` is 0..1, calibrated: of the answers with score >= s at most
    a share of 1 - s is wrong (docs/fingerprint.md). `speed` and `pitch` are factors of the query against the
    reference (1.02 = two per cent faster, higher). `coverage` is the share of the query that this segment explains. A
    match that is not `accepted` is a candidate: the next best, below the least score of an answer.
    """

    reference_id: str
    score: float
    query_offset_ms: int
    reference_offset_ms: int
    matched_ms: int = 0
    coverage: float = 0.0
    speed: float = 1.0
    pitch: float = 1.0
    title: str = ""
    artist: str = ""
    accepted: bool = True


class Grade(StrEnum):
    """How good a recording sounds."""

    EXCELLENT = "Excellent"
    GOOD = "Good"
    FAIR = "Fair"
    POOR = "Poor"


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a recording sounds, told without a reference (`udfs.quality`).

    `score` is on the scale of listening tests, 1 (bad) to 5; `because` names what lowered it, the worst first;
    `measures` holds the numbers behind it by name, None where there is nothing to measure.
    """

    grade: Grade
    score: float
    because: tuple[str, ...] = ()
    measures: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Classification:
    """Everything that judging one track gave; one row of ``verdicts`` less what only the stream knows."""

    decision: Decision
    reasons: tuple[Reason, ...]
    content: Content
    mock_score: float | None
    identity: Identity
    matches: tuple[Match, ...] = ()  # best first: the accepted ones, then the next candidates
    facts: AudioFacts | None = None
    payloads: tuple[Payload, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)
    quality: Quality | None = None  # None: no sound, or too little of it
