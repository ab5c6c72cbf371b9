"""Clients of AWS services, made one way, and their errors said in words that tell what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from streaming.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CALLS = 6
NO_REGION = "no AWS region is set: pass --region, or set AWS_REGION or a profile's region"
NO_CREDENTIALS = "no AWS credentials are set: configure a profile or set AWS_ACCESS_KEY_ID"


def kinesis_client(region: str | None = None, endpoint_url: str | None = None, calls: int = CALLS) -> KinesisClient:
    """Make a Kinesis client, as `make_client` does."""
    client: KinesisClient = make_client("kinesis", region, endpoint_url, calls)
    return client


def make_client(service: str, region: str | None = None, endpoint_url: str | None = None, calls: int = CALLS) -> Any:
    """Make a service's client from the usual AWS configuration.

    Parameters
    ----------
    service
        Its name in boto3.
    region, endpoint_url
        What goes before the configuration.
    calls
        How often in all a call is made that was throttled or lost, with backoff and jitter between.

    Raises
    ------
    UserError
        No region is set, or the endpoint is no URL.
    """
    config = Config(retries={"mode": "standard", "total_max_attempts": calls}, connect_timeout=10, read_timeout=60)
    region = region or os.environ.get("AWS_REGION")  # what every other AWS SDK goes by; boto3 alone does not
    try:
        return boto3.client(service, region_name=region, endpoint_url=endpoint_url, config=config)  # type: ignore[call-overload]
    except NoRegionError as error:
        raise UserError(NO_REGION) from error
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise UserError(f"cannot set up the AWS client: {error}") from error


def find_region(region: str | None = None) -> str:
    """Give the region that clients will use.

    Raises
    ------
    UserError
        None is set.
    """
    found = region or os.environ.get("AWS_REGION") or boto3.Session().region_name
    if not found:
        raise UserError(NO_REGION)
    return found


def error_code(error: ClientError) -> str:
    """Give the service's own code of an error (``ResourceNotFoundException``)."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


@contextmanager
def explained(stream: str) -> Iterator[None]:
    """Turn errors of Kinesis calls about a stream into `UserError`."""
    try:
        with explained_service("Kinesis", f" on stream {stream!r}"):
            yield
    except UserError as error:
        if isinstance(error.__cause__, ClientError) and error_code(error.__cause__) == "ResourceNotFoundException":
            raise UserError(
                f"stream {stream!r} does not exist there: check its name, --region and --endpoint-url, "
                "or make it with `soundgate streams create`."
            ) from error.__cause__
        raise


@contextmanager
def explained_service(service: str, where: str = "") -> Iterator[None]:
    """Turn errors of a service's calls into `UserError`."""
    try:
        yield
    except NoCredentialsError as error:
        raise UserError(NO_CREDENTIALS) from error
    except ClientError as error:
        message = error.response.get("Error", {}).get("Message", "")
        raise UserError(f"{service} refused ({error_code(error)}){where}: {message}") from error
    except BotoCoreError as error:
        raise UserError(f"{service} cannot be reached{where}: {error}") from error
