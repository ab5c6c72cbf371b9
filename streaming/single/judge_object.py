"""One stored file, judged without Spark: its report, and its pitch track as CSV, beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streaming.files.access import Access
from streaming.files.listing import find_object
from streaming.files.reading import GONE, StoredReader
from streaming.files.report import make_report, write_report
from streaming.files.report_writer import read_beside, write_beside
from streaming.files.stored_file import PITCH_SUFFIX, REPORT_SUFFIX, StoredFile
from streaming.settings import Settings
from streaming.single.verdict_row import make_row
from streaming.track_store import open_store
from udfs.decode import Decoded
from udfs.errors import NoTrackError
from udfs.findings import Classification, Content
from udfs.row import Judge, judge_row, undecided
from udfs.track import Track

WritePitch = Callable[[Track, Decoded], bytes | None]


@dataclass(frozen=True)
class Told:
    """What became of one object: where it is, its upload id, its decision; None = it is gone, or was judged before."""

    location: str
    upload_id: str | None = None
    decision: str | None = None
    known: bool = False


class _Listening:
    """A judge whose samples are kept for those who want more of them; one track at a time."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.heard: tuple[Track, Decoded] | None = None

    @property
    def index_sha256(self) -> str:
        """Names the index."""
        return self._judge.index_sha256

    def judge(self, track: Track) -> tuple[Classification, Decoded | None]:
        """Judge a track."""
        self.heard = None
        classification, decoded = self._judge.judge(track)
        if decoded is not None and classification.content is not Content.MOCK:
            self.heard = (track, decoded)
        return classification, decoded

    def take_print(self, classification: Classification, decoded: Decoded | None) -> dict[str, bytes] | None:
        """Take the fingerprint."""
        return self._judge.take_print(classification, decoded)


class ObjectJudge:
    """Judges objects one by one.

    Parameters
    ----------
    judge
        What judges.
    settings
        The job's.
    access
        The way to S3.
    write_pitch
        Gives the pitch track of sound as CSV; None where there is none.
    """

    def __init__(self, judge: Judge, settings: Settings, access: Access, write_pitch: WritePitch) -> None:
        self._judge = _Listening(judge)
        self._settings = settings
        self._access = access
        self._read = StoredReader(settings.max_upload_bytes, access).read
        self._keep = open_store(settings).keep
        self._write_pitch = write_pitch

    def judge(self, place: str, name: str, version_id: str) -> Told:
        """Judge an object as it is now, or in a version, unless the report beside it is of this very version.

        Raises
        ------
        Exception
            Something is wrong with the store: the same again later.
        """
        file = find_object(place, name, version_id, self._access)
        if file is None:
            return Told(f"{place}/{name}")
        if self._has_report(file):
            return Told(file.location, file.upload_id, known=True)
        try:
            judged = judge_row(self._judge, Track(self._read(file), name=file.shown_name), self._keep)
        except NoTrackError as error:
            if error.code == GONE:
                return Told(file.location)
            judged = undecided(error)
        row = make_row(file.shown_name, file.facts(), judged, self._settings.sha256)
        heard, self._judge.heard = self._judge.heard, None
        pitch = self._write_pitch(*heard) if heard is not None else None
        if pitch is not None:
            self._write_beside(file, PITCH_SUFFIX, pitch)
        self._write_beside(file, REPORT_SUFFIX, write_report(make_report(row)))  # last: it says that all is done
        return Told(file.location, file.upload_id, row["decision"])

    def _has_report(self, file: StoredFile) -> bool:
        data = read_beside(file, REPORT_SUFFIX, self._access)
        try:
            report: Any = json.loads(data) if data is not None else None
        except ValueError:
            return False
        return isinstance(report, dict) and report.get("upload_id") == file.upload_id

    def _write_beside(self, file: StoredFile, suffix: str, data: bytes) -> None:
        write_beside(file.place, file.shown_name, suffix, data, file.upload_id, self._access)
