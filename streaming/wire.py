"""Record bytes -> chunk | rejection: tell the two formats apart and parse each.

A record is v1 (``53 47 01`` and a `soundgate.v1.Chunk` message, see ``chunk.proto``) or legacy (a JSON object, see
`streaming.wire_legacy`). Everything here is pure and never raises for what a record holds.

Grouping comes before parsing: `route` reads the upload id from a record's first bytes alone, and `ROUTE_PREFIX`,
`UPLOAD_ID_OFFSET` and `UPLOAD_ID_LENGTH` (or `route_sql`) say the same rule to whoever groups without Python. `parse`
rejects each record that this rule would have grouped wrongly.
"""

from __future__ import annotations

from streaming.chunk import DEFAULT_LIMITS, Buffer, Chunk, WireLimits
from streaming.rejections import Code, Rejection, reject
from streaming.wire_legacy import parse_legacy
from streaming.wire_v1 import (
    MAGIC,
    ROUTE_PREFIX,
    UPLOAD_ID_LENGTH,
    UPLOAD_ID_OFFSET,
    VERSION,
    parse_v1,
    route,
)

__all__ = [
    "MAGIC",
    "ROUTE_PREFIX",
    "UPLOAD_ID_LENGTH",
    "UPLOAD_ID_OFFSET",
    "VERSION",
    "Chunk",
    "Rejection",
    "WireLimits",
    "parse",
    "route",
    "route_sql",
]

JSON_WHITE_SPACE = b" \t\r\n"


def parse(data: Buffer, partition_key: str, limits: WireLimits = DEFAULT_LIMITS) -> Chunk | Rejection:
    """Parse one record.

    Parameters
    ----------
    data
        The record's bytes, whatever they are. A chunk's payload is a view of them if this is one.
    partition_key
        The key that it came under.
    limits
        What a record may claim.

    Returns
    -------
    Chunk or Rejection
        Never raises for any input of these types.
    """
    if not partition_key or len(partition_key) > limits.max_key_characters:
        found = f"It has {len(partition_key)} characters, of at most {limits.max_key_characters}."
        return reject(Code.PARTITION_KEY, found, route(data) or None)
    if len(data) > limits.max_record_bytes:
        found = f"It has {len(data)} bytes, of at most {limits.max_record_bytes}."
        return reject(Code.RECORD_TOO_LARGE, found, route(data) or None)
    if data[: len(MAGIC)] == MAGIC:
        return _parse_magic(data, limits)
    data = bytes(data)
    if data.lstrip(JSON_WHITE_SPACE).startswith(b"{"):
        return parse_legacy(data, limits)
    return reject(Code.UNKNOWN_FORMAT, f"It begins {data[:8].hex(' ')}." if data else "It is empty.")


def _parse_magic(data: Buffer, limits: WireLimits) -> Chunk | Rejection:
    if len(data) == len(MAGIC):
        return reject(Code.UNKNOWN_FORMAT, "It ends before its version.")
    if data[len(MAGIC)] != VERSION:
        return reject(Code.UNSUPPORTED_VERSION, f"It says version {data[len(MAGIC)]}; version {VERSION} is read.")
    return parse_v1(data, limits)


def route_sql(column: str = "data") -> str:
    """Express `route` as Spark SQL over a binary column, so that records are grouped without any Python.

    Parameters
    ----------
    column
        Name of the binary column.

    Returns
    -------
    str
        An expression of type string, never null for a value that is not null.
    """
    groups, start = [], UPLOAD_ID_OFFSET + 1  # SQL counts from 1
    for length in (4, 2, 2, 2, 6):
        groups.append(f"hex(substring({column}, {start}, {length}))")
        start += length
    begins = f"substring({column}, 1, {len(ROUTE_PREFIX)}) = X'{ROUTE_PREFIX.hex()}'"
    whole = f"octet_length({column}) >= {UPLOAD_ID_OFFSET + UPLOAD_ID_LENGTH}"
    return f"CASE WHEN {begins} AND {whole} THEN lower(concat_ws('-', {', '.join(groups)})) ELSE '' END"
