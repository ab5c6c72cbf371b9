"""Is it sound? The tests in order, the surest first, and one answer from all of them."""

from __future__ import annotations

from udfs.container.spans import ContainerReport
from udfs.decode import Decoded
from udfs.findings import Content, Examination, Payload, Reason
from udfs.forensics.hidden import find_hidden
from udfs.forensics.samples_as_bytes import find_constant, find_payload
from udfs.forensics.signal import make_signal
from udfs.track import Track


def examine(track: Track, report: ContainerReport, decoded: Decoded | None) -> Examination:
    """Examine one track.

    Parameters
    ----------
    track
        The upload.
    report
        What a walker says each of its bytes is.
    decoded
        Its samples, or None where decoding failed.

    Returns
    -------
    Examination
        Content, calibrated score, reasons with the weightiest first, and descriptions of what was recovered.
    """
    reasons: list[Reason] = []
    payloads: list[Payload] = []
    for reason, payload in find_hidden(track, report):
        reasons.append(reason)
        payloads.append(payload)
    if decoded is not None and decoded.samples.size:
        signal = make_signal(track, report, decoded)
        found = find_constant(signal) or find_payload(signal)
        if found:
            reasons.append(found.reason)
            payloads += [found.payload] if found.payload else []
    content = Content.MOCK if reasons else Content.REAL
    return Examination(content, 0.999 if reasons else 0.01, tuple(reasons), tuple(payloads))
