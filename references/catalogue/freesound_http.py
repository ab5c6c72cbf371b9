"""Requests to a Freesound-compatible API: paced, tried again while that can help, and bounded.

What can pass (429, 5xx, a lost connection, a body that ends early) is tried again after a pause that the server names
(``Retry-After``, in seconds or as a date) or that grows; what cannot is said at once. The key goes in a header, to the
API's own host only.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import urllib3

from references.catalogue.source import NotFetchedError, SourceError

TRIES = 6
FIRST_PAUSE = 1.0
LONGEST_WAIT = 15 * 60.0  # a longer pause than this is left to the next sync: the day's requests are used up
SECONDS_A_REQUEST = 1.0  # Freesound allows sixty a minute
TIMEOUT = urllib3.Timeout(connect=10.0, read=60.0)
MAX_BYTES = 256 << 20
READ_AT_ONCE = 1 << 16
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
Value = TypeVar("Value")


class NotThereError(SourceError):
    """404: what was asked for does not exist."""


class Caller:
    """Makes requests.

    Parameters
    ----------
    api
        The API's address; ``https``, unless it is this machine's.
    key
        Its key.
    sleep, clock
        How time passes; others in tests.
    """

    def __init__(
        self,
        api: str,
        key: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api.rstrip("/")
        self._key = key
        self._sleep, self._clock = sleep, clock
        self._next = 0.0
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)
        self.check(self._api)

    def get_json(self, path: str, **query: str) -> dict[str, Any]:
        """Ask the API.

        Raises
        ------
        NotThereError
            There is no such thing.
        SourceError
            It does not answer, or not what it should.
        """
        url = f"{self._api}/{path}" + (f"?{urlencode(query)}" if query else "")

        def ask() -> dict[str, Any]:
            self._pace()
            with self._open(url, {"Authorization": f"Token {self._key}"}) as response:
                value = json.loads(response.read(MAX_BYTES, decode_content=True))
            if not isinstance(value, dict):
                raise _PassingError("no JSON object", None)
            return value

        return self._persist(ask, url)

    def download(self, url: str, path: Path) -> None:
        """Get a file, whole.

        Raises
        ------
        NotFetchedError
            It is not there, or larger than any recording.
        SourceError
            The server does not give it.
        """
        self.check(url)
        own = urlsplit(url).netloc == urlsplit(self._api).netloc
        headers = {"Authorization": f"Token {self._key}"} if own else {}

        def get() -> None:
            with self._open(url, headers) as response, path.open("wb") as file:
                written = 0
                for block in response.stream(READ_AT_ONCE, decode_content=False):
                    written += file.write(block)
                    if written > MAX_BYTES:
                        raise NotFetchedError(f"{url} is larger than {MAX_BYTES} bytes")

        try:
            self._persist(get, url)
        except NotThereError as error:
            raise NotFetchedError(f"{url}: it is not there") from error

    def check(self, url: str) -> None:
        """Refuse addresses that are no ``https``; only a server on this machine may send others, to itself."""
        parts, api = urlsplit(url), urlsplit(self._api)
        inside = parts.hostname in LOOPBACK and api.hostname in LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and inside):
            raise SourceError(f"{url}: only https is asked")

    @contextmanager
    def _open(self, url: str, headers: dict[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        response = self._pool.request("GET", url, headers=headers, preload_content=False, redirect=False)
        try:
            if response.status == 404:
                raise NotThereError(f"{url}: there is no such thing")
            if response.status in (401, 403):
                raise SourceError(f"{url}: the key was refused (HTTP {response.status})")
            if response.status in PASSING:
                raise _PassingError(f"HTTP {response.status}", wait_of(response.headers.get("Retry-After")))
            if response.status != 200:
                raise SourceError(f"{url}: HTTP {response.status}")
            yield response
        finally:
            response.close()

    def _persist(self, call: Callable[[], Value], url: str) -> Value:
        """Make a call until it succeeds, at most `TRIES` times."""
        pause = FIRST_PAUSE
        for left in reversed(range(TRIES)):
            try:
                return call()
            except (_PassingError, urllib3.exceptions.HTTPError, json.JSONDecodeError, UnicodeDecodeError) as error:
                wait = error.wait if isinstance(error, _PassingError) else None
                if not left or (wait is not None and wait > LONGEST_WAIT):
                    later = "" if wait is None else f"; it says to wait {wait:.0f} s"
                    raise SourceError(f"{url} cannot be had now ({error}){later}. A later sync goes on here") from error
                self._sleep(wait if wait is not None else pause * (0.5 + random.random() / 2))
                pause *= 2
        raise AssertionError("unreachable")

    def _pace(self) -> None:
        """Ask no more often than is allowed."""
        now = self._clock()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + SECONDS_A_REQUEST


class _PassingError(Exception):
    """An answer that may be another one later, after so many seconds if the server says."""

    def __init__(self, message: str, wait: float | None) -> None:
        super().__init__(message)
        self.wait = wait


def wait_of(text: str | None) -> float | None:
    """Read ``Retry-After``: seconds, or a date (RFC 9110, 10.2.3); None where it says nothing that can be read."""
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
