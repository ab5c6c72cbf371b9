"""An SQS queue, standard or FIFO: messages are held while they are worked on, and deleted when that is done.

A message that is received is hidden from others for a while only; a thread keeps hiding it for as long as the work
takes, so that it comes back soon when this process dies, and not before. What cannot be used is given back: how often
it may come again, and where it goes then, is the queue's own redrive policy.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from streaming.aws import error_code, explained_service
from streaming.errors import UserError
from streaming.files.access import Access

CALL = 10  # messages that SQS takes and gives in one call
LONG_POLL_SECONDS = 20  # the longest there is; SIGTERM is heard after it at the latest
HOLD_SECONDS = 120
MORE_SECONDS = 1  # how long is waited for further messages behind the first
GATHER_SECONDS = 5.0
MOST_MESSAGES = 500
MISSING = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
ATTRIBUTES = ("ApproximateReceiveCount", "SentTimestamp")


@dataclass(frozen=True, slots=True)
class Received:
    """A message that is held: its id, how to name it to the queue, its text, how often it was received, when sent."""

    id: str
    receipt: str
    body: str
    receives: int
    sent_ms: int  # since the epoch


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes of messages that are not deleted."""

    most_receives: int | None  # None: they come again until their retention ends
    dead_letters: str  # the name of the queue where they go then; "" for none
    dead_letters_there: bool
    retention_seconds: int

    def in_words(self, queue: str) -> str:
        """Say what it means for whoever runs this, and what to do where it is not well."""
        days = self.retention_seconds / 86_400
        if self.most_receives is None:
            return (
                f"warning: {queue} has no dead-letter queue: a message that cannot be used comes again and again for "
                f"{days:g} days, and in a FIFO queue holds up its group. Set the queue's RedrivePolicy"
            )
        after = f"after {self.most_receives} tries a message of {queue} goes to {self.dead_letters}"
        if not self.dead_letters_there:
            return f"warning: {after}, which is not there or cannot be seen: make it, or allow sqs:GetQueueAttributes"
        if self.most_receives < 3:
            return f"warning: {after}: a stop or two in the middle of work are enough. Set maxReceiveCount to 3 or more"
        return after


class Queue:
    """One queue.

    Parameters
    ----------
    url
        Its URL.
    client
        boto3's, for SQS.
    hold_seconds
        For how long a message stays hidden without a sign of life.
    """

    def __init__(self, url: str, client: Any, hold_seconds: int = HOLD_SECONDS) -> None:
        self.url = url
        self._client = client
        self._hold_seconds = hold_seconds

    @property
    def name(self) -> str:
        """The last part of its URL."""
        return self.url.rstrip("/").rpartition("/")[2]

    def policy(self) -> Policy:
        """Look up the redrive policy; raises `UserError` where the queue cannot be asked."""
        with explained_service("SQS", f" on queue {self.name!r}"):
            told = self._attributes(self.url)
        redrive = json.loads(told.get("RedrivePolicy") or "{}")
        arn = str(redrive.get("deadLetterTargetArn", ""))
        most = int(redrive["maxReceiveCount"]) if arn else None
        return Policy(
            most, arn.rpartition(":")[2], self._is_there(arn), int(told.get("MessageRetentionPeriod", 345_600))
        )

    def receive(self, wait_seconds: int) -> list[Received]:
        """Receive up to ten messages, waiting for the first one."""
        with explained_service("SQS", f" on queue {self.name!r}"):
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=CALL,
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=self._hold_seconds,
                AttributeNames=list(ATTRIBUTES),
            )
        return [_read(each) for each in answer.get("Messages", ())]

    def delete(self, messages: Sequence[Received]) -> None:
        """Delete messages; one that is not, comes again, and is known by then."""
        for part in _calls(messages):
            with explained_service("SQS", f" on queue {self.name!r}"):
                self._client.delete_message_batch(QueueUrl=self.url, Entries=_entries(part))

    def hide(self, messages: Sequence[Received], seconds: int) -> None:
        """Hide messages from now on for so long; 0 gives them back at once."""
        for part in _calls(messages):
            entries = [{**entry, "VisibilityTimeout": seconds} for entry in _entries(part)]
            with explained_service("SQS", f" on queue {self.name!r}"):
                self._client.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)

    @contextmanager
    def held(self) -> Iterator[list[Received]]:
        """Give a list whose messages stay hidden while inside; what is added to it is, too."""
        messages: list[Received] = []
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(messages, done), name="visibility", daemon=True)
        keeper.start()
        try:
            yield messages
        finally:
            done.set()
            keeper.join()

    def _keep(self, messages: list[Received], done: threading.Event) -> None:
        while not done.wait(self._hold_seconds / 3):
            try:
                self.hide(tuple(messages), self._hold_seconds)
            except UserError:
                continue  # tried again before the time is over; if it then is, the work is done twice and written once

    def _attributes(self, url: str) -> dict[str, str]:
        told: dict[str, str] = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return told

    def _is_there(self, arn: str) -> bool:
        if not arn:
            return False
        account, name = arn.split(":")[-2:]
        try:
            self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        except (ClientError, BotoCoreError):
            return False
        return True


def open_queue(name: str, access: Access, hold_seconds: int = HOLD_SECONDS) -> Queue:
    """Open a queue by its name or URL.

    Raises
    ------
    UserError
        There is none, or SQS cannot be asked.
    """
    client = access.client("sqs")
    if "://" in name:
        return Queue(name, client, hold_seconds)
    with explained_service("SQS", f" on queue {name!r}"):
        try:
            return Queue(str(client.get_queue_url(QueueName=name)["QueueUrl"]), client, hold_seconds)
        except ClientError as error:
            if error_code(error) in MISSING:
                raise UserError(f"there is no queue {name!r}: check its name (a FIFO queue's ends in .fifo)") from error
            raise


def gather(queue: Queue, held: list[Received], stop: threading.Event, wait_seconds: int = LONG_POLL_SECONDS) -> None:
    """Receive what is there into `held`, waiting for the first message and a little for those behind it."""
    ends = 0.0
    wait = wait_seconds
    while not stop.is_set() and len(held) < MOST_MESSAGES:
        found = queue.receive(wait)
        held += found
        ends = ends or time.monotonic() + GATHER_SECONDS
        if not found or time.monotonic() > ends:
            return
        wait = MORE_SECONDS


def _read(told: Any) -> Received:
    attributes = told.get("Attributes", {})
    receives, sent_ms = (int(attributes[name]) for name in ATTRIBUTES)
    return Received(told["MessageId"], told["ReceiptHandle"], told["Body"], receives, sent_ms)


def _calls(messages: Sequence[Received]) -> Iterator[Sequence[Received]]:
    for start in range(0, len(messages), CALL):
        yield messages[start : start + CALL]


def _entries(messages: Sequence[Received]) -> list[dict[str, Any]]:
    return [{"Id": str(number), "ReceiptHandle": message.receipt} for number, message in enumerate(messages)]
