"""What a store says of its objects: S3's notifications, plain or in an SNS envelope, and EventBridge's documents. Pure.

Whoever may send to a queue writes these, so everything of them is looked at before it is believed. Keys are quoted as
in a form in S3's own notifications (a space is ``+``, a plus ``%2B``), and plain in EventBridge's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote_plus

MOST_ENVELOPES = 3
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", re.ASCII)
MOST_KEY_BYTES = 1024  # S3's own limit
LEGACY_FIELDS = frozenset({"UserID", "TrackName", "PartitionKey"})


class EventError(ValueError):
    """A message that cannot be used, whatever is done; says why, for people to read."""


@dataclass(frozen=True, slots=True)
class Created:
    """An object that came to be, as it was announced; nothing of it is checked against the store yet.

    `version_id` is "" where the event does not say. What else it says of the object, the store says better.
    """

    bucket: str
    key: str
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class Passed:
    """An event that asks for nothing: what it was."""

    what: str


def parse_message(body: str) -> tuple[Created | Passed, ...]:
    """Read a queue's message.

    Parameters
    ----------
    body
        Its text, whatever it is.

    Returns
    -------
    tuple
        One entry an event, in order.

    Raises
    ------
    EventError
        For what is no event.
    """
    return parse_document(_load(body))


def parse_document(document: Any, envelopes: int = 0) -> tuple[Created | Passed, ...]:
    """Read a document as a Lambda function or a queue gets it: S3's notification, SNS' envelope, EventBridge's event.

    Raises
    ------
    EventError
        For what is none of them.
    """
    if not isinstance(document, Mapping):
        raise EventError("it is no JSON object")
    if envelopes > MOST_ENVELOPES:
        raise EventError("it is an envelope in an envelope in an envelope")
    if document.get("Event") == "s3:TestEvent":
        return (Passed("s3:TestEvent"),)
    kind = document.get("Type")
    if kind == "Notification":
        return parse_document(_load(_text(document, "Message")), envelopes + 1)
    if kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return (Passed(f"sns:{kind}"),)  # its address is not visited: anybody could have written it
    if isinstance(document.get("Records"), list):
        return tuple(event for record in document["Records"] for event in _read_record(record, envelopes))
    if document.get("source") == "aws.s3":
        return (_read_eventbridge(document),)
    if document.keys() >= LEGACY_FIELDS:
        raise EventError("it is a message of the replaced system's queue, which `soundgate rebuild --queue` reads")
    raise EventError("it is no notification of S3, no envelope of SNS and no event of EventBridge")


def _read_record(record: Any, envelopes: int) -> tuple[Created | Passed, ...]:
    """Read one entry of ``Records``: an event of S3, or an SNS message as a Lambda function gets it."""
    if not isinstance(record, Mapping):
        raise EventError("a record is no JSON object")
    if record.get("EventSource") == "aws:sns":
        return parse_document(_load(_text(_part(record, "Sns"), "Message")), envelopes + 1)
    if record.get("eventSource") != "aws:s3":
        raise EventError("a record is no event of S3")
    name = _text(record, "eventName").removeprefix("s3:")
    if not name.startswith("ObjectCreated:"):
        return (Passed(_short(name)),)
    body = _part(record, "s3")
    told = _part(body, "object")
    try:
        key = unquote_plus(_text(told, "key"), errors="strict")
    except UnicodeDecodeError as error:
        raise EventError("an object's key is no UTF-8") from error
    return (_created(_part(body, "bucket"), key, told, "versionId"),)


def _read_eventbridge(document: Mapping[str, Any]) -> Created | Passed:
    name = _text(document, "detail-type")
    if name != "Object Created":
        return Passed(_short(name))
    detail = _part(document, "detail")
    told = _part(detail, "object")
    return _created(_part(detail, "bucket"), _text(told, "key"), told, "version-id")


def _created(bucket: Mapping[str, Any], key: str, told: Mapping[str, Any], version_id: str) -> Created | Passed:
    name = _text(bucket, "name")
    if not BUCKET.fullmatch(name):
        raise EventError("what it calls a bucket is no bucket's name")
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:  # JSON can spell half a surrogate pair
        raise EventError("an object's key is no text") from error
    if not 0 < length <= MOST_KEY_BYTES:
        raise EventError(f"an object's key has {length} bytes, of 1 to {MOST_KEY_BYTES}")
    if key.endswith("/"):
        return Passed("a folder's mark")
    return Created(name, key, _optional(told, version_id))


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if not isinstance(value, Mapping):
        raise EventError(f"it has no {name!r}")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise EventError(f"its {name!r} is missing, or no text")
    return value


def _optional(document: Mapping[str, Any], name: str) -> str:
    """Give a text that need not be there; "null" is how S3 calls the version of an object that has none."""
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise EventError(f"its {name!r} is no text")
    return "" if value in (None, "null") else str(value)


def _short(name: str) -> str:
    return name[:60]


def _load(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise EventError("it is nested too deeply") from error
    except ValueError as error:  # also an integer of too many digits
        raise EventError("it is no JSON") from error


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
