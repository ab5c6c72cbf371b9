"""Bytes of the file that no walker could explain: what they are, and which family that makes it."""

from __future__ import annotations

from collections.abc import Sequence

from udfs.container.spans import ContainerReport, Span, SpanKind
from udfs.findings import Payload, Reason
from udfs.forensics.finding import CERTAIN, Finding
from udfs.forensics.payload import Recovered, recognise
from udfs.forensics.structure import find_structures
from udfs.track import Encoding, Track

MIN_UNEXPLAINED = 64  # bytes; less holds nothing by itself, and writers forget the 44 of a WAVE header in its size
MIN_CRUMBS = 256  # bytes that crumbs have to add up to where they are a file or text
MIN_UNKNOWN_CRUMBS = 1024  # and where they are nothing known: odd tags of real files have some
MOST_SPANS = 64  # that are described; the rest of a file of crumbs says no more
MAX_LOOK = 4 << 20  # bytes of one stretch that are searched
DAMAGE = ("between", "damaged")  # what transmission does to a recording; held against it only when it is a payload
MOST_DAMAGE = 32 << 10  # bytes: more than a handful of lost packets or bad sectors leaves
TOO_MUCH_DAMAGE = 1.5  # log-odds: a person should look at it


def find_hidden(track: Track, report: ContainerReport) -> list[Finding]:
    """A finding for each unexplained stretch of a file whose container was recognised, and for each other format."""
    if track.encoding is not Encoding.FILE or not report.container:
        return []
    findings = [Finding(CERTAIN, Reason(code, detail)) for code, detail in report.lies if code == "container.polyglot"]
    spans = report.of_kind(SpanKind.UNEXPLAINED)
    excused: list[Span] = []
    for count, span in enumerate(span for span in spans if span.length >= MIN_UNEXPLAINED):
        if count >= MOST_SPANS:
            excused += [span] if _is_damage(span) else []
            continue
        body = track.data[span.start : span.end]
        if len(set(body[:65536])) < 2:
            continue
        recovered = recognise(body[:MAX_LOOK])
        if recovered is None and _is_damage(span):
            excused.append(span)
            continue
        recovered = recovered or Recovered("unknown", 0, len(body))
        payload = recovered.described(body, span.name)
        code = "container.trailing_bytes" if span.name == "behind the end" else "metadata.payload"
        if span.name.startswith("before the first"):
            code = "container.leading_bytes"
        reason = Reason(code, f"{payload.kind}, {span.length} bytes, {span.name}")
        findings.append(Finding(CERTAIN, reason, payload, recovered.body(body)))
    crumbs = [span for span in spans if span.length < MIN_UNEXPLAINED]
    return [*findings, *_from_crumbs(track.data, crumbs), *_from_damage(track.data, excused)]


def _is_damage(span: Span) -> bool:
    return any(word in span.name for word in DAMAGE)


def _joined(data: bytes, spans: Sequence[Span]) -> bytes:
    return b"".join(data[span.start : span.end] for span in spans)[:MAX_LOOK]


def _from_crumbs(data: bytes, crumbs: Sequence[Span]) -> list[Finding]:
    """Stretches too small to hold anything, of which there are so many that together they do."""
    body = _joined(data, crumbs)
    if len(body) < MIN_CRUMBS or len(set(body)) < 2:
        return []
    recovered = recognise(body)
    if recovered is None and (len(body) < MIN_UNKNOWN_CRUMBS or all(_is_damage(span) for span in crumbs)):
        return []
    recovered = recovered or Recovered("unknown", 0, len(body))
    payload = recovered.described(body, f"{len(crumbs)} crumbs")
    reason = Reason("metadata.payload", f"{payload.kind}, {len(body)} bytes in crumbs")
    return [Finding(CERTAIN, reason, payload, recovered.body(body))]


def _from_damage(data: bytes, damage: Sequence[Span]) -> list[Finding]:
    """Bytes amid the sound that are nothing known one by one: a payload in pieces, or more than damage leaves."""
    body = _joined(data, damage)
    recovered = recognise(body) if len(damage) > 1 else None
    if recovered is not None:
        payload = recovered.described(body, f"{len(damage)} gaps")
        reason = Reason("metadata.payload", f"{payload.kind}, {len(body)} bytes in gaps")
        return [Finding(CERTAIN, reason, payload, recovered.body(body))]
    if len(body) < MOST_DAMAGE:
        return []
    detail = f"{len(body)} bytes in {len(damage)} gaps are nothing known"
    return [Finding(TOO_MUCH_DAMAGE, Reason("container.bytes_between", detail))]


def describe_upload(track: Track) -> Payload | None:
    """What an upload that is no audio is instead, or None where it is nothing known."""
    structures = find_structures(track.data[:MAX_LOOK])
    if structures and structures[0].start == 0:
        return Recovered(structures[0].kind, 0, len(track.data)).described(track.data, "the whole upload")
    return None
