"""Small files in a folder or on S3, without Spark: read, write whole, delete.

A place is an absolute folder or ``s3://bucket/prefix``. Writing is atomic: a reader sees the old file or the new one.
"""

from __future__ import annotations

import mmap
import os
import secrets
import shutil
from pathlib import Path
from typing import Any, Protocol

from streaming.errors import UserError

Contents = bytes | mmap.mmap


class Place(Protocol):
    """Somewhere that small files lie; names are made by the job, never by a user."""

    def read(self, name: str) -> bytes | None:
        """Give a file's bytes, or None when there is none."""

    def write(self, name: str, data: Contents) -> str:
        """Write a whole file, making its folders; returns where it is."""

    def locate(self, name: str) -> str | None:
        """Give where a file is, as `write` does, or None when there is none."""

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

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

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self._root / name).exists()

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

    def read(self, name: str) -> bytes | None:
        """Give an object's bytes, or None when there is none."""
        from botocore.exceptions import ClientError

        try:
            data: bytes = self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
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

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        from botocore.exceptions import ClientError

        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key(name))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return False
            raise
        return True

    def remove_tree(self, name: str) -> None:
        """Delete every object under a prefix."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._key(name).rstrip("/") + "/"
        )
        for page in pages:
            keys = [{"Key": each["Key"]} for each in page.get("Contents", ())]
            if keys:
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys})


def open_place(where: str) -> Place:
    """Open a folder or an S3 prefix.

    Raises
    ------
    UserError
        When it is neither, or a file lies there.
    """
    if where.startswith("s3://"):
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
