"""Walkers that account for every byte of a file: sound, known tag, picture, padding, or unexplained.

:func:`walk` looks at how a file begins and hands it to the walker of that format. docs/containers.md lists what each
accepts and which contradictions are harmless.
"""

from __future__ import annotations

from udfs.container import aiff, flac, id3, mpeg_audio, ogg, riff
from udfs.container.layout import Layout
from udfs.container.spans import ContainerReport, Span, SpanKind

__all__ = ["ContainerReport", "Span", "SpanKind", "walk"]


def walk(data: bytes) -> ContainerReport:
    """Say what every byte of a file is.

    Never raises, whatever the bytes; time is linear in their number.

    Returns
    -------
    ContainerReport
        Spans from 0 to the end without gap or overlap. ``container`` is ``""`` when no audio container was
        recognised; the whole is then unexplained.
    """
    layout = Layout(data)
    start = id3.tag_length(data, 0)  # an ID3v2 tag may stand before anything
    head = data[start : start + 12]
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return riff.walk_wave(_behind_tag(layout, start))
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return aiff.walk_aiff(_behind_tag(layout, start))
    if head[:4] == b"fLaC":
        return flac.walk_flac(_behind_tag(layout, start))
    if head[:4] == b"OggS":
        return ogg.walk_ogg(_behind_tag(layout, start))
    first = mpeg_audio.find_mpeg_audio(data, start if start < len(data) else 0)
    if first >= 0:
        return mpeg_audio.walk_mpeg_audio(_behind_tag(layout, start), first)
    layout.unexplained(layout.size, "not recognised")
    return layout.report("", "")


def _behind_tag(layout: Layout, start: int) -> Layout:
    if start:
        id3.walk_id3v2(layout, layout.size)
    return layout
