"""The loop over a queue: gather messages, have them worked on, delete what is done, give back what cannot be used."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from streaming.files.queue import LONG_POLL_SECONDS, Queue, Received, gather
from streaming.telling import tell

DRAIN_POLL_SECONDS = 2  # long enough to ask all of SQS' servers, as every long poll does


@dataclass
class Worked:
    """What became of some messages.

    Attributes
    ----------
    done
        To be deleted.
    refused
        Of no use, each with the reason, for people to read; left to the queue's redrive policy.
    later
        To be looked at again, each after so many seconds.
    """

    done: list[Received] = field(default_factory=list)
    refused: list[tuple[Received, str]] = field(default_factory=list)
    later: list[tuple[Received, int]] = field(default_factory=list)


Work = Callable[[Sequence[Received]], Worked]


def consume(queue: Queue, work: Work, asked: threading.Event, drain: bool) -> None:
    """Work on a queue's messages until asked to end, or, with `drain`, until it gives no more.

    What `work` raises ends the loop; the messages that it had come back by themselves.
    """
    policy = queue.policy()
    tell(policy.in_words(queue.name))
    wait = DRAIN_POLL_SECONDS if drain else LONG_POLL_SECONDS
    while not asked.is_set():
        with queue.held() as held:
            gather(queue, held, asked, wait)
            worked = work(tuple(held)) if held else Worked()
            nothing = not held
        queue.delete(worked.done)
        for message, seconds in worked.later:
            queue.hide([message], seconds)
        for message, why in worked.refused:
            of = "" if policy.most_receives is None else f" of {policy.most_receives}"
            tell(f"message {message.id} cannot be used: {why} (try {message.receives}{of})")
        if not nothing and not sys.stderr.isatty():  # for a log; who looks on has the bar
            counts = f"{len(worked.done)} done, {len(worked.refused)} of no use, {len(worked.later)} put off"
            tell(f"{len(held)} messages: {counts}")
        if policy.most_receives is not None:  # again at once: sooner with the dead letters, and out of its group's way
            queue.hide([message for message, _ in worked.refused], 0)
        if nothing and drain:
            return
