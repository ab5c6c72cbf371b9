"""What EMR's services refuse, in words that tell what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from streaming.aws import NO_CREDENTIALS
from streaming.errors import UserError


@contextmanager
def explained(deed: str) -> Iterator[None]:
    """Turn what goes wrong in a call into a `UserError` that names the deed (``describe the step``)."""
    try:
        yield
    except NoCredentialsError as error:
        raise UserError(NO_CREDENTIALS) from error
    except ClientError as error:
        said = error.response.get("Error", {})
        raise UserError(f"could not {deed}: {said.get('Code', '?')}: {said.get('Message', '')}") from error
    except BotoCoreError as error:
        raise UserError(f"could not {deed}: {error}") from error
