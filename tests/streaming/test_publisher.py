"""Verdicts reach a webhook, a queue and a topic at least once, whatever these do, and nothing is forgotten."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from moto import mock_aws
from typer.testing import CliRunner

from streaming import publisher as publisher_module
from streaming import verdict_feed as publisher_feed
from streaming.cli import app
from streaming.errors import UserError
from streaming.places import Folder
from streaming.publisher import FOLDER, LEFT_OUT, LONGEST_PAUSE, Publisher, growing_pauses, make_message
from streaming.publisher_targets import SECRET_VARIABLE, Answer, Message, Sent, Webhook, is_loopback, open_target
from streaming.verdict_feed import VerdictFeed, parse_commit

SCHEMA = pa.schema(
    [
        ("upload_id", pa.string()),
        ("partition_key", pa.string()),
        ("decision", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("evidence", pa.string()),
        ("decided_at", pa.timestamp("us", tz="UTC")),
    ]
)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(publisher_module, "LOOK_SECONDS", 0.01)


def verdict(number: int, decision: str = "accept") -> dict[str, Any]:
    return {
        "upload_id": f"upload-{number}",
        "partition_key": f"user/Tr\u00e4ck {number}\u202e",
        "decision": decision,
        "reasons": ["container.trailing_bytes"],
        "evidence": "{}" * 1000,
        "decided_at": datetime(2026, 11, 21, 10, 0, tzinfo=UTC),
    }


def commit(lake: Path, *numbers: int) -> None:
    table = pa.Table.from_pylist([verdict(number) for number in numbers], SCHEMA)
    write_deltalake(lake / "verdicts", table, mode="append")


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    commit(tmp_path, 1, 2, 3)
    commit(tmp_path, 4)
    return tmp_path


class Receiver:
    """A webhook on loopback; `script` says what to do with the next requests: a status, or "hang"."""

    def __init__(self) -> None:
        self.script: list[int | str] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.taken: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers), body))
                step = receiver.script.pop(0) if receiver.script else 204
                if step == "hang":
                    time.sleep(0.6)
                    return
                if int(step) // 100 == 2:
                    receiver.taken.append(self.headers["Idempotency-Key"])
                self.send_response(int(step))
                if int(step) // 100 == 3:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/verdicts"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def follow(lake: Path, url: str, timeout: float = 0.3, **more: Any) -> Publisher:
    return Publisher(str(lake), url, Webhook(url, timeout_seconds=timeout), **more)


IDS = [f"upload-{number}" for number in (1, 2, 3, 4)]


# ----------------------------------------------------------------------------------------------------------- webhook


def test_each_verdict_is_posted_once_with_its_upload_id(lake: Path, receiver: Receiver) -> None:
    follow(lake, receiver.url).catch_up()
    headers, body = receiver.requests[0]
    assert receiver.taken == IDS
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "upload_id": "upload-1",
        "partition_key": "user/Tr\u00e4ck 1\u202e",
        "decision": "accept",
        "reasons": ["container.trailing_bytes"],
        "decided_at": "2026-11-21T10:00:00+00:00",
    }
    assert body.isascii()


def test_a_second_run_publishes_only_what_is_new(lake: Path, receiver: Receiver) -> None:
    follow(lake, receiver.url).catch_up()
    commit(lake, 5)
    follow(lake, receiver.url).catch_up()
    assert receiver.taken == [*IDS, "upload-5"]


@pytest.mark.parametrize("fault", [500, 503, 429, 401, 404, 302, "hang"])
def test_a_verdict_is_sent_again_until_it_is_taken(lake: Path, receiver: Receiver, fault: int | str) -> None:
    receiver.script = [204, fault, fault, 204]
    tally = (publisher := follow(lake, receiver.url)).catch_up() and publisher.tally
    assert receiver.taken == IDS
    assert len(receiver.requests) == 6
    assert tally.retries == 2
    assert tally.trouble == ""


def test_a_receiver_that_is_down_loses_nothing_and_is_told_when_it_is_back(lake: Path, receiver: Receiver) -> None:
    url = receiver.url
    receiver.close()
    stop = threading.Event()
    publisher = follow(lake, url, stop=stop)
    thread = threading.Thread(target=publisher.run)
    thread.start()
    commit(lake, 5)  # the job's commits do not wait for it
    deadline = time.monotonic() + 10
    while publisher.tally.retries < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert publisher.tally.taken == 0
    assert "refused" in publisher.tally.trouble.lower()
    assert publisher.tally.behind_seconds > 0
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    back = Receiver()
    try:
        Publisher(str(lake), url, Webhook(back.url)).catch_up()
    finally:
        back.close()
    assert back.taken == [*IDS, "upload-5"]


def test_a_verdict_that_will_never_be_taken_is_put_aside_and_the_next_goes_on(lake: Path, receiver: Receiver) -> None:
    receiver.script = [204, 413]
    publisher = follow(lake, receiver.url)
    publisher.catch_up()
    assert receiver.taken == ["upload-1", "upload-3", "upload-4"]
    assert publisher.tally.refused == 1
    (aside,) = (lake / FOLDER).glob("*/refused/*.json")
    assert json.loads(aside.read_text())["why"] == "HTTP 413"
    assert json.loads(aside.read_text())["message"]["upload_id"] == "upload-2"


def test_a_secret_signs_the_body(lake: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "hush")
    Publisher(str(lake), receiver.url, open_target(receiver.url)).catch_up()
    headers, body = receiver.requests[0]
    expected = hmac.new(b"hush", body, hashlib.sha256).hexdigest()
    assert headers["X-Soundgate-Signature"] == f"sha256={expected}"


# ------------------------------------------------------------------------------------------------------------ cursor


class Scripted:
    """A target that is told what to answer, and dies when told so."""

    batch = 2

    def __init__(self, die_at: int | None = None) -> None:
        self.sent: list[str] = []
        self.die_at = die_at

    def send(self, messages: Sequence[Message]) -> list[Sent]:
        for message in messages:
            if len(self.sent) == self.die_at:
                raise KeyboardInterrupt
            self.sent.append(message.id)
        return [Sent(Answer.TAKEN)] * len(messages)


@pytest.mark.parametrize("die_at", range(6))
def test_a_publisher_killed_anywhere_and_started_again_forgets_nothing(tmp_path: Path, die_at: int) -> None:
    commit(tmp_path, 1, 2, 3, 4, 5)
    commit(tmp_path, 6)
    first, second = Scripted(die_at), Scripted()
    with pytest.raises(KeyboardInterrupt):
        Publisher(str(tmp_path), "x", first).catch_up()
    Publisher(str(tmp_path), "x", second).catch_up()
    assert set(first.sent) | set(second.sent) == {f"upload-{number}" for number in range(1, 7)}
    assert len(first.sent) + len(second.sent) <= 6 + Scripted.batch  # repeats what was under way, and no more


def test_two_targets_have_a_cursor_each(lake: Path) -> None:
    first, second = Scripted(), Scripted()
    Publisher(str(lake), "first", first).catch_up()
    Publisher(str(lake), "second", second).catch_up()
    assert first.sent == second.sent == IDS


def test_a_new_target_may_begin_with_what_comes(lake: Path) -> None:
    target = Scripted()
    Publisher(str(lake), "x", target, from_now=True).catch_up()
    commit(lake, 5)
    Publisher(str(lake), "x", target, from_now=True).catch_up()
    assert target.sent == ["upload-5"]


def test_nothing_is_sent_before_it_is_in_the_table(lake: Path) -> None:
    # A file that is written and not yet committed is no verdict.
    (lake / "verdicts" / "part-orphan.parquet").write_bytes(next((lake / "verdicts").glob("*.parquet")).read_bytes())
    target = Scripted()
    Publisher(str(lake), "x", target).catch_up()
    assert target.sent == IDS


def test_rows_that_are_only_rewritten_are_not_sent_again(lake: Path) -> None:
    target = Scripted()
    Publisher(str(lake), "x", target).catch_up()
    DeltaTable(lake / "verdicts").optimize.compact()
    DeltaTable(lake / "verdicts").delete("upload_id = 'upload-2'")
    commit(lake, 5)
    Publisher(str(lake), "x", target).catch_up()
    assert target.sent == [*IDS, "upload-5"]


def test_a_table_made_anew_stops_the_publisher(lake: Path) -> None:
    Publisher(str(lake), "x", Scripted()).catch_up()
    (lake / "verdicts").rename(lake / "old")
    commit(lake, 9)
    with pytest.raises(UserError, match="made anew"):
        Publisher(str(lake), "x", Scripted()).catch_up()


def test_a_vacuumed_file_is_an_error_with_a_way_out_not_a_gap(lake: Path) -> None:
    DeltaTable(lake / "verdicts").optimize.compact()
    DeltaTable(lake / "verdicts").vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    target = Scripted()
    with pytest.raises(UserError, match="publish --all"):
        Publisher(str(lake), "x", target).catch_up()
    Publisher(str(lake), "x", target).publish_everything()
    commit(lake, 5)
    Publisher(str(lake), "x", target).catch_up()
    assert sorted(target.sent) == [*IDS, "upload-5"]


def test_a_log_that_was_cut_is_an_error_with_a_way_out_not_a_wait(lake: Path) -> None:
    DeltaTable(lake / "verdicts").create_checkpoint()
    (lake / "verdicts/_delta_log/00000000000000000000.json").unlink()
    with pytest.raises(UserError, match="no longer in the log"):
        Publisher(str(lake), "x", Scripted()).catch_up()


def test_a_lake_that_cannot_be_read_for_a_while_is_tried_again(lake: Path) -> None:
    first = lake / "verdicts/_delta_log/00000000000000000000.json"
    aside = first.rename(lake / "aside.json")
    first.mkdir()  # reading it is an error of the file system, not "not there"
    target, stop = Scripted(), threading.Event()
    publisher = Publisher(str(lake), "x", target, stop=stop)
    thread = threading.Thread(target=publisher.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not publisher.tally.trouble and time.monotonic() < deadline:
        time.sleep(0.01)
    assert publisher.tally.trouble
    first.rmdir()
    aside.rename(first)
    while publisher.tally.taken < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(5)
    assert target.sent == IDS


def test_a_store_that_is_down_as_the_table_is_opened_is_tried_again_too(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, down = publisher_feed.open_table, threading.Event()

    def open_or_not(where: str, name: str) -> DeltaTable:
        if down.is_set():
            raise UserError("the store does not answer") from OSError("no answer")
        return opened(where, name)

    def read_or_not(self: Folder, name: str) -> bytes | None:
        if down.is_set():
            raise ConnectionError("no answer")
        return read(self, name)

    read = Folder.read
    monkeypatch.setattr(publisher_feed, "open_table", open_or_not)
    monkeypatch.setattr(Folder, "read", read_or_not)
    target, stop, deadline = Scripted(), threading.Event(), time.monotonic() + 20
    publisher = Publisher(str(lake), "x", target, stop=stop)
    thread = threading.Thread(target=publisher.run)
    thread.start()
    while publisher.tally.taken < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    down.set()
    while "UserError" not in publisher.tally.trouble and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    down.clear()
    commit(lake, 5)
    while publisher.tally.taken < 5 and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(5)
    assert target.sent == [*IDS, "upload-5"]


def test_while_a_target_is_down_it_is_said_and_the_wait_grows(
    lake: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.script = [503] * 5 + [204]
    publisher = follow(lake, receiver.url.replace("://", "://user:hunter2@"))
    ages: list[float] = []
    publisher._stop.wait = lambda seconds: bool(ages.append(publisher.tally.behind_seconds) or time.sleep(0.01))  # type: ignore[method-assign, func-returns-value]
    publisher.catch_up()
    assert len(ages) == 5
    assert sorted(set(ages)) == ages  # the alarm on it fires however long one message is waited for
    said = capsys.readouterr().err
    assert said.count("HTTP 503") == 1
    assert "goes on" in said
    assert "hunter2" not in said


def test_no_lake_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has the job run yet"):
        Publisher(str(tmp_path), "x", Scripted()).catch_up()


def test_file_names_in_the_log_are_unquoted() -> None:
    line = json.dumps({"add": {"path": "a%20b%2Bc.parquet", "dataChange": True, "modificationTime": 5}}).encode()
    assert parse_commit(line, 7).files == ("a b+c.parquet",)
    assert parse_commit(line, 7).at_ms == 5


def test_the_feed_gives_rows_in_the_order_of_commits(lake: Path) -> None:
    feed = VerdictFeed(str(lake))
    versions = [feed.commit(version) for version in (0, 1, 2)]
    assert [[row["upload_id"] for row in feed.rows(v)] for v in versions if v] == [IDS[:3], IDS[3:]]
    assert versions[2] is None


# ---------------------------------------------------------------------------------------------------------------- AWS


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield


def make_queue(name: str) -> str:
    fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    return str(boto3.client("sqs").create_queue(QueueName=name, Attributes=fifo)["QueueUrl"])


def received(url: str) -> list[str]:
    found = []
    while batch := boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in batch]
    return found


@pytest.mark.parametrize("name", ["verdicts.fifo", "verdicts"])
def test_a_queue_gets_each_verdict(aws: None, lake: Path, name: str) -> None:
    url = make_queue(name)
    result = CliRunner().invoke(app, ["publish", "--lake", str(lake), "--to", f"sqs:{name}", "--once", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["taken"] == 4
    assert sorted(json.loads(body)["upload_id"] for body in received(url)) == IDS


def test_a_fifo_queue_drops_what_is_sent_twice(aws: None, lake: Path) -> None:
    url = make_queue("verdicts.fifo")
    for _ in range(2):
        result = CliRunner().invoke(app, ["publish", "--lake", str(lake), "--to", f"sqs:{url}", "--all"])
        assert result.exit_code == 0, result.output
    assert len(received(url)) == 4


@pytest.mark.parametrize("fifo", ["", ".fifo"])
def test_a_topic_tells_its_subscribers(aws: None, lake: Path, fifo: str) -> None:
    queue = make_queue(f"inbox{fifo}")
    attributes = {"FifoTopic": "true"} if fifo else {}
    topic = boto3.client("sns").create_topic(Name=f"verdicts{fifo}", Attributes=attributes)["TopicArn"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    result = CliRunner().invoke(app, ["publish", "--lake", str(lake), "--to", f"sns:{topic}", "--once"])
    assert result.exit_code == 0, result.output
    assert sorted(json.loads(json.loads(body)["Message"])["upload_id"] for body in received(queue)) == IDS


@pytest.mark.parametrize("to", ["sqs:verdicts", "sns"])
def test_large_verdicts_go_in_calls_that_are_taken_and_one_that_never_is_is_put_aside(aws: None, to: str) -> None:
    make_queue("verdicts")
    to = f"sns:{boto3.client('sns').create_topic(Name='verdicts')['TopicArn']}" if to == "sns" else to
    sizes = (100_000, 100_000, 100_000, 300_000, 10, 200_000)
    messages = [Message(f"u{number}", "accept", "x" * size) for number, size in enumerate(sizes)]
    answers = [sent.answer for sent in open_target(to).send(messages)]
    assert answers == [Answer.TAKEN] * 3 + [Answer.REFUSED] + [Answer.TAKEN] * 2


def test_a_topic_that_is_gone_is_waited_for(aws: None, lake: Path) -> None:
    arn = "arn:aws:sns:eu-central-1:123456789012:verdicts"
    stop = threading.Event()
    publisher = Publisher(str(lake), f"sns:{arn}", open_target(f"sns:{arn}"), stop=stop)
    thread = threading.Thread(target=publisher.run)
    thread.start()
    deadline = time.monotonic() + 10
    while publisher.tally.retries < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "NotFound" in publisher.tally.trouble
    boto3.client("sns").create_topic(Name="verdicts")
    while publisher.tally.taken < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(5)
    assert publisher.tally.taken == 4


# -------------------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    "to", ["", "mail:x", "sns:verdicts", "sns:arn:verdicts", "sqs:", "http://example.org/x", "http://10.0.0.1/"]
)
def test_a_target_that_is_none_is_refused(to: str) -> None:
    with pytest.raises(UserError):
        open_target(to, region="eu-central-1")


def test_only_this_machine_may_be_told_without_tls() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("localhost.example.org")


def test_pauses_grow_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "FIRST_PAUSE", 1.0)
    pauses = list(islice(growing_pauses(lambda: 1.0), 9))
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == LONGEST_PAUSE


def test_the_long_lists_stay_in_the_table() -> None:
    message = make_message({**verdict(1), "candidates": [{"title": "x"}], "missing": []})
    assert not LEFT_OUT & json.loads(message.body).keys()
    assert message.id == "upload-1"
