"""Clients of the services that EMR work needs, and their refusals in words that tell what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from streaming.errors import UserError

# "standard" retries calls that were throttled or lost, with backoff and jitter.
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=10, read_timeout=60)


def make_client(service: str, region: str | None = None) -> Any:
    """Make a boto3 client from the usual AWS configuration."""
    with explained(f"set up a client of {service}"):
        return boto3.client(service, region_name=region, config=CONFIG)  # type: ignore[call-overload]


@contextmanager
def explained(deed: str) -> Iterator[None]:
    """Turn what goes wrong in a call into a `UserError` that names the deed (``describe the step``)."""
    try:
        yield
    except NoRegionError as error:
        raise UserError("no AWS region is set: pass --region or set AWS_REGION") from error
    except NoCredentialsError as error:
        raise UserError("no AWS credentials are set: configure a profile or set AWS_ACCESS_KEY_ID") from error
    except ClientError as error:
        said = error.response.get("Error", {})
        raise UserError(f"could not {deed}: {said.get('Code', '?')}: {said.get('Message', '')}") from error
    except BotoCoreError as error:
        raise UserError(f"could not {deed}: {error}") from error
