"""What a file says of itself: container, codec, bit rate and tags, by mutagen.

All of it was written by strangers: tags are texts of bounded number and length, without control characters, and what
cannot be read is left out. Pictures and binary frames are not tags.
"""

from __future__ import annotations

import io
from typing import Any

from udfs.findings import AudioFacts
from udfs.track import Encoding, Track

MOST_TAGS = 64
LONGEST_NAME, LONGEST_VALUE = 64, 1000
WIDEST_SAMPLE = 64  # bits
PARAMETERS = {"most_tags": MOST_TAGS, "longest_value": LONGEST_VALUE}


def read_metadata(track: Track, facts: AudioFacts) -> dict[str, Any]:
    """Read what a track says of itself.

    Returns
    -------
    dict
        ``container, codec, sample_rate, channels, bits_per_sample, duration_ms`` (the decoder's), ``bytes``,
        ``bit_rate`` in bit/s (the file's own word where it can be true, else all its bytes over its duration; None for
        bare samples),
        ``encoder`` where the file names one, and ``tags``, name to text.
    """
    file = _open(track) if track.encoding is Encoding.FILE else None
    info = getattr(file, "info", None)
    told = int(getattr(info, "bitrate", 0) or 0)
    if told > facts.sample_rate * facts.channels * WIDEST_SAMPLE:  # read of a film, from what describes its pictures
        told = 0
    mean = len(track.data) * 8000 // facts.duration_ms if facts.duration_ms else None
    return {
        "container": facts.container,
        "codec": facts.codec,
        "sample_rate": facts.sample_rate,
        "channels": facts.channels,
        "bits_per_sample": facts.bits_per_sample,
        "duration_ms": facts.duration_ms,
        "bytes": len(track.data),
        "bit_rate": None if track.encoding is not Encoding.FILE else told or mean,
        "encoder": _text(getattr(info, "encoder_info", "") or "")[:LONGEST_VALUE] or None,
        "tags": _tags(file),
    }


def _open(track: Track) -> Any:
    import mutagen

    try:
        return mutagen.File(io.BytesIO(track.data), easy=True)
    except Exception:  # its parsers meet what strangers wrote, and not only its own error is raised then
        return None


def _tags(file: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        for name in sorted(map(str, file.keys() if file is not None else ())):
            text = _value(file[name])
            if text and len(found) < MOST_TAGS and len(name) <= LONGEST_NAME and name.isprintable():
                found[name.lower()] = text
    except Exception:  # a tag that is read only when it is asked for, and is broken: those before it count
        return found
    return found


def _value(value: Any) -> str:
    several = value if isinstance(value, (list, tuple)) else [value]
    texts = [_text(each) for each in several if isinstance(each, str) or hasattr(each, "text")]
    return "; ".join(text for text in texts if text)[:LONGEST_VALUE]


def _text(value: Any) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in str(value)).strip()
