"""Reading one version of a stored file, in the process that judges it.

What is wrong with one file is that file's verdict. What is wrong with the store (no answer, no credentials) is raised:
it stops the job, which goes on where it was when it is started again.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from streaming.aws import error_code
from streaming.files.access import Access
from streaming.files.listing import GONE_CODES, describe_stat
from streaming.files.stored_file import S3, StoredFile, split_s3
from udfs.errors import NoTrackError

GONE = "error.file_gone"  # no verdict is written: that version is not there to be judged any more
UNREADABLE = "error.file_unreadable"
# S3's codes of an object that this reader will not get, however often it asks.
REFUSED_CODES = frozenset({"403", "AccessDenied", "InvalidObjectState", "InvalidRequest"})
KMS = "KMS."  # what begins the codes of a key that cannot be used
TRIES = 3  # of a body that breaks off; the request itself is retried by the client


@dataclass
class StoredReader:
    """Reads stored files; small, and pickled to the workers.

    Parameters
    ----------
    max_bytes
        The most bytes that a file may have; a larger one is not read.
    access
        The way to S3.
    """

    max_bytes: int
    access: Access = field(default_factory=Access)

    def __call__(self, text: str) -> bytes:
        """Give the bytes of the version that `StoredFile.to_text` wrote.

        Raises
        ------
        NoTrackError
            It is too large, cannot be read, or is there no more.
        """
        return self.read(StoredFile.from_text(text))

    def read(self, file: StoredFile) -> bytes:
        """Give a version's bytes; raises as `__call__` does."""
        if file.size > self.max_bytes:
            raise NoTrackError("reject", "upload.too_large", f"{file.size} bytes, of at most {self.max_bytes}")
        return self._read_object(file) if file.place.startswith(S3) else _read_local(file)

    def _read_object(self, file: StoredFile) -> bytes:
        bucket, key = split_s3(file.location)
        wanted: dict[str, Any] = {"Bucket": bucket, "Key": key}
        if file.etag:
            wanted["IfMatch"] = f'"{file.etag}"'
        if file.version_id:
            wanted["VersionId"] = file.version_id
        for left in reversed(range(TRIES)):
            try:
                data: bytes = self.access.client("s3").get_object(**wanted)["Body"].read()
            except ClientError as error:
                raise _what_s3_said(error) from error
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                if not left:
                    raise
                continue
            if len(data) != file.size:  # of a version that could not be asked for
                raise NoTrackError("review", GONE, f"it has {len(data)} bytes now, not {file.size}")
            return data
        raise AssertionError("the last try returns or raises")


def _what_s3_said(error: ClientError) -> Exception:
    """Sort an answer of S3's: about this object, or, as it is, about everything."""
    code = error_code(error)
    if code in GONE_CODES:
        return NoTrackError("review", GONE, f"that version is not in its bucket any more ({code})")
    if code in REFUSED_CODES or code.startswith(KMS):
        return NoTrackError("review", UNREADABLE, f"S3 does not give it out ({code})")
    return error


def _read_local(file: StoredFile) -> bytes:
    try:
        # Without waiting: what was a file may be a pipe by now, which nobody writes to.
        descriptor = os.open(file.location, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as opened:  # noqa: PTH123 - a descriptor
            _check_unchanged(file, descriptor)
            data = opened.read(file.size)
            while len(data) < file.size and (more := opened.read(file.size - len(data))):  # a read gives 2 GiB at most
                data += more
            _check_unchanged(file, descriptor)
    except FileNotFoundError as error:
        raise NoTrackError("review", GONE, "it is not there any more") from error
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "")
        raise NoTrackError("review", UNREADABLE, f"it cannot be read: {error.strerror} ({name})") from error
    return data


def _check_unchanged(file: StoredFile, descriptor: int) -> None:
    now = os.fstat(descriptor)
    if not stat.S_ISREG(now.st_mode) or describe_stat(file.place, file.name, now).version != file.version:
        raise NoTrackError("review", GONE, "it has changed since it was found: the new version is a file of its own")
