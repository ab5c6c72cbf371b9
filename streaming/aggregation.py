"""Unpacking records that a Kinesis Producer Library (KPL) packed together; pure.

An aggregated record is four magic bytes, a message (``aggregated.proto``) and the message's MD5. Whatever is not whole
in this form, or would unpack to many times its size, is an ordinary record that happens to begin so; it stays as it is.
"""

from __future__ import annotations

import hashlib

from google.protobuf.message import DecodeError

from streaming import aggregated_pb2

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
# What one record may unpack to, with what its rows cost beside their bytes: a key stands in it once and in each row,
# so that ten megabytes could else be made to give terabytes.
MOST_BYTES = 64 << 20
ROW_BYTES = 100


def unpack(partition_key: str, data: bytes) -> list[tuple[str, bytes]]:
    """Unpack a Kinesis record into what its producer wrote.

    Parameters
    ----------
    partition_key, data
        The record as Kinesis gives it.

    Returns
    -------
    list of (str, bytes)
        Partition key and data of each record in it, in order; the record itself alone when it is not aggregated.
    """
    itself = [(partition_key, data)]
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + DIGEST_BYTES:
        return itself
    body, digest = data[len(MAGIC) : -DIGEST_BYTES], data[-DIGEST_BYTES:]
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        return itself
    try:
        message = aggregated_pb2.AggregatedRecord.FromString(body)
    except DecodeError:
        return itself
    keys = message.partition_key_table
    if not message.records or any(record.partition_key_index >= len(keys) for record in message.records):
        return itself  # also where nothing is in it: no record may vanish
    lengths = [len(key.encode()) for key in keys]
    if sum(lengths[each.partition_key_index] + len(each.data) + ROW_BYTES for each in message.records) > MOST_BYTES:
        return itself
    return [(keys[record.partition_key_index], record.data) for record in message.records]


def pack(records: list[tuple[str, bytes]]) -> bytes:
    """Pack records into one, as the KPL does; the inverse of `unpack`."""
    keys = list(dict.fromkeys(key for key, _ in records))
    places = {key: place for place, key in enumerate(keys)}
    message = aggregated_pb2.AggregatedRecord(partition_key_table=keys)
    for key, data in records:
        message.records.add(partition_key_index=places[key], data=data)
    body = message.SerializeToString()
    return MAGIC + body + hashlib.md5(body, usedforsecurity=False).digest()
