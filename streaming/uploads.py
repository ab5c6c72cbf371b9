"""Files and folders -> uploads: which file goes under which key and upload id, and as which records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streaming.chunk import DEFAULT_LIMITS, Compression
from streaming.errors import UserError
from streaming.partition_key import join_key
from streaming.producer import (
    FileChangedError,
    Header,
    Record,
    file_records,
    legacy_records,
    new_upload_id,
    track_records,
)
from udfs.decode import decode
from udfs.errors import TrackError
from udfs.track import Encoding, Track


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How every file of a run is uploaded."""

    user: str
    chunk_bytes: int
    encoding: Encoding = Encoding.FILE
    compression: Compression = Compression.NONE
    legacy: bool = False


@dataclass
class Upload:
    """One file on its way: what it is called, and what has come of it so far."""

    path: Path
    name: str
    partition_key: str
    upload_id: str  # "" for legacy, where the job names the upload
    file_bytes: int
    chunks: int = 0
    record_bytes: int = 0
    sent_bytes: int = 0  # of the file, as far as can be told before its end: for a progress bar
    failure: str = ""
    chunks_made: int | None = None  # once all are

    @property
    def complete(self) -> bool:
        """Whether every chunk was written."""
        return not self.failure and self.chunks == self.chunks_made

    def count(self, record: Record, chunk_bytes: int) -> None:
        """Count a record that was written."""
        self.chunks += 1
        self.record_bytes += record.size
        self.sent_bytes = min(self.file_bytes, self.chunks * chunk_bytes)

    def summary(self) -> dict[str, Any]:
        """What a machine wants to know of it."""
        return {
            "path": str(self.path),
            "upload_id": self.upload_id or None,
            "partition_key": self.partition_key,
            "chunks": self.chunks,
            "record_bytes": self.record_bytes,
            "complete": self.complete,
            "failure": self.failure or None,
        }


def plan(files: Iterable[tuple[Path, str]], options: UploadOptions) -> list[Upload]:
    """Give each file its key and upload id.

    Parameters
    ----------
    files
        Paths and the names that the tracks get.
    options
        How they are uploaded.

    Raises
    ------
    UserError
        The user id cannot be in a key, a file is too large, or two legacy uploads would share a key, under which the
        job could not tell them apart.
    """
    uploads = []
    for path, name in files:
        length = path.stat().st_size
        if length > DEFAULT_LIMITS.max_track_bytes:
            raise UserError(f"{str(path)!r} has {length} bytes; a track has at most {DEFAULT_LIMITS.max_track_bytes}")
        if not options.legacy and length > options.chunk_bytes * DEFAULT_LIMITS.max_chunks:
            raise UserError(
                f"{str(path)!r} would be over {DEFAULT_LIMITS.max_chunks} chunks: use a larger --chunk-size"
            )
        try:
            key = join_key(options.user, name)
        except ValueError as error:
            raise UserError(f"--user {options.user!r} cannot be used: {error}") from error
        uploads.append(Upload(path, name, key, "" if options.legacy else new_upload_id(), length))
    if options.legacy:
        (key, times), *_ = Counter(upload.partition_key for upload in uploads).most_common(1) or [("", 0)]
        if times > 1:
            raise UserError(
                f"{times} files would share the key {key!r}, and legacy records name no upload to tell them apart: "
                "rename them, or produce them in runs of their own"
            )
    return uploads


def records_of(upload: Upload, options: UploadOptions) -> Iterator[Record]:
    """Give an upload's records; a file that cannot be read to its end gets its `failure` and ends there."""
    made = 0
    try:
        for record in _records(upload, options):
            made += 1
            yield record
        upload.chunks_made = made
    except (OSError, ValueError, FileChangedError, TrackError) as error:
        upload.failure = str(error)


def _records(upload: Upload, options: UploadOptions) -> Iterator[Record]:
    if options.legacy:
        return legacy_records(_mono(upload), upload.partition_key)
    if options.encoding is Encoding.FILE:
        header = Header(upload.upload_id, upload.partition_key, compression=options.compression)
        return file_records(upload.path, header, options.chunk_bytes)
    decoded = decode(Track.from_file(upload.path))
    track = Track.from_samples(decoded.samples, decoded.sample_rate, upload.name)
    return track_records(track, upload.partition_key, upload.upload_id, options.chunk_bytes, options.compression)


def _mono(upload: Upload) -> Track:
    decoded = decode(Track.from_file(upload.path))
    return Track.from_samples(decoded.mono(), decoded.sample_rate, upload.name)
