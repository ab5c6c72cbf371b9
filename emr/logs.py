"""A job's logs on S3: find the driver's among them and read their end."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

APPLICATION = re.compile(rb"application_\d+_\d+")
# The driver: the first container of a YARN application, or the folder that EMR Serverless gives it.
DRIVER = re.compile(r"/container_[^/]*_000001/|/SPARK_DRIVER/")
LARGEST = 64 * 1024 * 1024  # of one log's inflated bytes, the rest is skipped


@dataclass(frozen=True)
class LogFile:
    """One log object; `of_driver` tells the driver's from executors' and the step's own."""

    bucket: str
    key: str
    bytes: int
    of_driver: bool

    @property
    def uri(self) -> str:
        """The object's ``s3://`` address."""
        return f"s3://{self.bucket}/{self.key}"


def list_logs(client: S3Client, prefixes: Iterable[str]) -> list[LogFile]:
    """List the logs under the prefixes, and those of the YARN applications that the step's own logs name."""
    found: dict[str, LogFile] = {}
    for prefix in prefixes:
        own = list(list_prefix(client, prefix))
        found |= {log.uri: log for log in own}
        for application in sorted({name for log in own if "/steps/" in log.key for name in applications(client, log)}):
            containers = f"{prefix.partition('/steps/')[0]}/containers/{application}/"
            found |= {log.uri: log for log in list_prefix(client, containers)}
    return list(found.values())


def list_prefix(client: S3Client, prefix: str) -> Iterator[LogFile]:
    """List the objects under one ``s3://bucket/prefix``."""
    parts = urlsplit(prefix)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=parts.path.lstrip("/"))
    for page in pages:
        for entry in page.get("Contents", []):
            yield LogFile(parts.netloc, entry["Key"], entry["Size"], bool(DRIVER.search(f"/{entry['Key']}")))


def applications(client: S3Client, log: LogFile) -> set[str]:
    """Find the YARN applications that a log speaks of."""
    return {name.decode() for name in APPLICATION.findall(read_log(client, log))}


def read_log(client: S3Client, log: LogFile) -> bytes:
    """Read a log, inflated where its name ends in ``.gz``; a log cut off in the middle gives what is there of it."""
    body = client.get_object(Bucket=log.bucket, Key=log.key)["Body"].read()
    if not log.key.endswith(".gz"):
        return body[-LARGEST:]
    try:
        return zlib.decompressobj(wbits=31).decompress(body, LARGEST)
    except (zlib.error, gzip.BadGzipFile):
        return b"(this log is not readable: it is not gzip)"


def tail(text: bytes, lines: int) -> str:
    """Give the last lines, with control characters other than tab and newline shown escaped.

    Logs hold text that strangers chose; it must not steer the terminal.
    """
    last = text.decode("utf-8", "backslashreplace").splitlines()[-lines:]
    return "\n".join("".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line) for line in last)
