"""What is hidden of a value before it is printed: secrets by their name, and what a URL lets in with."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

SECRET = re.compile(r"secret|password|token|credential|access.?key", re.IGNORECASE)
REDACTED = "(redacted)"


def redact(name: str, value: Any) -> Any:
    """Hide what is secret in a setting's value, for printing: by its name, and who and what a URL lets in."""
    if isinstance(value, dict):
        return {key: redact(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(redact(name, inner) for inner in value)
    if SECRET.search(name) and value:
        return REDACTED
    return redact_url(value) if isinstance(value, str) and "://" in value else value


def redact_url(text: str) -> str:
    """Hide a URL's user, password and query, also where it stands behind a kind, as in ``pushgateway:http://…``."""
    start = text.rindex("://")
    kind, colon, scheme = text[:start].rpartition(":")
    try:
        url = urlsplit(scheme + text[start:])
    except ValueError:  # an unfinished IPv6 address; whatever it is, it is not shown
        return REDACTED
    place = f"{REDACTED}@{url.netloc.rpartition('@')[2]}" if "@" in url.netloc else url.netloc
    return kind + colon + urlunsplit((url.scheme, place, url.path, REDACTED if url.query else "", ""))
