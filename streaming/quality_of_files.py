"""What ``soundgate quality`` does: decode in the sandbox, measure, and tell it for machines and for people."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streaming.errors import UserError
from streaming.local_files import decode_file
from streaming.partition_key import printable
from udfs.decode import Decoded
from udfs.errors import TrackError
from udfs.quality import examine_quality
from udfs.quality.alignment import NotAlignedError
from udfs.quality.fidelity import Fidelity, compare
from udfs.sandbox import SandboxedDecoder

Told = tuple[dict[str, Any], str]  # for machines, for people
MARGIN_MS = 1000  # around a matched segment, whose ends are known to about a second
NOTHING = "nothing can be said of it: less than 2,048 frames, or silence"


def grade_file(path: Path) -> Told:
    """Grade one file by what is heard in it."""
    with SandboxedDecoder() as decode:
        _, decoded = decode_file(path, decode)
    found = examine_quality(decoded.samples, decoded.sample_rate)
    if found is None:
        return {"path": str(path), "grade": None, "why": NOTHING}, f"{printable(str(path))}: {NOTHING}"
    measures = {name: value for name, value in found.measures.items() if value is not None}
    told = {"grade": found.grade.value, "score": found.score, "because": list(found.because), "measures": measures}
    because = f", because of {' and '.join(found.because)}" if found.because else ""
    lines = [f"{printable(str(path))}: {found.grade.value} ({found.score:.2f} of 5){because}"]
    lines += [f"  {name:20} {value:.4g}" for name, value in measures.items()]
    return {"path": str(path), **told}, "\n".join(lines)


def compare_files(reference: Path, degraded: Path, speed: float = 1.0) -> Told:
    """Measure a copy against its recording.

    Raises
    ------
    UserError
        One of the files cannot be read, or nothing of the one is in the other.
    """
    with SandboxedDecoder() as decode:
        (_, ours), (_, theirs) = decode_file(reference, decode), decode_file(degraded, decode)
    try:
        found = compare(ours.mono(), ours.sample_rate, theirs.mono(), theirs.sample_rate, speed)
    except NotAlignedError as error:
        raise UserError(
            f"{printable(str(degraded))} cannot be compared with {printable(str(reference))}: {error}"
        ) from error
    told, text = tell(found)
    return {"reference": str(reference), "degraded": str(degraded), **told}, text


def compare_upload(lake: str, upload_id: str, references: Path) -> Told:
    """Measure the matched segment of a stored upload against the recording that it matches.

    Raises
    ------
    UserError
        There is no such upload, it matches nothing or is not stored, or its recording is not in the folder.
    """
    from streaming.lake_reader import rows_where
    from streaming.look.reference import find_recording
    from streaming.look.stored import read_stored

    rows = rows_where(lake, "verdicts", "upload_id", upload_id)
    if not rows:
        raise UserError(f"there is no verdict about {printable(upload_id)}")
    verdict = rows[0]
    if verdict["identity"] != "match":
        raise UserError(f"the upload {upload_id} matches no recording, so there is nothing to compare it with")
    path = find_recording(references, verdict["reference_id"])
    if path is None:
        raise UserError(f"--references {references}: the recording {verdict['reference_id']!r} is not there")
    with SandboxedDecoder() as decode:
        try:
            upload = decode(read_stored(verdict, lake))
        except TrackError as error:
            raise UserError(f"the upload {upload_id}: {error}") from error
        _, recording = decode_file(path, decode)
    speed = float(verdict["speed"] or 1.0)
    ours = segment(recording, verdict["reference_offset_ms"], round(verdict["matched_ms"] * speed))
    theirs = segment(upload, verdict["query_offset_ms"], verdict["matched_ms"])
    try:
        found = compare(ours, recording.sample_rate, theirs, upload.sample_rate, speed)
    except NotAlignedError as error:
        raise UserError(f"the upload {upload_id} cannot be compared with {path.name}: {error}") from error
    begins = max(0, verdict["reference_offset_ms"] - MARGIN_MS), max(0, verdict["query_offset_ms"] - MARGIN_MS)
    whole = replace(
        found,
        reference_offset_ms=begins[0] + found.reference_offset_ms,
        degraded_offset_ms=begins[1] + found.degraded_offset_ms,
    )
    told, text = tell(whole)
    return {"upload_id": upload_id, "reference_id": verdict["reference_id"], "reference": str(path), **told}, text


def segment(decoded: Decoded, offset_ms: int, length_ms: int) -> NDArray[np.float32]:
    """Cut a matched segment, mono, with a margin for the alignment."""
    rate = decoded.sample_rate
    first, last = (max(0, at) * rate // 1000 for at in (offset_ms - MARGIN_MS, offset_ms + length_ms + MARGIN_MS))
    return decoded.mono()[first:last]


def tell(found: Fidelity) -> Told:
    """Tell a comparison."""
    finite = math.isfinite(found.si_sdr_db)
    told = {**asdict(found), "si_sdr_db": found.si_sdr_db if finite else None, "identical": found.si_sdr_db == math.inf}
    pesq = f"{found.pesq.score:.2f} ({found.pesq.mode})" if found.pesq.score is not None else f"– ({found.pesq.why})"
    where = (
        f"from {found.reference_offset_ms / 1000:.3f} s of the recording and {found.degraded_offset_ms / 1000:.3f} s"
    )
    lines = [
        f"PESQ     {pesq}",
        f"SI-SDR   {found.si_sdr_db:.1f} dB",
        f"compared {found.compared_ms / 1000:.1f} s, {where} of the copy",
    ]
    return told, "\n".join(lines)
