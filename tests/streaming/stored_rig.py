"""What tests of stored files share: a server of S3 and SQS on loopback, and a clean bucket in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from urllib3 import PoolManager

from streaming.files.access import Access
from streaming.files.queue import Queue, open_queue
from streaming.local_kinesis import CREDENTIALS

REGION = "us-east-1"
ETAG = "d41d8cd98f00b204e9800998ecf8427e"


@contextmanager
def aws_server() -> Iterator[Access]:
    """Give the way to a server of AWS' APIs, its state empty; credentials are set meanwhile."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = Access(REGION, f"http://{host}:{port}")
    forget(access)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)
            yield access
    finally:
        forget(access)
        server.stop()


def forget(access: Access) -> None:
    """Empty the server: its state is the process's, and outlives it."""
    PoolManager().request("POST", f"{access.endpoint_url}/moto-api/reset")


def put(access: Access, bucket: str, objects: dict[str, bytes], **more: Any) -> None:
    """Put objects, making the bucket where it is not there."""
    client = access.client("s3")
    if bucket not in {each["Name"] for each in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=bucket)
    for key, data in objects.items():
        client.put_object(Bucket=bucket, Key=key, Body=data, **more)


def make_queue(access: Access, name: str, tries: int | None = None, hold_seconds: int = 120) -> Queue:
    """Make a queue, and one for its dead letters if there is a number of tries."""
    client = access.client("sqs")
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    redrive: dict[str, str] = {}
    if tries is not None:
        dead = client.create_queue(QueueName=f"dead-{name}", Attributes=attributes)["QueueUrl"]
        arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": tries})}
    client.create_queue(QueueName=name, Attributes={**attributes, **redrive})
    return open_queue(name, access, hold_seconds)


def send(access: Access, queue: Queue, *bodies: str) -> None:
    for number, body in enumerate(bodies):
        fifo = {"MessageGroupId": "all", "MessageDeduplicationId": str(number)} if queue.name.endswith(".fifo") else {}
        access.client("sqs").send_message(QueueUrl=queue.url, MessageBody=body, **fifo)


def left(access: Access, name: str) -> int:
    url = access.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    told = access.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(told[name]) for name in names)


def s3_record(key: str = "a.wav", name: str = "ObjectCreated:Put", **told: Any) -> dict[str, Any]:
    """Give a record as S3 sends it (event version 2.1)."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-03-01T12:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "arrivals",
            "bucket": {"name": "inbox", "ownerIdentity": {"principalId": "A3NL"}, "arn": "arn:aws:s3:::inbox"},
            "object": {"key": key, "size": 1024, "eTag": ETAG, "sequencer": "0055AED6DCD90281E5", **told},
        },
    }


def notification(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": list(records)})


def in_sns(body: str) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:x:1:t", "Message": body})


def eventbridge(key: str, kind: str = "Object Created") -> dict[str, Any]:
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-03-01T12:00:00Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:s3:::inbox"],
        "detail": {
            "version": "0",
            "bucket": {"name": "inbox"},
            "object": {"key": key, "size": 5, "etag": ETAG, "version-id": "IYV3p45B", "sequencer": "617f08299329d189"},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "111122223333",
            "reason": "PutObject",
        },
    }


TEST_EVENT = json.dumps(
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-03-01T12:00:00.000Z", "Bucket": "inbox"}
)
