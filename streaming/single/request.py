"""A message of the replaced system's queue: it asks for one upload to be fetched from its stream. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from streaming.files.object_events import EventError
from streaming.partition_key import MAX_CHARACTERS

FIELDS = ("UserID", "TrackName", "TrackPath", "SampleRate", "TrackLength", "PartitionKey")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the upload, or uploads, under this partition key.

    The message's other fields say again what the records say themselves, and are not believed.
    """

    partition_key: str


def parse_request(body: str) -> Request:
    """Read a message.

    Parameters
    ----------
    body
        Its text, whatever it is.

    Raises
    ------
    EventError
        For what is none.
    """
    try:
        document = json.loads(body, parse_constant=_refuse)
    except RecursionError as error:
        raise EventError("it is nested too deeply") from error
    except ValueError as error:
        raise EventError("it is no JSON") from error
    if not isinstance(document, dict):
        raise EventError("it is no JSON object")
    if "Records" in document or document.get("source") == "aws.s3":
        raise EventError("it announces objects, which `soundgate files --sqs` reads")
    missing = [name for name in FIELDS if name not in document]
    if missing:
        raise EventError(f"it lacks {', '.join(missing)}")
    return Request(_check_key(document["PartitionKey"]))


def _check_key(key: Any) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= MAX_CHARACTERS:
        raise EventError(f"its PartitionKey is no text of 1 to {MAX_CHARACTERS} characters")
    try:
        key.encode()
    except UnicodeEncodeError as error:  # JSON can spell half a surrogate pair, and Kinesis has no such key
        raise EventError("its PartitionKey is no text") from error
    return key


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
