"""The partition key: ``userID/Track Name``, chosen by strangers; for people to read, never a path."""

from __future__ import annotations

MAX_CHARACTERS = 256  # Kinesis' own limit


def join_key(user_id: str, track_name: str) -> str:
    """Make a key; a name that does not fit loses its beginning (a path's last part tells most)."""
    room = MAX_CHARACTERS - len(user_id) - 1
    if not user_id or "/" in user_id or room < 1:
        raise ValueError("a user id has no slash and 1 to 254 characters")
    return f"{user_id}/{track_name[-room:]}"


def split_key(partition_key: str) -> tuple[str, str]:
    """Split a key at its first slash; without one it is all track name, of no user."""
    user_id, slash, track_name = partition_key.partition("/")
    return (user_id, track_name) if slash else ("", partition_key)


def printable(text: str) -> str:
    """Put a stranger's text on one line, without anything that a terminal or a log would act on."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
