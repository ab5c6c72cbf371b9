"""How the demo's records get from producer to job: by record files, or by a stream of a local Kinesis server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from streaming.aws import kinesis_client
from streaming.kinesis_writer import KinesisWriter
from streaming.local_kinesis import REGION
from streaming.producer import Record
from streaming.record_files import RecordFileWriter

STREAM = "demo"


class Transport(Protocol):
    """What `streaming.demo` wants of either; `place` and `flags` are what producer and job are told."""

    place: str
    flags: Sequence[str]

    def write(self, records: Sequence[Record]) -> object:
        """Add records that are no whole file's."""


class OverFiles:
    """Record files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.place = f"files:{folder}"
        self.flags: Sequence[str] = ()
        self._folder = folder

    def write(self, records: Sequence[Record]) -> None:
        """Write a record file."""
        RecordFileWriter(self._folder).write(records)


class OverKinesis:
    """The stream `STREAM` of a server whose credentials are in the environment.

    Parameters
    ----------
    url
        The server's endpoint.
    """

    def __init__(self, url: str) -> None:
        self.place = f"kinesis:{STREAM}"
        self.flags: Sequence[str] = ("--endpoint-url", url, "--region", REGION)
        self._writer = KinesisWriter(kinesis_client(REGION, url), STREAM)

    def write(self, records: Sequence[Record]) -> None:
        """Put records on the stream."""
        self._writer.write(records)
