"""A Lambda function that judges single files as they come to a bucket.

It takes what S3, SNS, EventBridge and SQS send, and writes a report and the pitch track beside each object. It is set
by environment variables: ``SOUNDGATE_PLACES`` (under which objects are judged, separated by spaces), the index's folder
in ``SOUNDGATE_INDEX``, and those of `soundgate settings`. An error is raised, so that the event comes again and ends
with the function's dead letters; of SQS' messages, only those that failed come again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from emr.lambda_kernels import BROUGHT_ALONG
from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.listing import check_places
from streaming.files.object_events import Created, Passed, parse_document, parse_message
from streaming.files.stored_file import find_place, is_own
from streaming.partition_key import printable
from streaming.settings import Settings, load_settings
from streaming.single.judge_object import ObjectJudge, Told
from streaming.single.opening import open_judge
from streaming.single.pitch import write_pitch

PLACES = "SOUNDGATE_PLACES"
SQS = "aws:sqs"

log = logging.getLogger("soundgate.lambda")
log.setLevel(logging.INFO)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Judge what an event announces.

    Parameters
    ----------
    event
        The document that Lambda was called with.
    context
        Lambda's; not used.

    Returns
    -------
    dict
        What became of each object, and, for SQS, which messages are to come again.

    Raises
    ------
    EventError
        The event is none, or an object cannot be judged now; not for SQS' messages.
    """
    records = event.get("Records")
    if not isinstance(records, list) or not any(_is_message(record) for record in records):
        return {"objects": [_said(told) for told in judge_events(parse_document(event))]}
    objects: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for record in records:
        try:
            objects += [_said(told) for told in judge_events(parse_message(str(record.get("body", ""))))]
        except Exception as error:  # whatever it is, the other messages have nothing to do with it
            log.warning("message %s: %s", printable(str(record.get("messageId"))), printable(str(error)))
            failed.append({"itemIdentifier": str(record.get("messageId"))})
    return {"objects": objects, "batchItemFailures": failed}


def judge_events(events: tuple[Created | Passed, ...]) -> list[Told]:
    """Judge the objects that events announce, one after the other."""
    settings, judge = opened()
    places = [source.removeprefix("files:") for source in settings.source]
    told = []
    for event in events:
        if not isinstance(event, Created):
            log.info("passed over: %s", printable(event.what))
            continue
        found = find_place(places, f"s3://{event.bucket}/{event.key}")
        if found is None or is_own(event.key):  # ours: what is written beside an object announces itself
            log.info("passed over: %s", printable(f"s3://{event.bucket}/{event.key}"))
            continue
        told.append(judge.judge(*found, event.version_id))
        log.info("%s", json.dumps(_said(told[-1])))
    return told


@cache
def opened() -> tuple[Settings, ObjectJudge]:
    """Open index and decoder, once for as long as this environment lives.

    Raises
    ------
    UserError
        A variable is missing or wrong.
    """
    places = check_places(os.environ.get(PLACES, "").split())
    if not places:
        raise UserError(f"{PLACES} is not set: name the s3:// places under which objects are judged")
    fixed = {"source": [f"files:{place}" for place in places], "lake": "/tmp/lake", "checkpoint": "/tmp"}  # noqa: S108
    settings = load_settings({**fixed, "store_accepted": False})
    log.info("index %s, kernels %s", settings.index, "brought along" if BROUGHT_ALONG else "compiled here or before")
    return settings, ObjectJudge(open_judge(settings), settings, Access(), write_pitch)


def _is_message(record: object) -> bool:
    return isinstance(record, Mapping) and record.get("eventSource") == SQS


def _said(told: Told) -> dict[str, Any]:
    return {"location": told.location, "upload_id": told.upload_id, "decision": told.decision, "known": told.known}
