"""Say what bytes are: files by their structure, text, base64, and any of these under a repeating XOR."""

from __future__ import annotations

import binascii
import hashlib
from dataclasses import dataclass

import numpy as np

from udfs.findings import Payload
from udfs.forensics.structure import find_structures
from udfs.forensics.text import MIN_TEXT_BITS, TextRun, find_text
from udfs.forensics.xor import find_keys, undo_xor


@dataclass(frozen=True, slots=True)
class Recovered:
    """A payload found in bytes, from `start` to `end` (exclusive); `inner` is what base64 or hex hides."""

    kind: str
    start: int
    end: int
    inner: str = ""

    def body(self, data: bytes) -> bytes:
        """The payload itself, out of the bytes that it was found in."""
        return data[self.start : self.end]

    def described(self, data: bytes, where: str) -> Payload:
        """The public description: type, place, length and SHA-256, never the bytes."""
        body = self.body(data)
        kind = f"{self.kind}({self.inner})" if self.inner else self.kind
        return Payload(kind, where, len(body), hashlib.sha256(body).hexdigest())


def recognise(data: bytes, least_text: int = 64, text_bits: float = MIN_TEXT_BITS) -> Recovered | None:
    """What is inside `data`, or None: the first file by structure, else the longest text of `least_text` bytes.

    How much like text that has to be (`text_bits`, bits a byte) depends on what else the bytes can be.
    """
    structures = find_structures(data)
    run = find_text(np.frombuffer(data, np.uint8), least_text, text_bits)
    if run and (not structures or run.start < structures[0].start) and run.end - run.start > len(data) // 2:
        return _readable(data, run)
    first = structures[0] if structures else None
    hidden = None if first and not first.start else _under_xor(data)
    if first and (hidden is None or hidden.start > first.start):  # where zeros are, a key may read as a magic number
        return Recovered(first.kind, first.start, first.end)
    return _readable(data, run) if run and hidden is None else hidden  # or as text


def _under_xor(data: bytes) -> Recovered | None:
    """A file under a repeating XOR, where one byte is common enough to be its zeros."""
    for key in find_keys(data):
        found = find_structures(undo_xor(data, key))
        if found:
            return Recovered("xor", found[0].start, found[0].end, found[0].kind)
    return None


def _readable(data: bytes, run: TextRun) -> Recovered:
    return Recovered(run.kind, run.start, run.end, _inside(data[run.start : run.end], run.kind))


def _inside(text: bytes, kind: str) -> str:
    """Kind of what base64 or hexadecimal text decodes to; empty where it says nothing."""
    compact = b"".join(text[: 1 << 20].split())
    try:
        if kind == "base64":
            decoded = binascii.a2b_base64(compact.translate(bytes.maketrans(b"-_", b"+/"))[: len(compact) // 4 * 4])
        elif kind == "hex":
            decoded = binascii.unhexlify(compact[: len(compact) // 2 * 2])
        else:
            return ""
    except binascii.Error:
        return ""
    found = find_structures(decoded)
    if found:
        return found[0].kind
    hidden = _under_xor(decoded)
    return f"xor({hidden.inner})" if hidden else ""
