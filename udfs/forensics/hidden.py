"""Bytes of the file that no walker could explain: what they are, and which family that makes it."""

from __future__ import annotations

from udfs.container.spans import ContainerReport, SpanKind
from udfs.findings import Payload, Reason
from udfs.forensics.finding import CERTAIN, Finding
from udfs.forensics.payload import Recovered, recognise
from udfs.forensics.structure import find_structures
from udfs.track import Encoding, Track

MIN_UNEXPLAINED = 32  # bytes; less holds nothing, and writers leave odd bytes behind
MOST_SPANS = 64  # that are described; the rest of a file of crumbs says no more
MAX_LOOK = 4 << 20  # bytes of one stretch that are searched
DAMAGE = ("between", "damaged")  # what transmission does to a recording; held against it only when it is a payload


def find_hidden(track: Track, report: ContainerReport) -> list[Finding]:
    """A finding for each unexplained stretch of a file whose container was recognised, and for each other format."""
    if track.encoding is not Encoding.FILE or not report.container:
        return []
    findings = [Finding(CERTAIN, Reason(code, detail)) for code, detail in report.lies if code == "container.polyglot"]
    for span in report.of_kind(SpanKind.UNEXPLAINED)[:MOST_SPANS]:
        body = track.data[span.start : span.end]
        if len(body) < MIN_UNEXPLAINED or len(set(body[:65536])) < 2:
            continue
        recovered = recognise(body[:MAX_LOOK])
        if recovered is None and any(word in span.name for word in DAMAGE):
            continue
        payload = (recovered or Recovered("unknown", 0, len(body))).described(body, span.name)
        code = "container.trailing_bytes" if span.name == "behind the end" else "metadata.payload"
        if span.name.startswith("before the first"):
            code = "container.leading_bytes"
        findings.append(Finding(CERTAIN, Reason(code, f"{payload.kind}, {span.length} bytes, {span.name}"), payload))
    return findings


def describe_upload(track: Track) -> Payload | None:
    """What an upload that is no audio is instead, or None where it is nothing known."""
    structures = find_structures(track.data[:MAX_LOOK])
    if structures and structures[0].start == 0:
        return Recovered(structures[0].kind, 0, len(track.data)).described(track.data, "the whole upload")
    return None
