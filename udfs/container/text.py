"""Is a tag's text text? Or is it data that was written in letters, or another kind of file?"""

from __future__ import annotations

import base64
import binascii
import re

from udfs.container.pictures import picture_end

LONGEST_TEXT = 1 << 20  # lyrics, descriptions and XMP stay far below
LONGEST_WORD = 200  # characters of an encoding's alphabet in a row; real words, ids and hashes are shorter
LONGEST_RUN = 400  # printable characters without white space; longer addresses are rare and begin as such

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_LINE_ENDS = re.compile(rb"\r|\n|&#x[aAdD];|\\n")
_RUN = re.compile(rb"[\x21-\x7e]+")
_WORD = re.compile(rb"[A-Za-z0-9+/_=-]+")
_HEX_BYTES = re.compile(rb"(?:(?:0x|\\x|%)?[0-9A-Fa-f]{2}[ ,:;]{0,2})++")
_OTHER_FILE = re.compile(
    rb"<script|<html|<!doctype html|<iframe|<svg[ >]|javascript:|<\?php|<%@|%PDF-|#!/|\A\s*MZ|powershell|X5O!P%@AP",
    re.I,
)


def is_text(data: bytes, encoding: str = "") -> bool:
    """Tell whether bytes are text for people (or XML, numbers, identifiers) and nothing else in disguise.

    Parameters
    ----------
    data
        The text's bytes; zeros at the end are ignored.
    encoding
        ``"utf-16"`` where the container says so; anything else is any 8-bit encoding, since tags in local code pages
        are common under whatever name.
    """
    if len(data) > LONGEST_TEXT:
        return False
    if encoding.startswith("utf-16"):
        try:
            text = data.decode("utf-16-be" if encoding == "utf-16-be" else "utf-16", "strict")
        except UnicodeDecodeError:
            return False
        if any(0xE000 <= ord(character) <= 0xF8FF for character in text) or "\ufffe" in text:
            return False
        data = text.encode("utf-8", "replace")
    data = data.rstrip(b"\0")
    return not _CONTROL.search(data) and not _OTHER_FILE.search(data) and not holds_blob(data)


def holds_blob(data: bytes) -> bool:
    """Whether a long word in base64, base32 or hexadecimal, or a long run of the like, stands in the bytes."""
    if len(data) < LONGEST_WORD:
        return False
    joined = _LINE_ENDS.sub(b"", data)
    for match in _WORD.finditer(joined):
        if match.end() - match.start() >= LONGEST_WORD and _is_encoded(match[0]):
            return True
    for match in _RUN.finditer(data):
        run = match[0]
        if (
            len(run) >= LONGEST_RUN
            and len(set(run)) >= 40
            and not run.lower().startswith((b"http://", b"https://", b"<"))
        ):
            return True
    return any(match.end() - match.start() >= LONGEST_RUN for match in _HEX_BYTES.finditer(joined))


def _is_encoded(word: bytes) -> bool:
    """Tell base64, base32 and hexadecimal from letters; a picture in base64 (XMP thumbnails) is none of them."""
    digits = sum(word.count(b"%d" % digit) for digit in range(10))
    upper = sum(1 for code in word if 65 <= code <= 90)
    lower = sum(1 for code in word if 97 <= code <= 122)
    if digits < len(word) // 100 or len(set(word)) < 8:
        return False
    if upper and lower and decode_picture(word) is not None:
        return False
    return bool(upper or lower)


def decode_picture(text: bytes) -> bytes | None:
    """The picture that base64 text holds, from its first byte to its last, or None."""
    head = text[:16]
    if not head.startswith((b"/9j/", b"iVBOR", b"R0lGOD", b"UklGR", b"Qk")):
        return None
    decoded = decode_base64(text)
    if decoded is None or picture_end(decoded, 0, len(decoded)) is None:
        return None
    return decoded


def decode_base64(text: bytes) -> bytes | None:
    """Strict base64 (line ends allowed, padding optional), or None."""
    compact = re.sub(rb"\s+", b"", text).rstrip(b"=")
    try:
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
