"""Walkers that account for every byte of a file: sound, known tag, picture, padding, or unexplained.

:func:`walk` looks at how a file begins and hands it to the walker of that format. docs/containers.md lists what each
accepts and which contradictions are harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from udfs.container import adts, aiff, chunked, flac, id3, matroska, mp4, mpeg_audio, mpegts, ogg, riff, wavpack
from udfs.container.layout import Layout, TooManyPartsError
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
    container, walker = _recognise(data, start if start < len(data) else 0)
    if walker is None:
        layout.unexplained(layout.size, "not recognised")
        return layout.report("", "")
    try:
        if start:
            id3.walk_id3v2(layout, layout.size)
        return walker(layout)
    except TooManyPartsError:
        layout.give_up()
        return layout.report(container, "")


def _recognise(data: bytes, start: int) -> tuple[str, Callable[[Layout], ContainerReport] | None]:
    """The container whose beginning is at `start`, and its walker."""
    head = data[start : start + 12]
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav", riff.walk_wave
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff", aiff.walk_aiff
    if head[:4] == b"fLaC":
        return "flac", flac.walk_flac
    if head[:4] == b"OggS":
        return "ogg", ogg.walk_ogg
    if head[4:8] in _MP4_BOXES:
        return "mp4", mp4.walk_mp4
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska", matroska.walk_matroska
    if head[:4] == b"wvpk":
        return "wavpack", wavpack.walk_wavpack
    if head[:8] == b"caff\0\1\0\0":
        return "caf", chunked.walk_caf
    if data[start : start + 16] == chunked.W64_RIFF:
        return "w64", chunked.walk_w64
    if head[:4] == b".snd" and 24 <= int.from_bytes(head[4:8], "big") < 1 << 20:
        return "au", chunked.walk_au
    packet = mpegts.is_transport_stream(data, start)
    if packet:
        return "mpegts", partial(mpegts.walk_mpegts, packet=packet)
    # Formats without a beginning of their own: whichever chain of frames comes first.
    mpeg, aac = mpeg_audio.find_mpeg_audio(data, start), adts.find_adts(data, start)
    if mpeg >= 0 and (aac < 0 or mpeg <= aac):
        return "mp3", partial(mpeg_audio.walk_mpeg_audio, first=mpeg)
    return ("adts", adts.walk_adts) if aac >= 0 else ("", None)
