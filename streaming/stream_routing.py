"""Where a set of streams is written down: a JSON document in a local file or on S3, and the writer that follows it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from streaming.aws import error_code, make_client
from streaming.errors import UserError
from streaming.kinesis_writer import KinesisWriter
from streaming.producer import Record
from streaming.stream_set import StreamSet

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

S3 = "s3://"
REFRESH_SECONDS = 60.0  # how soon a producer follows a change


@dataclass(frozen=True, slots=True)
class Written:
    """A set as it was read, and the version of its document (None: it was not there)."""

    streams: StreamSet | None
    version: str | None


class Routing:
    """The document; whoever changes it must have read its latest version.

    Parameters
    ----------
    location
        A local file, or ``s3://bucket/key``.
    """

    def __init__(self, location: str) -> None:
        self.location = location

    def load(self) -> StreamSet:
        """Read the set; raises UserError when there is none."""
        streams = self.read().streams
        if streams is None:
            raise UserError(
                f"no streams are written down at {self.location!r}: make them with `soundgate streams create`"
            )
        return streams

    def read(self) -> Written:
        """Read the document, if it is there."""
        text, version = self._read_s3() if self.location.startswith(S3) else self._read_file()
        if text is None:
            return Written(None, None)
        try:
            return Written(StreamSet.from_dict(json.loads(text)), version)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.location!r} is no routing document of soundgate streams: {error}") from error

    def write(self, streams: StreamSet, version: str | None) -> str:
        """Write the document, if it still has the version that was read; gives the new version."""
        text = json.dumps(streams.to_dict(), indent=2, sort_keys=True) + "\n"
        return self._write_s3(text, version) if self.location.startswith(S3) else self._write_file(text, version)

    def remove(self) -> None:
        """Remove the document."""
        if not self.location.startswith(S3):
            Path(self.location).unlink(missing_ok=True)
            return
        bucket, key = self._bucket_and_key()
        try:
            make_client("s3").delete_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise UserError(f"cannot remove {self.location!r}: {error}") from error

    def _read_file(self) -> tuple[str | None, str | None]:
        try:
            text = Path(self.location).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None, None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read {self.location!r}: {error}") from error
        return text, text

    def _write_file(self, text: str, version: str | None) -> str:
        if self._read_file()[1] != version:
            raise self._overtaken()
        path = Path(self.location)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            hidden = path.with_name(f".{path.name}.writing")
            hidden.write_text(text, encoding="utf-8")
            hidden.replace(path)
        except OSError as error:
            raise UserError(f"cannot write {self.location!r}: {error}") from error
        return text

    def _read_s3(self) -> tuple[str | None, str | None]:
        bucket, key = self._bucket_and_key()
        try:
            answer = make_client("s3").get_object(Bucket=bucket, Key=key)
            return answer["Body"].read().decode(), answer["ETag"]
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None, None
            raise UserError(f"cannot read {self.location!r}: {error}") from error
        except (BotoCoreError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read {self.location!r}: {error}") from error

    def _write_s3(self, text: str, version: str | None) -> str:
        bucket, key = self._bucket_and_key()
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        try:
            answer = make_client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode(), **condition)
        except ClientError as error:
            if error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise self._overtaken() from error
            raise UserError(f"cannot write {self.location!r}: {error}") from error
        except BotoCoreError as error:
            raise UserError(f"cannot write {self.location!r}: {error}") from error
        return str(answer["ETag"])

    def _bucket_and_key(self) -> tuple[str, str]:
        bucket, _, key = self.location.removeprefix(S3).partition("/")
        if not bucket or not key:
            raise UserError(f"{self.location!r} names no object: write s3://bucket/key")
        return bucket, key

    def _overtaken(self) -> UserError:
        return UserError(f"{self.location!r} was changed by someone else meanwhile: look at it and try again")


class RoutedWriter:
    """Writes each record to the stream that its key goes to, following changes of the set.

    Parameters
    ----------
    client
        A boto3 Kinesis client.
    routing
        Where the set is written down.
    clock
        Seconds; for tests.
    """

    def __init__(self, client: KinesisClient, routing: Routing, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._routing = routing
        self._clock = clock
        self._writers: dict[str, KinesisWriter] = {}
        self._follow()

    @property
    def max_record_bytes(self) -> int:
        """What every stream of the set takes."""
        return min(self._writer(stream).max_record_bytes for stream in self._streams.active)

    @property
    def resent(self) -> int:
        """Records that were throttled and sent again."""
        return sum(writer.resent for writer in self._writers.values())

    def put(self, batch: Sequence[Record]) -> None:
        """Write a batch as `KinesisWriter.put` does, each record to its stream."""
        if self._clock() - self._read_at >= REFRESH_SECONDS:
            self._follow()
        by_stream: dict[str, list[Record]] = {}
        for record in batch:
            by_stream.setdefault(self._streams.stream_of(record.partition_key), []).append(record)
        for stream, records in by_stream.items():
            self._writer(stream).put(records)

    def _follow(self) -> None:
        self._streams = self._routing.load()
        self._read_at = self._clock()

    def _writer(self, stream: str) -> KinesisWriter:
        if stream not in self._writers:
            self._writers[stream] = KinesisWriter(self._client, stream)
        return self._writers[stream]
