"""Finding stored files: all under a folder or an S3 prefix, or the one object that an event announced."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from streaming.aws import error_code, explained_service
from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.stored_file import S3, StoredFile, check_s3_place, find_place, split_s3
from streaming.local_files import find_files

# What S3 says of an object that is not there: not at all, not in this version, or behind a delete marker.
GONE_CODES = frozenset({"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed", "412", "PreconditionFailed"})
FORBIDDEN_CODES = frozenset({"403", "AccessDenied"})
# What S3 says of a version id or a name that none can be, and, of a HEAD, of credentials that are over.
IMPOSSIBLE_CODES = frozenset({"400", "InvalidArgument", "InvalidURI"})


def check_place(text: str) -> str:
    """Give a place in the one way that it is written: an absolute folder, or ``s3://…`` without a closing slash.

    Raises
    ------
    UserError
        It is neither, or the folder is not there.
    """
    if text.startswith(S3):
        return check_s3_place(text)
    if "://" in text:
        raise UserError(f"{text}: it is neither a folder nor s3://bucket/prefix")
    folder = Path(text).resolve()
    if not folder.is_dir():
        raise UserError(f"{text}: there is no such folder")
    if folder == Path("/"):
        raise UserError(f"{text}: the whole file system is no place for uploads; name a folder")
    return str(folder)


def check_places(texts: Sequence[str]) -> tuple[str, ...]:
    """Give several places as `check_place` does; raises `UserError` also where one lies under another."""
    places = tuple(check_place(text) for text in texts)
    for number, place in enumerate(places):
        if find_place(places[:number] + places[number + 1 :], f"{place}/x") is not None:
            raise UserError(f"{place} is named twice, or lies under another place that is named: name it once")
    return places


def list_files(place: str, access: Access) -> Iterator[StoredFile]:
    """List all files under a place, in the order of their names; a folder's mark on S3 is none.

    Raises
    ------
    UserError
        The place cannot be listed.
    """
    yield from _list_objects(place, access) if place.startswith(S3) else _list_folder(place)


def find_object(place: str, name: str, version_id: str, access: Access) -> StoredFile | None:
    """Ask the store for one object, as it is now or in a version; None = it is not there, or can be nowhere.

    Raises
    ------
    UserError
        S3 cannot be asked.
    """
    bucket, key = split_s3(f"{place}/{name}")
    wanted = {"Bucket": bucket, "Key": key, **({"VersionId": version_id} if version_id else {})}
    with explained_service("S3", f" on {place}"):
        try:
            head = access.client("s3").head_object(**wanted)
        except ClientError as error:
            if error_code(error) in GONE_CODES:
                return None
            if error_code(error) in FORBIDDEN_CODES:  # readers get a verdict that says so
                return StoredFile(place, name, 0, 0, "", version_id)
            if error_code(error) in IMPOSSIBLE_CODES and _answers(access, bucket):  # the event was made up
                return None
            raise
    return StoredFile(
        place, name, int(head["ContentLength"]), _microseconds(head["LastModified"]), _etag(head), version_id
    )


def _answers(access: Access, bucket: str) -> bool:
    """Whether S3 lets us in: then what it called a bad request is about the object that was asked for."""
    try:
        access.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        return error_code(error) in FORBIDDEN_CODES
    return True


def stat_file(place: str, name: str) -> StoredFile:
    """Describe a local file as it is now; raises OSError when it is not there."""
    return describe_stat(place, name, os.stat(f"{place}/{name}"))  # noqa: PTH116 - names may hold any bytes


def describe_stat(place: str, name: str, stat: os.stat_result) -> StoredFile:
    """Describe a local file by what the file system says of it."""
    return StoredFile(place, name, stat.st_size, stat.st_mtime_ns // 1000, f"{stat.st_ctime_ns:x}")


def _list_folder(place: str) -> Iterator[StoredFile]:
    for path in find_files([Path(place)]):
        try:
            yield stat_file(place, str(path)[len(place) + 1 :])
        except FileNotFoundError:
            continue  # gone since the folder was read: it was never listed


def _list_objects(place: str, access: Access) -> Iterator[StoredFile]:
    bucket, prefix = split_s3(place)
    start = f"{prefix}/" if prefix else ""
    with explained_service("S3", f" on {place}"):
        for page in access.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start):
            for each in page.get("Contents", ()):
                name = each["Key"][len(start) :]
                if name and not name.endswith("/"):
                    yield StoredFile(place, name, int(each["Size"]), _microseconds(each["LastModified"]), _etag(each))


def _microseconds(moment: Any) -> int:
    """Give a time in whole seconds, as microseconds: all that a HEAD says, and so all that is compared."""
    return int(moment.timestamp()) * 1_000_000


def _etag(told: Any) -> str:
    return str(told["ETag"]).strip('"')
