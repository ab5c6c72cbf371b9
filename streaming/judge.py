"""What a worker opens to judge tracks: the index, and the decoder in its sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streaming.index_place import is_catalogue
from streaming.prints import take_print
from streaming.settings import Settings
from udfs.classify import Classifier
from udfs.decode import Decoded
from udfs.findings import Classification, Content
from udfs.index_files import MANIFEST, IndexRefusedError
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import MIN_SCORE
from udfs.samples import DecodeLimits
from udfs.sandbox import SandboxedDecoder
from udfs.track import Track


@dataclass(frozen=True)
class OpenedJudge:
    """A classifier and the name of the index that it answers from."""

    classifier: Classifier
    index_sha256: str
    prints: bool = False  # whether tracks are identified later, by their fingerprints

    def judge(self, track: Track) -> tuple[Classification, Decoded | None]:
        """Judge a track and give its samples; never raises for what is in it."""
        return self.classifier.judge(track)

    def take_print(self, classification: Classification, decoded: Decoded | None) -> dict[str, bytes] | None:
        """Take the fingerprint of a track that is to be identified elsewhere; None for what is no sound."""
        if not self.prints or decoded is None or classification.content is Content.MOCK:
            return None
        return take_print(decoded.mono(), decoded.facts.sample_rate)


@dataclass(frozen=True)
class JudgeOpener:
    """Says what to open; small, and pickled to the workers."""

    index: Path | str
    limits: DecodeLimits
    min_score: float = MIN_SCORE
    manifest: bytes | None = None  # the index's when the job began: a worker that starts later opens the same

    def __call__(self) -> OpenedJudge:
        """Open it; the decoder lives and ends with this process.

        Raises
        ------
        udfs.index_files.IndexRefusedError
            For an index that is none.
        """
        if is_catalogue(self.index):
            return OpenedJudge(Classifier(SandboxedDecoder(self.limits), None, self.min_score), "", prints=True)
        index = self._open_index()
        return OpenedJudge(Classifier(SandboxedDecoder(self.limits), index, self.min_score), index.sha256)

    def _open_index(self) -> LandmarkIndex:
        try:
            return open_index(self.index, self.manifest)
        except IndexRefusedError:
            if self.manifest is None:
                raise
            return open_index(self.index)  # its files are gone since; the verdicts name what they come from


def make_opener(settings: Settings) -> JudgeOpener:
    """Say what a run of the job judges with; made once a run, so that an index changed meanwhile changes nothing."""
    limits = DecodeLimits(max_seconds=settings.max_track_seconds)
    manifest = Path(settings.index) / MANIFEST
    least = MIN_SCORE if settings.min_score is None else settings.min_score
    return JudgeOpener(settings.index, limits, least, manifest.read_bytes() if manifest.exists() else None)
