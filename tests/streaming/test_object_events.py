"""What a store says of its objects is read, whoever wraps it; what is none of it is refused in words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_rig import TEST_EVENT, eventbridge, in_sns, notification, s3_record

from streaming.files.object_events import Created, EventError, Passed, parse_document, parse_message


@pytest.mark.parametrize(
    ("quoted", "key"),
    [
        ("alice/two+words.wav", "alice/two words.wav"),
        ("C%2B%2B+theme.wav", "C++ theme.wav"),
        ("100%25.wav", "100%.wav"),
        ("%E2%99%AB/%C3%A4.flac", "♫/ä.flac"),
        ("a%2Fb.wav", "a/b.wav"),
    ],
)
def test_a_key_is_unquoted_as_s3_quotes_it(quoted: str, key: str) -> None:
    assert parse_message(notification(s3_record(quoted))) == (Created("inbox", key),)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(lambda key: key[-1] != "/"))
def test_any_key_comes_back(key: str) -> None:
    assert parse_message(notification(s3_record(quote_plus(key)))) == (Created("inbox", key),)


def test_eventbridge_says_keys_as_they_are() -> None:
    body = json.dumps(eventbridge("C++ 100%.wav"))
    assert parse_message(body) == (Created("inbox", "C++ 100%.wav", "IYV3p45B"),)


@pytest.mark.parametrize("wrap", [in_sns, lambda body: in_sns(in_sns(body))])
def test_an_envelope_of_sns_is_opened(wrap: Any) -> None:
    assert parse_message(wrap(notification(s3_record("a+b")))) == (Created("inbox", "a b"),)


def test_a_function_that_sns_calls_gets_records_of_its_own() -> None:
    document = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": notification(s3_record())}}]}
    assert parse_document(document) == (Created("inbox", "a.wav"),)


def test_a_version_is_taken_and_null_is_none() -> None:
    both = parse_message(notification(s3_record(versionId="v1"), s3_record(versionId="null")))
    assert [event.version_id for event in both if isinstance(event, Created)] == ["v1", ""]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (TEST_EVENT, "s3:TestEvent"),
        (in_sns(TEST_EVENT), "s3:TestEvent"),
        (notification(s3_record(name="ObjectRemoved:Delete")), "ObjectRemoved:Delete"),
        (notification(s3_record(name="ObjectRemoved:DeleteMarkerCreated")), "ObjectRemoved:DeleteMarkerCreated"),
        (notification(s3_record(name="LifecycleExpiration:Delete")), "LifecycleExpiration:Delete"),
        (notification(s3_record(name="ObjectTagging:Put")), "ObjectTagging:Put"),
        (notification(s3_record("a/folder/")), "a folder's mark"),
        (json.dumps(eventbridge("a", "Object Deleted")), "Object Deleted"),
        (json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": "https://x"}), "sns:SubscriptionConfirmation"),
    ],
)
def test_what_asks_for_nothing_is_passed_over(body: str, what: str) -> None:
    assert parse_message(body) == (Passed(what),)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "no JSON"),
        ("hello", "no JSON"),
        ("[" * 100_000, "nested"),
        ('{"Records": NaN}', "no JSON"),
        ("9" * 10_000, "no JSON"),
        ("null", "no JSON object"),
        ("[]", "no JSON object"),
        ("{}", "no notification"),
        ('{"Records": [1]}', "no JSON object"),
        ('{"Records": [{}]}', "no event of S3"),
        ('{"Records": [{"eventSource": "aws:s3"}]}', "eventName"),
        ('{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}', "'s3'"),
        (notification(s3_record("%ff")), "no UTF-8"),
        (notification(s3_record("")), "0 bytes"),
        (notification(s3_record("x" * 1025)), "1025 bytes"),
        (notification(s3_record(versionId=5)), "versionId"),
        (json.dumps(eventbridge("\ud800")), "no text"),
        (json.dumps({**eventbridge("a"), "detail": {"bucket": {"name": "../x"}, "object": {"key": "a"}}}), "bucket"),
        (in_sns(in_sns(in_sns(in_sns(in_sns("{}"))))), "envelope"),
        ('{"UserID": "1", "TrackName": "x", "PartitionKey": "1/x"}', "soundgate rebuild --queue"),
    ],
)
def test_what_is_no_event_is_refused_in_words(body: str, says: str) -> None:
    with pytest.raises(EventError, match=says):
        parse_message(body)


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = [
        "Records",
        "Type",
        "Message",
        "source",
        "detail",
        "object",
        "bucket",
        "s3",
        "eventSource",
        "eventName",
        "key",
    ]
    values = inner | st.sampled_from(["aws:s3", "aws.s3", "Notification", "ObjectCreated:Put", "Object Created"])
    return st.lists(inner) | st.dictionaries(st.sampled_from(names), values)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), around, max_leaves=12))
def test_no_document_does_more_than_be_refused(document: Any) -> None:
    with suppress(EventError):
        parse_document(document)
