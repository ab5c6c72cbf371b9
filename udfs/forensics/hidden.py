"""Bytes of the file that no walker could explain: what they are, and which family that makes it."""

from __future__ import annotations

from udfs.container.spans import ContainerReport, Span, SpanKind
from udfs.findings import Payload, Reason
from udfs.forensics.payload import Recovered, recognise
from udfs.track import Encoding, Track

MIN_UNEXPLAINED = 32  # bytes; less holds nothing, and writers leave odd bytes behind


def find_hidden(track: Track, report: ContainerReport) -> list[tuple[Reason, Payload]]:
    """A reason and a description for each unexplained stretch of a file that a walker recognised."""
    if track.encoding is not Encoding.FILE or not report.container:
        return []
    sound = report.of_kind(SpanKind.SOUND)
    sound_end = sound[-1].end if sound else 0
    found = []
    for span in report.of_kind(SpanKind.UNEXPLAINED):
        body = track.data[span.start : span.end]
        if len(body) < MIN_UNEXPLAINED or len(set(body[:4096])) < 2:
            continue
        recovered = recognise(body) or Recovered("unknown", 0, len(body))
        where = "behind the end of the audio" if _is_trailing(span, sound_end, len(track.data)) else span.name
        code = "container.trailing_bytes" if where.startswith("behind") else "metadata.payload"
        payload = recovered.described(body, where)
        found.append((Reason(code, f"{payload.kind}, {span.length} bytes, {where}"), payload))
    return found


def _is_trailing(span: Span, sound_end: int, file_length: int) -> bool:
    return span.start >= sound_end and span.end == file_length
