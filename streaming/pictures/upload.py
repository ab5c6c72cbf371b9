"""One upload's figures, and the sheet that holds all of them."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from streaming.look.depth import Depth
from streaming.pictures.evidence import draw_bytes, draw_odds, draw_payloads
from streaming.pictures.sound import Stretch, clock, draw_close_up, draw_reference, draw_waveform, shared_peaks
from streaming.pictures.style import (
    BODY,
    DECISIONS,
    FAINT,
    INK,
    MATCHED,
    SMALL,
    legible,
    new_figure,
    say,
    tidy,
)
from udfs.reasons import info

WIDTH = 11.0  # inches


def show_track(seen: Depth) -> Figure:
    """Draw the whole track: waveform and evidence, one above the other on one time."""
    figure = new_figure(WIDTH, 4.0 if seen.envelope else 1.7)
    above, below = figure.subplots(2, 1, height_ratios=(1, 1.1))
    draw_track(above, below, seen)
    return figure


def show_close_up(seen: Depth) -> Figure:
    """Draw the close-up with its constellation, and the matched recording under it where there is one."""
    if seen.reference is None:
        figure = new_figure(WIDTH, 3.0 if seen.close_up else 1.0)
        draw_own(figure.subplots(), seen)
        return figure
    figure = new_figure(WIDTH, 5.6)
    above, below = figure.subplots(2, 1)
    draw_own(above, seen)
    draw_matched(below, seen)
    return figure


def show_bytes(seen: Depth) -> Figure:
    """Draw what the file's bytes are, and what was recovered from it."""
    figure = new_figure(WIDTH, 2.3)
    above, below = figure.subplots(2, 1, height_ratios=(0.5, 1))
    draw_file(above, seen)
    draw_payloads(below, seen.row.get("payloads") or [])
    return figure


def show_all(seen: Depth) -> Figure:
    """Draw everything of one upload on one sheet, the verdict above it."""
    matched = 2.0 if seen.reference else 0.5
    ratios = (1.0, 1.0, 1.15, 2.0, matched, 0.4, 0.8) if seen.close_up else (1.1, 0.6, 0.4, 0.8)
    figure = new_figure(WIDTH, 1.2 * sum(ratios) + 0.32 * len(ratios))
    head, *rest = figure.subplots(len(ratios), 1, height_ratios=ratios)
    draw_verdict(head, seen.row)
    if seen.close_up:
        draw_track(rest[0], rest[1], seen)
        draw_own(rest[2], seen)
        draw_matched(rest[3], seen)
    else:
        tidy(rest[0], "Sound")
        say(rest[0], seen.silent_because)
    draw_file(rest[-2], seen)
    draw_payloads(rest[-1], seen.row.get("payloads") or [])
    return figure


def draw_track(above: Axes, below: Axes, seen: Depth) -> None:
    """Draw waveform and evidence."""
    if seen.envelope is None or seen.evidence is None:
        for axes, title in ((above, "Waveform"), (below, "Real or mock, second by second")):
            tidy(axes, title)
            say(axes, seen.silent_because)
        return
    draw_waveform(above, seen.envelope, matched_stretches(seen.row))
    draw_odds(below, seen.evidence, seen.envelope.seconds)


def draw_own(axes: Axes, seen: Depth) -> None:
    """Draw the upload's close-up."""
    part = seen.close_up
    if part is None:
        tidy(axes, "Spectrogram")
        say(axes, seen.silent_because)
        return
    shared = shared_peaks(part, seen.reference)
    note = f"from {clock(round(part.first, 1))}, {len(part.stars.hz)} peaks"
    if shared is not None:
        note += f", {int(shared.sum())} of them in the recording too (filled)"
    draw_close_up(axes, part, shared, "Spectrogram and constellation", note)


def draw_matched(axes: Axes, seen: Depth) -> None:
    """Draw the matched recording, or say why there is none."""
    if seen.reference is not None and seen.close_up is not None:
        draw_reference(axes, seen.reference, seen.close_up)
        return
    tidy(axes, "The recording")
    identity = seen.row.get("identity")
    if identity == "match":
        say(axes, "give --index (or --recordings) to see what it was compared with")
    elif identity == "no_match":
        say(axes, "no known recording matches")
    else:
        say(axes, "not compared: nobody asks whose recording data is")


def draw_file(axes: Axes, seen: Depth) -> None:
    """Draw the file's bytes, or say why they are not there."""
    if seen.runs:
        draw_bytes(axes, seen.runs, seen.size)
        return
    tidy(axes, "The file's bytes")
    say(axes, seen.silent_because)


def matched_stretches(row: dict[str, Any]) -> list[Stretch]:
    """List where known recordings are heard in an upload."""
    accepted = [one for one in row.get("candidates") or () if one.get("accepted")]
    found = [row, *accepted] if row.get("identity") == "match" else accepted
    return [
        (one["query_offset_ms"] / 1000, (one["query_offset_ms"] + one["matched_ms"]) / 1000, MATCHED) for one in found
    ]


def draw_verdict(axes: Axes, row: dict[str, Any]) -> None:
    """Write what was decided, and why, in a few lines."""
    axes.set_axis_off()
    decision, reasons = str(row.get("decision")), row.get("reasons")
    colour = DECISIONS.get(decision, FAINT)
    axes.text(1, 0.95, decision, fontsize=16, **{**_text(colour, "bold"), "ha": "right"})
    axes.text(0, 0.95, legible(str(row.get("track_name") or "(no name)"), 52), fontsize=17, **_text(INK, "bold"))
    axes.text(0, 0.65, _whose(row), fontsize=BODY + 1, **_text(INK))
    axes.text(0, 0.44, _why(row), fontsize=BODY + 1, **_text(colour if reasons else INK))
    user = legible(str(row.get("user_id") or "nobody"), 40)
    told = [f"upload {legible(str(row.get('upload_id')), 40)} of {user}", *_facts(row)]
    axes.text(0, 0.23, legible(" · ".join(told), 140), fontsize=SMALL, **_text(FAINT))
    versions = [f"{name.split('_')[0]} {str(row[name])[:12]}" for name in VERSIONS if row.get(name)]
    axes.text(0, 0.07, legible("judged by " + " · ".join(versions), 140), fontsize=SMALL, **_text(FAINT))


def _facts(row: dict[str, Any]) -> list[str]:
    kinds = dict.fromkeys(str(row[name]) for name in ("container", "codec") if row.get(name))
    if not row.get("sample_rate"):
        return list(kinds)
    channels = row.get("channels") or 0
    return [*kinds, f"{row['sample_rate']:,} Hz", f"{channels} channel" + "s" * (channels != 1)]


VERSIONS = ("code_version", "index_sha256", "model_sha256")


def _text(colour: str, weight: str = "normal") -> dict[str, Any]:
    return {"color": colour, "fontweight": weight, "va": "top", "parse_math": False}


def _whose(row: dict[str, Any]) -> str:
    score = row.get("mock_score")
    content = f"{row.get('content')}" + ("" if score is None else f" (mock score {score:.2f})")
    if row.get("identity") != "match":
        return f"{content}; {str(row.get('identity')).replace('_', ' ')}"
    by = f" by {row['artist']}" if row.get("artist") else ""
    at = clock(round((row.get("reference_offset_ms") or 0) / 1000, 1))
    named = legible(f"{row.get('title') or row.get('reference_id')}{by}", 80)
    return f"{content}; matches {named}, from {at}, score {row.get('score') or 0:.3f}"


def _why(row: dict[str, Any]) -> str:
    codes = row.get("reasons") or []
    if not codes:
        return "nothing speaks against it"
    told = "; ".join(f"{code}: {info(code).text.rstrip('.')}" if info(code).text else code for code in codes[:2])
    return legible(told + (f"; and {len(codes) - 2} more" if len(codes) > 2 else ""), 150)
