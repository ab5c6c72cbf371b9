"""Walkers that account for every byte of a file: sound, known tag, picture, padding, or unexplained.

:func:`walk` looks at how a file begins and hands it to the walker of that format. docs/containers.md lists what each
accepts and which contradictions are harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from udfs.container import (
    ac3,
    adts,
    aiff,
    amr,
    asf,
    avi,
    chunked,
    dsf,
    flac,
    flv,
    id3,
    latm,
    matroska,
    monkeys,
    mp4,
    mpeg_audio,
    mpegps,
    mpegts,
    ogg,
    riff,
    tta,
    wavpack,
)
from udfs.container.frame_chain import find_chain
from udfs.container.layout import Layout, TooManyPartsError
from udfs.container.polyglot import other_formats
from udfs.container.spans import ContainerReport, Span, SpanKind

__all__ = ["ContainerReport", "Span", "SpanKind", "walk"]

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp", b"pnot", b"moof")
_MAGICS: tuple[tuple[bytes, str, Callable[[Layout], ContainerReport]], ...] = (
    (b"fLaC", "flac", flac.walk_flac),
    (b"OggS", "ogg", ogg.walk_ogg),
    (b"\x1aE\xdf\xa3", "matroska", matroska.walk_matroska),
    (b"wvpk", "wavpack", wavpack.walk_wavpack),
    (b"caff\0\1\0\0", "caf", chunked.walk_caf),
    (chunked.W64_RIFF, "w64", chunked.walk_w64),
    (asf.HEADER, "asf", asf.walk_asf),
    (b"FLV\1", "flv", flv.walk_flv),
    (b"TTA1", "tta", tta.walk_tta),
    (b"MAC ", "ape", monkeys.walk_monkeys_audio),
    (b"DSD \x1c\0\0\0\0\0\0\0", "dsf", dsf.walk_dsf),
    (amr.NARROW, "amr", amr.walk_amr),
    (amr.WIDE, "amr", amr.walk_amr),
    (mpegps.PACK, "mpegps", mpegps.walk_mpegps),
)


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
    head = data[start : start + 16]
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav", riff.walk_wave
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi", avi.walk_avi
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff", aiff.walk_aiff
    if head[4:8] in _MP4_BOXES:
        return "mp4", mp4.walk_mp4
    for magic, container, walker in _MAGICS:
        if head.startswith(magic):
            return container, walker
    if head[:4] == b".snd" and 24 <= int.from_bytes(head[4:8], "big") < 1 << 20:
        return "au", chunked.walk_au
    packet = mpegts.is_transport_stream(data, start)
    if packet:
        return "mpegts", partial(mpegts.walk_mpegts, packet=packet)
    return _recognise_chain(data, start)


def _recognise_chain(data: bytes, start: int) -> tuple[str, Callable[[Layout], ContainerReport] | None]:
    """Formats without a beginning of their own: whichever chain of frames comes first."""
    first, container = len(data), ""
    for frames, name in ((mpeg_audio.FRAMES, "mp3"), (adts.FRAMES, "adts"), (ac3.FRAMES, "ac3"), (latm.FRAMES, "loas")):
        at = find_chain(data, frames, start, before=first)  # no chain behind the first one matters
        if at >= 0:
            first, container = at, name
    walkers: dict[str, Callable[[Layout], ContainerReport]] = {
        "mp3": partial(mpeg_audio.walk_mpeg_audio, first=first),
        "adts": adts.walk_adts,
        "ac3": partial(ac3.walk_ac3, first=first),
        "loas": latm.walk_loas,
    }
    return container, walkers.get(container)
