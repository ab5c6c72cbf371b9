"""Where reports go: beside the files that they are about, or all into one folder."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from streaming.aws import error_code
from streaming.files.access import Access
from streaming.files.report import make_report, write_report
from streaming.files.stored_file import REPORT_SUFFIX, S3, StoredFile, find_place, split_s3
from streaming.places import MISSING, open_place

BESIDE = "beside"
MOST_KEY_BYTES = 1024  # S3's own limit


@dataclass
class ReportWriter:
    """Writes reports; small, and pickled to the workers.

    Parameters
    ----------
    to
        `BESIDE`, or a folder or ``s3://…`` for reports named by their upload ids.
    access
        The way to S3, for what lies beside.
    """

    to: str
    access: Access = field(default_factory=Access)

    def __call__(self, verdicts: Iterable[Any]) -> None:
        """Write the reports of Spark's rows of ``verdicts``."""
        for row in verdicts:
            self.write(row.asDict(recursive=True))

    def write(self, verdict: dict[str, Any]) -> None:
        """Write the report of one verdict; one that is there is replaced."""
        data, upload_id = write_report(make_report(verdict)), str(verdict["upload_id"])
        if self.to == BESIDE:
            write_beside(verdict["stream"], verdict["partition_key"], REPORT_SUFFIX, data, upload_id, self.access)
        else:
            open_place(self.to).write(f"{upload_id}.json", data)


def write_beside(place: str, name: str, suffix: str, data: bytes, upload_id: str, access: Access) -> str:
    """Write something beside a stored file, under the file's name and a suffix.

    Where that name is too long for the store, it is `upload_id` and the suffix, in the same folder.

    Returns
    -------
    str
        Where it is.
    """
    try:
        return _put(place, f"{name}{suffix}", data, access)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
    folder, slash, _ = name.rpartition("/")
    return _put(place, f"{folder}{slash}{upload_id}{suffix}", data, access)


def read_beside(file: StoredFile, suffix: str, access: Access) -> bytes | None:
    """Read what lies beside an object under its name and a suffix; None = nothing, or that name would be too long."""
    bucket, key = split_s3(f"{file.location}{suffix}")
    if len(key.encode()) > MOST_KEY_BYTES:
        return None
    try:
        data: bytes = access.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error_code(error) in MISSING:
            return None
        raise
    return data


def _put(place: str, name: str, data: bytes, access: Access) -> str:
    if not place.startswith(S3):
        return open_place(place).write(name, data)
    bucket, key = split_s3(f"{place}/{name}")
    if len(key.encode()) > MOST_KEY_BYTES:
        raise OSError(errno.ENAMETOOLONG, "a key of S3 has at most 1024 bytes")
    access.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
    return f"{place}/{name}"


def lies_under(folder: str, places: Iterable[str]) -> bool:
    """Whether a folder for reports is one that is read from: reports would be taken for files."""
    return find_place(list(places), f"{folder.rstrip('/')}/x") is not None


Write = Callable[[Iterable[Any]], None]
