"""Files in a folder or on S3, without Spark: read, write whole, delete.

A place is an absolute folder or ``s3://bucket/prefix``. Writing is atomic: a reader sees the old file or the new one.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from streaming.chunk import Buffer
from streaming.errors import UserError

Contents = bytes | mmap.mmap

MISSING = ("NoSuchKey", "404")  # what S3 calls an object that is not there
PARALLEL_REQUESTS = 8  # an S3 request waits some tens of ms for its first byte, and an upload may lie in many ranges

Range = tuple[int, int]  # start and length in bytes


class Place(Protocol):
    """Somewhere that files lie; names are made by the job, never by a user."""

    def read(self, name: str) -> bytes | None:
        """Give a file's bytes, or None when there is none."""

    def write(self, name: str, data: Contents) -> str:
        """Write a whole file, making its folders; returns where it is."""

    def locate(self, name: str) -> str | None:
        """Give where a file is, as `write` does, or None when there is none."""

    def write_parts(self, name: str, parts: Sequence[memoryview]) -> None:
        """Write a new file from parts, making its folders; one that is half written after a crash is never read."""

    def read_ranges(self, name: str, ranges: Sequence[Range]) -> list[Buffer]:
        """Give ranges of a file; raises FileNotFoundError when it is not there or too short."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def list_names(self, folder: str) -> list[str]:
        """List what lies directly in a folder, files and folders alike; nothing where there is none."""

    def count_bytes(self, folder: str) -> int:
        """Add up the sizes of all files under a folder; 0 where there is none."""

    def remove_tree(self, name: str) -> None:
        """Delete everything under a name; nothing happens when there is nothing."""


class Folder:
    """A place in the local file system."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, name: str) -> bytes | None:
        """Give a file's bytes, or None when there is none."""
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: Contents) -> str:
        """Write beside, flush to disk, rename."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}.writing")
        try:
            with hidden.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(path)
        finally:
            hidden.unlink(missing_ok=True)
        return str(path)

    def locate(self, name: str) -> str | None:
        """Give where a file is, as `write` does, or None when there is none."""
        return str(self._root / name) if self.exists(name) else None

    def write_parts(self, name: str, parts: Sequence[memoryview]) -> None:
        """Write one after the other, without waiting for the disk: as Spark does with its state's own files."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb", buffering=0) as file:
            for part in parts:
                left = part
                while left:
                    left = left[file.write(left) or 0 :]

    def read_ranges(self, name: str, ranges: Sequence[Range]) -> list[Buffer]:
        """Map the file, which is written once and never shortened: reading copies each byte, and touches new memory."""
        with (self._root / name).open("rb", buffering=0) as file:
            is_empty = not os.fstat(file.fileno()).st_size  # which cannot be mapped
            mapped = memoryview(b"" if is_empty else mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        found: list[Buffer] = [mapped[start : start + length] for start, length in ranges]
        _check_lengths(name, ranges, found)
        return found

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self._root / name).exists()

    def list_names(self, folder: str) -> list[str]:
        """List a folder."""
        try:
            return [path.name for path in (self._root / folder).iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def count_bytes(self, folder: str) -> int:
        """Walk through a folder, in which files may vanish meanwhile."""
        total = 0
        for path in (self._root / folder).rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size if path.is_file() else 0
        return total

    def remove_tree(self, name: str) -> None:
        """Delete a folder."""
        shutil.rmtree(self._root / name, ignore_errors=True)


class Bucket:
    """A place on S3, where writing an object is atomic by itself."""

    def __init__(self, uri: str) -> None:
        self._bucket, _, self._prefix = uri.removeprefix("s3://").partition("/")
        self._made: Any = None

    @property
    def _client(self) -> Any:
        if self._made is None:  # not before it is used, so that a place can be pickled to the workers
            import boto3

            self._made = boto3.client("s3")
        return self._made

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_made": None}

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _folder_key(self, folder: str) -> str:
        return self._key(folder).rstrip("/") + "/"

    def _list(self, folder: str, **more: str) -> Iterable[Any]:
        """Ask for the pages of what lies under a folder."""
        pages: Iterable[Any] = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._folder_key(folder), **more
        )
        return pages

    def read(self, name: str) -> bytes | None:
        """Give an object's bytes, or None when there is none."""
        from botocore.exceptions import ClientError

        try:
            data: bytes = self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"].read()
        except ClientError as error:
            if _code(error) in MISSING:
                return None
            raise
        return data

    def write(self, name: str, data: Contents) -> str:
        """Put an object."""
        self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=data)
        return f"s3://{self._bucket}/{self._key(name)}"

    def locate(self, name: str) -> str | None:
        """Give where an object is, as `write` does, or None when there is none."""
        return f"s3://{self._bucket}/{self._key(name)}" if self.exists(name) else None

    def write_parts(self, name: str, parts: Sequence[memoryview]) -> None:
        """Put an object."""
        self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=b"".join(parts))

    def read_ranges(self, name: str, ranges: Sequence[Range]) -> list[Buffer]:
        """Get the ranges, some at a time."""
        if len(ranges) == 1:
            found: list[Buffer] = [self._get_range(name, ranges[0])]
        else:
            with ThreadPoolExecutor(PARALLEL_REQUESTS) as pool:
                found = list(pool.map(lambda each: self._get_range(name, each), ranges))
        _check_lengths(name, ranges, found)
        return found

    def _get_range(self, name: str, wanted: Range) -> bytes:
        from botocore.exceptions import ClientError

        start, length = wanted
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._key(name), Range=f"bytes={start}-{start + length - 1}"
            )
        except ClientError as error:
            if _code(error) in (*MISSING, "InvalidRange"):
                raise FileNotFoundError(f"{name}: not there, or shorter than {start + length} bytes") from error
            raise
        data: bytes = answer["Body"].read()
        return data

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        from botocore.exceptions import ClientError

        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key(name))
        except ClientError as error:
            if _code(error) in MISSING:
                return False
            raise
        return True

    def list_names(self, folder: str) -> list[str]:
        """List what comes next under a prefix."""
        prefix = self._folder_key(folder)
        found: list[str] = []
        for page in self._list(folder, Delimiter="/"):
            found += [each["Key"] for each in page.get("Contents", ())]
            found += [each["Prefix"] for each in page.get("CommonPrefixes", ())]
        return [name.removeprefix(prefix).rstrip("/") for name in found]

    def count_bytes(self, folder: str) -> int:
        """List everything under a prefix."""
        return sum(int(each["Size"]) for page in self._list(folder) for each in page.get("Contents", ()))

    def remove_tree(self, name: str) -> None:
        """Delete every object under a prefix."""
        for page in self._list(name):
            keys = [{"Key": each["Key"]} for each in page.get("Contents", ())]
            if keys:
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys})


def _code(error: Any) -> str:
    """Give the code of a botocore ``ClientError``."""
    return str(error.response.get("Error", {}).get("Code"))


def _check_lengths(name: str, ranges: Sequence[Range], found: Sequence[Buffer]) -> None:
    for (start, length), data in zip(ranges, found, strict=True):
        if len(data) != length:
            raise FileNotFoundError(f"{name}: shorter than {start + length} bytes")


def names_bucket(uri: str) -> bool:
    """Whether an S3 URI says which bucket."""
    return bool(uri.removeprefix("s3://").partition("/")[0])


def open_place(where: str) -> Place:
    """Open a folder or an S3 prefix.

    Raises
    ------
    UserError
        When it is neither, or a file lies there.
    """
    if where.startswith("s3://"):
        if not names_bucket(where):
            raise UserError(f"{where}: it names no bucket; write s3://bucket/prefix")
        return Bucket(where.rstrip("/"))
    if "://" in where:
        raise UserError(f"{where}: it is neither a folder nor s3://bucket/prefix")
    root = Path(where).absolute()
    try:
        blocked = any(path.is_file() for path in (root, *root.parents))
    except OSError as error:
        raise UserError(f"{where}: {error.strerror}") from error
    if blocked:
        raise UserError(f"{where}: it is a file, or lies under one; a folder is wanted")
    return Folder(root)
