"""Who is told of verdicts: an SNS topic, an SQS queue, a webhook. Each takes messages and says what came of them."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from streaming.aws import make_client
from streaming.errors import UserError
from streaming.redaction import redact_url

SECRET_VARIABLE = "SOUNDGATE_WEBHOOK_SECRET"  # noqa: S105 - the name of one
TIMEOUT_SECONDS = 10.0
ARN_PARTS = 6
CALLS = 1  # the publisher does the retrying, because it knows what can wait
# What SNS takes in a call, its messages together, and SQS at least; a little is left for their attributes.
CALL_BYTES = 240 * 1024


@dataclass(frozen=True)
class Message:
    """A verdict on its way: the upload's id, by which a receiver knows what it has had already, and the JSON text.

    Of another table's rows `names` say what id and decision are.
    """

    id: str
    decision: str
    body: str
    names: tuple[str, str] = ("upload_id", "decision")


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

    def send(self, messages: Sequence[Message]) -> list[Sent]:
        """Publish up to ten messages, in one call unless they are large."""

        def publish(entries: list[dict[str, Any]]) -> Any:
            return self._client.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=entries)

        return send_in_calls(messages, "Message", self._arn.endswith(".fifo"), publish)


class SqsQueue:
    """An SQS queue; a FIFO queue drops what comes twice within five minutes by itself."""

    batch = 10

    def __init__(self, url: str, client: Any) -> None:
        self._url, self._client = url, client

    def send(self, messages: Sequence[Message]) -> list[Sent]:
        """Send up to ten messages, in one call unless they are large."""

        def send(entries: list[dict[str, Any]]) -> Any:
            return self._client.send_message_batch(QueueUrl=self._url, Entries=entries)

        return send_in_calls(messages, "MessageBody", self._url.endswith(".fifo"), send)


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
    arn = name.split(":")  # arn:aws:sns:REGION:ACCOUNT:TOPIC
    if kind == "sns" and len(arn) == ARN_PARTS and arn[0] == "arn":
        return SnsTopic(name, make_client("sns", region or arn[3], endpoint_url, CALLS))
    if kind == "sqs" and name:
        client = make_client("sqs", region, endpoint_url, CALLS)
        return SqsQueue(name if "://" in name else queue_url(client, name), client)
    if kind in ("https", "http"):
        if kind == "http" and not is_loopback(urlsplit(text).hostname or ""):
            raise UserError(f"--to {redact_url(text)}: verdicts are not sent unencrypted; use https://")
        return Webhook(text, os.environ.get(SECRET_VARIABLE))
    raise UserError(f"--to {text}: write sns:TOPIC_ARN, sqs:QUEUE (a name or URL) or https://…")


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
        message.names[0]: {"DataType": "String", "StringValue": message.id},
        message.names[1]: {"DataType": "String", "StringValue": message.decision},
    }


def fifo(message: Message) -> dict[str, str]:
    """Deduplicate by upload; verdicts of different uploads need no order, so each is a group of its own."""
    return {"MessageGroupId": message.id, "MessageDeduplicationId": message.id}


def send_in_calls(
    messages: Sequence[Message], body: str, is_fifo: bool, request: Callable[[list[dict[str, Any]]], Any]
) -> list[Sent]:
    """Make calls of SNS or SQS that are small enough to be taken; a message that never is, is refused here."""
    sent: list[Sent] = []
    for group in fitting(messages):
        if len(group[0].body) > CALL_BYTES:
            sent.append(Sent(Answer.REFUSED, f"its {len(group[0].body)} bytes are more than SNS and SQS take"))
            continue
        entries = [
            {
                "Id": str(position),
                body: message.body,
                "MessageAttributes": attributes(message),
                **(fifo(message) if is_fifo else {}),
            }
            for position, message in enumerate(group)
        ]
        sent += call(request, entries)
    return sent


def fitting(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Cut messages into groups, in order, that a call takes; one that is too large by itself is a group of its own."""
    group: list[Message] = []
    for message in messages:
        if group and sum(len(one.body) for one in group) + len(message.body) > CALL_BYTES:  # bodies are ASCII
            yield group
            group = []
        group.append(message)
    if group:
        yield group


def call(request: Callable[[list[dict[str, Any]]], Any], entries: list[dict[str, Any]]) -> list[Sent]:
    """Make a batch call of SNS or SQS and sort its answer, which may take some messages and not others."""
    try:
        response = request(entries)
    except (ClientError, BotoCoreError) as error:
        return [Sent(Answer.AGAIN, str(error))] * len(entries)
    sent = [Sent(Answer.AGAIN, "the service did not say what became of it")] * len(entries)
    for entry in response.get("Successful", ()):
        sent[int(entry["Id"])] = Sent(Answer.TAKEN)
    for entry in response.get("Failed", ()):
        answer = Answer.REFUSED if entry.get("SenderFault") else Answer.AGAIN
        sent[int(entry["Id"])] = Sent(answer, json.dumps({k: entry.get(k) for k in ("Code", "Message")}))
    return sent
