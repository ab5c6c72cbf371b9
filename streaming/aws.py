"""Clients of AWS services, made one way, and their errors said in words that tell what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from streaming.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CALLS = 6


def kinesis_client(region: str | None = None, endpoint_url: str | None = None, calls: int = CALLS) -> KinesisClient:
    """Make a Kinesis client from the usual AWS configuration.

    Parameters
    ----------
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
    try:
        return boto3.client("kinesis", region_name=region, endpoint_url=endpoint_url, config=config)
    except NoRegionError as error:
        raise UserError("no AWS region is set: pass --region or set AWS_REGION.") from error
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise UserError(f"cannot set up the AWS client: {error}") from error


def error_code(error: ClientError) -> str:
    """Give the service's own code of an error (``ResourceNotFoundException``)."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


@contextmanager
def explained(stream: str) -> Iterator[None]:
    """Turn errors of calls about a stream into `UserError`."""
    try:
        yield
    except NoCredentialsError as error:
        raise UserError("no AWS credentials are set: configure a profile or set AWS_ACCESS_KEY_ID.") from error
    except ClientError as error:
        code, message = error_code(error), error.response.get("Error", {}).get("Message", "")
        if code == "ResourceNotFoundException":
            raise UserError(
                f"stream {stream!r} does not exist there: check its name, --region and --endpoint-url, "
                "or make it with `soundgate streams create`."
            ) from error
        raise UserError(f"Kinesis refused ({code}) on stream {stream!r}: {message}") from error
    except BotoCoreError as error:
        raise UserError(f"Kinesis cannot be reached for stream {stream!r}: {error}") from error
