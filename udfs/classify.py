"""Judge one track: decode -> examine -> identify -> grade -> decide.

The order is the picture of the flow; the work is in the modules that it names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from udfs.container import walk
from udfs.container.spans import ContainerReport
from udfs.decode import Decoded
from udfs.errors import TrackError
from udfs.findings import Classification, Content, Examination, Identity, Match, Quality
from udfs.forensics import examine
from udfs.landmark_index import LandmarkIndex
from udfs.match import MIN_SCORE, candidates
from udfs.quality import examine_quality
from udfs.track import Encoding, Track
from udfs.verdict import decide


class Decoder(Protocol):
    """What turns a track into samples: `udfs.decode.decode` itself, or the sandboxed worker around it."""

    def __call__(self, track: Track) -> Decoded: ...


class Classifier:
    """Judges tracks against one opened index.

    Parameters
    ----------
    decoder
        How tracks become samples.
    index
        The opened reference index, or None where there is nothing to identify against.
    min_score
        The least score that counts as a match.
    """

    def __init__(self, decoder: Decoder, index: LandmarkIndex | None, min_score: float = MIN_SCORE) -> None:
        self._decoder = decoder
        self._index = index
        self._min_score = min_score

    def classify(self, track: Track) -> Classification:
        """Judge a track; never raises for what is in it: a failed stage is a reason in the verdict."""
        return self.judge(track)[0]

    def judge(self, track: Track) -> tuple[Classification, Decoded | None]:
        """Judge a track as `classify` does, and give its samples along; None where it could not be decoded."""
        report = walk(track.data) if track.encoding is Encoding.FILE else ContainerReport("raw", "pcm_f32", ())
        decoded, failure = self._decode(track)
        examination = examine(track, report, decoded)
        matches = self._identify(decoded, examination)
        verdict = decide(examination, failure)
        facts = decoded.facts if decoded else None
        judged = replace(verdict, identity=_identity(matches), matches=tuple(matches or ()), facts=facts)
        return replace(judged, quality=_grade(decoded, examination)), decoded

    def _decode(self, track: Track) -> tuple[Decoded | None, TrackError | None]:
        try:
            return self._decoder(track), None
        except TrackError as error:
            return None, error

    def _identify(self, decoded: Decoded | None, examination: Examination) -> list[Match] | None:
        """Match sound against the index; None = not tried, as for data dressed as sound, which has no recording."""
        if decoded is None or self._index is None or examination.content is Content.MOCK:
            return None
        return candidates(decoded.mono(), decoded.facts.sample_rate, self._index, min_score=self._min_score)


def _grade(decoded: Decoded | None, examination: Examination) -> Quality | None:
    """Grade sound; data dressed as sound has no quality."""
    if decoded is None or examination.content is Content.MOCK:
        return None
    return examine_quality(decoded.samples, decoded.sample_rate)


def _identity(matches: list[Match] | None) -> Identity:
    if matches is None:
        return Identity.NOT_TRIED
    return Identity.MATCH if any(match.accepted for match in matches) else Identity.NO_MATCH
