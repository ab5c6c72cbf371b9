"""The loop over a queue, against SQS' API (moto): nothing is lost, nothing comes twice while it is worked on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from stored_rig import aws_server, left, make_queue, send

from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.consumer import Worked, consume
from streaming.files.queue import Policy, Received, open_queue


@pytest.fixture(scope="module")
def access() -> Iterator[Access]:
    with aws_server() as access:
        yield access


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask without waiting: here one server has all messages."""
    monkeypatch.setattr("streaming.files.consumer.DRAIN_POLL_SECONDS", 0)
    monkeypatch.setattr("streaming.files.queue.MORE_SECONDS", 0)


@pytest.mark.parametrize("name", ["standard", "ordered.fifo"])
def test_what_is_done_is_deleted_and_garbage_ends_with_the_dead_letters(
    access: Access, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = make_queue(access, name, tries=3)
    send(access, queue, "one", "garbage", "two", "three")
    seen: list[str] = []

    def work(messages: Sequence[Received]) -> Worked:
        seen.extend(each.body for each in messages)
        bad = [each for each in messages if each.body == "garbage"]
        return Worked([each for each in messages if each not in bad], [(each, "it is\nno JSON") for each in bad])

    consume(queue, work, threading.Event(), drain=True)
    assert [body for body in seen if body != "garbage"] == ["one", "two", "three"]
    assert seen.count("garbage") == 3
    assert (left(access, name), left(access, f"dead-{name}")) == (0, 1)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"soundgate: after 3 tries a message of {name} goes to dead-{name}"
    assert said[1].endswith("cannot be used: it is\\nno JSON (try 1 of 3)")
    assert said[2].endswith(" of no use, 0 put off")


def test_a_message_stays_hidden_for_as_long_as_it_is_worked_on(access: Access) -> None:
    queue = make_queue(access, "slow", hold_seconds=1)
    send(access, queue, "one")
    others: list[Received] = []

    def work(messages: Sequence[Received]) -> Worked:
        for _ in range(5):  # twice as long as it is hidden without a sign of life
            time.sleep(0.5)
            others.extend(open_queue("slow", access).receive(0))
        return Worked(list(messages))

    consume(queue, work, threading.Event(), drain=True)
    assert others == []
    assert left(access, "slow") == 0


def test_work_that_breaks_off_loses_no_message(access: Access) -> None:
    queue = make_queue(access, "broken", hold_seconds=1)
    send(access, queue, "one", "two")

    def work(_messages: Sequence[Received]) -> Worked:
        raise RuntimeError("the store is down")

    with pytest.raises(RuntimeError):
        consume(queue, work, threading.Event(), drain=True)
    time.sleep(1.2)
    assert sorted(each.body for each in queue.receive(0)) == ["one", "two"]


def test_many_messages_are_worked_on_together(access: Access) -> None:
    queue = make_queue(access, "many")
    send(access, queue, *map(str, range(25)))
    sizes: list[int] = []

    def work(messages: Sequence[Received]) -> Worked:
        sizes.append(len(messages))
        return Worked(list(messages))

    consume(queue, work, threading.Event(), drain=True)
    assert sizes == [25]
    assert left(access, "many") == 0


def test_a_loop_that_was_asked_to_end_does_not_begin(access: Access) -> None:
    asked = threading.Event()
    asked.set()
    queue = make_queue(access, "ended")
    consume(queue, lambda _: pytest.fail("it began"), asked, drain=False)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (Policy(None, "", False, 345_600), "warning: q has no dead-letter queue: .* for 4 days"),
        (Policy(5, "dead", False, 345_600), "warning: .* not there or cannot be seen"),
        (Policy(1, "dead", True, 345_600), "warning: after 1 tries .* Set maxReceiveCount"),
        (Policy(5, "dead", True, 345_600), "^after 5 tries a message of q goes to dead$"),
    ],
)
def test_the_redrive_policy_is_explained(policy: Policy, says: str) -> None:
    assert re.search(says, policy.in_words("q"))


def test_a_queue_that_is_not_there_is_said_to_be_none(access: Access) -> None:
    with pytest.raises(UserError, match=r"there is no queue 'nothing'"):
        open_queue("nothing", access)
    with pytest.raises(UserError, match="queue 'nothing'"):
        open_queue(f"{access.endpoint_url}/000000000000/nothing", access).policy()
