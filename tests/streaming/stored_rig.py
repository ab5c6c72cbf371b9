"""What tests of stored files share: a server of S3 and SQS on loopback, and a clean bucket in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.server import ThreadedMotoServer
from urllib3 import PoolManager

from streaming.files.access import Access
from streaming.local_kinesis import CREDENTIALS

REGION = "us-east-1"


@contextmanager
def aws_server() -> Iterator[Access]:
    """Give the way to a server of AWS' APIs, its state empty; credentials are set meanwhile."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = Access(REGION, f"http://{host}:{port}")
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in CREDENTIALS.items():
                patch.setenv(name, value)
            yield access
    finally:
        PoolManager().request("POST", f"{access.endpoint_url}/moto-api/reset")  # state outlives a server
        server.stop()


def put(access: Access, bucket: str, objects: dict[str, bytes], **more: Any) -> None:
    """Put objects, making the bucket where it is not there."""
    client = access.client("s3")
    if bucket not in {each["Name"] for each in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=bucket)
    for key, data in objects.items():
        client.put_object(Bucket=bucket, Key=key, Body=data, **more)
