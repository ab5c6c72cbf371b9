"""Is the file also something else? Archives are read from their end, documents from anywhere near their beginning."""

from __future__ import annotations

import re
import struct

_NEAR = 1024  # where readers still look for a document's beginning
_DOCUMENT = re.compile(rb"%PDF-\d|<html[\s>]|<!doctype html|<script[\s>]|<\?php\s|<svg[\s>]", re.I)
_LONGEST_COMMENT = 65535


def other_formats(data: bytes) -> list[str]:
    """What else programs would open the file as, for people to read."""
    found = []
    archive = _zip(data)
    if archive:
        found.append(archive)
    document = _DOCUMENT.search(data, 0, _NEAR)
    if document:
        found.append(f"{document[0].decode('latin-1').strip()!r} at byte {document.start()}")
    rar = data.find(b"Rar!\x1a\x07\x01\x00")
    if rar >= 0:
        found.append(f"a RAR archive at byte {rar}")
    if data[32769:32774] == b"CD001":
        found.append("an ISO 9660 image")
    return found


def _zip(data: bytes) -> str:
    """A ZIP archive, known by an end record that points to a directory that is there."""
    low = max(0, len(data) - _LONGEST_COMMENT - 22)
    at = data.rfind(b"PK\x05\x06", low)
    while at >= 0:
        if at + 22 <= len(data):
            entries, size, offset = struct.unpack_from("<HII", data, at + 10)
            for directory in (at - size, offset):
                if entries and 0 <= directory < at and data[directory : directory + 4] == b"PK\x01\x02":
                    return f"a ZIP archive of {entries} entries, its directory at byte {directory}"
        at = data.rfind(b"PK\x05\x06", low, at + 3) if at > low else -1
    return ""
