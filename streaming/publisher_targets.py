"""Who is told of verdicts: an SNS topic, an SQS queue, a webhook. Each takes messages and says what came of them."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from streaming.errors import UserError

SECRET_VARIABLE = "SOUNDGATE_WEBHOOK_SECRET"  # noqa: S105 - the name of one
TIMEOUT_SECONDS = 10.0
# The publisher does the retrying, because it knows what can wait.
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=10, read_timeout=20)


@dataclass(frozen=True)
class Message:
    """A verdict on its way: the upload's id, by which a receiver knows what it has had already, and the JSON text."""

    id: str
    decision: str
    body: str


class Answer(Enum):
    """What came of a message."""

    TAKEN = "taken"
    AGAIN = "again"  # the target is down, busy or closed to us: the same message again, later
    REFUSED = "refused"  # this message will never be taken


@dataclass(frozen=True)
class Sent:
    """The answer to one message, with the target's own words when it was not taken."""

    answer: Answer
    why: str = ""


class Target(Protocol):
    """Takes up to `batch` messages at a time."""

    batch: int

    def send(self, messages: Sequence[Message]) -> list[Sent]:
        """Send messages; one answer for each, in order. Never raises for what the target does."""


class SnsTopic:
    """An SNS topic; a FIFO topic (``….fifo``) drops what comes twice within five minutes by itself."""

    batch = 10

    def __init__(self, arn: str, client: Any) -> None:
        self._arn, self._client = arn, client
        self._fifo = arn.endswith(".fifo")

    def send(self, messages: Sequence[Message]) -> list[Sent]:
        """Publish up to ten messages in one call."""
        entries = [
            {
                "Id": str(position),
                "Message": message.body,
                "MessageAttributes": attributes(message),
                **(fifo(message) if self._fifo else {}),
            }
            for position, message in enumerate(messages)
        ]
        return call(
            lambda: self._client.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=entries), messages
        )


class SqsQueue:
    """An SQS queue; a FIFO queue drops what comes twice within five minutes by itself."""

    batch = 10

    def __init__(self, url: str, client: Any) -> None:
        self._url, self._client = url, client
        self._fifo = url.endswith(".fifo")

    def send(self, messages: Sequence[Message]) -> list[Sent]:
        """Send up to ten messages in one call."""
        entries = [
            {
                "Id": str(position),
                "MessageBody": message.body,
                "MessageAttributes": attributes(message),
                **(fifo(message) if self._fifo else {}),
            }
            for position, message in enumerate(messages)
        ]
        return call(lambda: self._client.send_message_batch(QueueUrl=self._url, Entries=entries), messages)


class Webhook:
    """A POST a verdict, with the upload id as ``Idempotency-Key``; signed when a secret is set.

    Taken = any 2xx. Redirects are not followed: verdicts go where they were told to go.
    """

    batch = 1
    # "This request is wrong": sending the same again cannot help, unlike 401, 403, 404 (setting up), 408, 425, 429.
    REFUSALS = frozenset({400, 405, 406, 409, 410, 411, 413, 414, 415, 422, 431})

    def __init__(self, url: str, secret: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url, self._secret = url, secret
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(total=timeout_seconds), retries=False)

    def send(self, messages: Sequence[Message]) -> list[Sent]:
        """Post each message."""
        return [self._post(message) for message in messages]

    def _post(self, message: Message) -> Sent:
        body = message.body.encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id, "User-Agent": "soundgate"}
        if self._secret:
            digest = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Soundgate-Signature"] = f"sha256={digest}"
        try:
            response = self._pool.request("POST", self._url, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            return Sent(Answer.AGAIN, f"{type(error).__name__}: {error}")
        if response.status // 100 == 2:
            return Sent(Answer.TAKEN)
        answer = Answer.REFUSED if response.status in self.REFUSALS else Answer.AGAIN
        return Sent(answer, f"HTTP {response.status}")


def open_target(text: str, region: str | None = None, endpoint_url: str | None = None) -> Target:
    """Open what ``--to`` names: ``sns:ARN``, ``sqs:QUEUE`` (name or URL), ``https://…``.

    Raises
    ------
    UserError
        When it is none of these, or the queue is not there.
    """
    kind, _, name = text.partition(":")
    if kind == "sns" and name.startswith("arn:"):
        return SnsTopic(name, make_client("sns", region or name.split(":")[3], endpoint_url))
    if kind == "sqs" and name:
        client = make_client("sqs", region, endpoint_url)
        return SqsQueue(name if "://" in name else queue_url(client, name), client)
    if kind in ("https", "http"):
        if kind == "http" and not is_loopback(urlsplit(text).hostname or ""):
            raise UserError(f"--to {text}: verdicts are not sent unencrypted; use https://")
        return Webhook(text, os.environ.get(SECRET_VARIABLE))
    raise UserError(f"--to {text}: write sns:TOPIC_ARN, sqs:QUEUE (a name or URL) or https://…")


def make_client(service: str, region: str | None, endpoint_url: str | None) -> Any:
    """Make a client that tries once."""
    try:
        return boto3.client(service, region_name=region, endpoint_url=endpoint_url, config=CONFIG)  # type: ignore[call-overload]
    except (BotoCoreError, ValueError) as error:
        raise UserError(f"cannot set up the {service.upper()} client: {error}") from error


def queue_url(client: Any, name: str) -> str:
    """Look up a queue by name."""
    try:
        return str(client.get_queue_url(QueueName=name)["QueueUrl"])
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"--to sqs:{name}: {error}") from error


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def attributes(message: Message) -> dict[str, Any]:
    """Give what subscriptions can filter by."""
    return {
        "upload_id": {"DataType": "String", "StringValue": message.id},
        "decision": {"DataType": "String", "StringValue": message.decision},
    }


def fifo(message: Message) -> dict[str, str]:
    """Deduplicate by upload; verdicts of different uploads need no order, so each is a group of its own."""
    return {"MessageGroupId": message.id, "MessageDeduplicationId": message.id}


def call(request: Any, messages: Sequence[Message]) -> list[Sent]:
    """Make a batch call of SNS or SQS and sort its answer, which may take some messages and not others."""
    try:
        response = request()
    except (ClientError, BotoCoreError) as error:
        return [Sent(Answer.AGAIN, str(error))] * len(messages)
    sent = [Sent(Answer.AGAIN, "the service did not say what became of it")] * len(messages)
    for entry in response.get("Successful", ()):
        sent[int(entry["Id"])] = Sent(Answer.TAKEN)
    for entry in response.get("Failed", ()):
        answer = Answer.REFUSED if entry.get("SenderFault") else Answer.AGAIN
        sent[int(entry["Id"])] = Sent(answer, json.dumps({k: entry.get(k) for k in ("Code", "Message")}))
    return sent
