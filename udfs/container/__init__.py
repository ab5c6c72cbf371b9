"""Walkers that account for every byte of a file: sound, known tag, picture, padding, or unexplained.

:func:`walk` looks at how a file begins and hands it to the walker of that format. docs/containers.md lists what each
accepts and which contradictions are harmless.
"""

from __future__ import annotations

from dataclasses import replace

from udfs.container import adts, aiff, flac, id3, mp4, mpeg_audio, mpegts, ogg, riff
from udfs.container.layout import Layout
from udfs.container.polyglot import other_formats
from udfs.container.spans import ContainerReport, Span, SpanKind

__all__ = ["ContainerReport", "Span", "SpanKind", "walk"]

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"pnot", b"moof")


def walk(data: bytes) -> ContainerReport:
    """Say what every byte of a file is.

    Never raises, whatever the bytes; time is linear in their number.

    Returns
    -------
    ContainerReport
        Spans from 0 to the end without gap or overlap. ``container`` is ``""`` when no audio container was
        recognised; the whole is then unexplained.
    """
    report = _walk(data)
    lies = tuple(("container.polyglot", what) for what in other_formats(data))
    return replace(report, lies=report.lies + lies[:1])


def _walk(data: bytes) -> ContainerReport:
    layout = Layout(data)
    start = id3.tag_length(data, 0)  # an ID3v2 tag may stand before anything
    head = data[start : start + 12]
    if start and head:
        id3.walk_id3v2(layout, layout.size)
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return riff.walk_wave(layout)
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return aiff.walk_aiff(layout)
    if head[:4] == b"fLaC":
        return flac.walk_flac(layout)
    if head[:4] == b"OggS":
        return ogg.walk_ogg(layout)
    if head[4:8] in _MP4_BOXES:
        return mp4.walk_mp4(layout)
    packet = mpegts.is_transport_stream(data, start)
    if packet:
        return mpegts.walk_mpegts(layout, packet)
    return _walk_frames(layout)


def _walk_frames(layout: Layout) -> ContainerReport:
    """Formats without a beginning of their own: whichever chain of frames comes first."""
    start = layout.at
    mpeg, aac = mpeg_audio.find_mpeg_audio(layout.data, start), adts.find_adts(layout.data, start)
    if mpeg >= 0 and (aac < 0 or mpeg <= aac):
        return mpeg_audio.walk_mpeg_audio(layout, mpeg)
    if aac >= 0:
        return adts.walk_adts(layout)
    nothing = Layout(layout.data)
    nothing.unexplained(nothing.size, "not recognised")
    return nothing.report("", "")
