"""The evidence on real or mock: log-odds second by second, what the file's bytes are, what was recovered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from streaming.look.evidence import ByteRun, Evidence, Odds
from streaming.pictures.sound import time_axis
from streaming.pictures.style import ACCENT, BODY, DATA, DECISIONS, FAINT, INK, RULE, SMALL, legible, say, tidy
from udfs.forensics.examine import MOCK_LOG_ODDS, UNDECIDED_LOG_ODDS

REACH = 9.0  # log-odds; certainty is 8
KINDS = {
    "sound": "#3f689f",
    "structure": "#a9b4c4",
    "tag": "#7db87a",
    "picture": "#5aa9b0",
    "padding": "#e4e8ee",
    "other_stream": "#b59ad0",
    "unexplained": DATA,
}


def draw_odds(axes: Axes, found: Evidence, seconds: float) -> None:
    """Draw log-odds of being data along a track: over 2 it is mock, from 0.7 on a person looks."""
    axes.axhspan(MOCK_LOG_ODDS, REACH, color=DATA, alpha=0.09, linewidth=0)
    axes.axhspan(UNDECIDED_LOG_ODDS, MOCK_LOG_ODDS, color=DECISIONS["review"], alpha=0.14, linewidth=0)
    axes.axhline(0, color=RULE, linewidth=0.8)
    for one in found.odds:
        _draw(axes, one, tones=one is found.odds[-1])
    time_axis(axes, 0.0, seconds)
    axes.set_ylim(-REACH, REACH)
    axes.set_yticks([-6, 0, MOCK_LOG_ODDS, 6])
    for height, text in ((5.5, "data"), (-7.5, "sound")):
        told = axes.text(0.995, height, text, color=DATA if height > 0 else FAINT, fontsize=SMALL, style="italic")
        told.set(ha="right", va="center", transform=axes.get_yaxis_transform())
    if found.odds:
        axes.legend(loc="upper left", fontsize=SMALL, frameon=False, ncols=3, labelcolor=FAINT, borderaxespad=0.2)
    note = "" if found.lossless else "a lossy codec: single samples hold no data, only tones survive it"
    tidy(axes, "Real or mock, second by second", note or "log-odds of being data")


def _draw(axes: Axes, one: Odds, tones: bool) -> None:
    values = np.clip(one.values, -REACH, REACH)
    if tones:
        middle = one.starts + one.length / 2
        axes.plot(middle, values, "D--", color=INK, markersize=3.5, linewidth=0.7, label=one.name)
        return
    edges = np.append(one.starts, one.starts[-1] + one.length)
    ends = np.minimum(edges[1:], one.starts + max(one.length, float(np.diff(one.starts).max(initial=0.0))))
    colours = np.where(values > 0, DATA, ACCENT)
    axes.bar(one.starts, values, ends - one.starts, align="edge", color=colours, alpha=0.55, linewidth=0)
    axes.bar([0], [0], color=ACCENT, alpha=0.55, label=one.name)


def draw_bytes(axes: Axes, runs: Sequence[ByteRun], size: int) -> None:
    """Draw what each byte of a file is; what nothing explains is what a payload would be."""
    shown = [kind for kind in KINDS if any(run.kind == kind for run in runs)]
    for run in runs:
        width = max(run.end - run.start, size / 600)  # a few bytes are still to be seen
        start = min(run.start, size - width)
        above = run.kind == "unexplained"
        axes.broken_barh([(start, width)], (0, 1), color=KINDS[run.kind], linewidth=0, zorder=3 if above else 1)
    axes.set_xlim(0, max(1, size))
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: in_bytes(value)))
    handles = [Patch(color=KINDS[kind], label=_tell(kind, runs)) for kind in shown]
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, -0.45),
        ncols=len(shown),
        frameon=False,
        fontsize=SMALL,
        labelcolor=FAINT,
        borderaxespad=0,
        handlelength=1,
    )
    tidy(axes, "The file's bytes", in_bytes(size))
    axes.spines["left"].set_visible(False)


def _tell(kind: str, runs: Sequence[ByteRun]) -> str:
    total = sum(run.end - run.start for run in runs if run.kind == kind)
    return f"{kind.replace('_', ' ')} {in_bytes(total)}"


def draw_payloads(axes: Axes, payloads: Sequence[dict[str, Any]]) -> None:
    """Write what was recovered: its type, where it lay, how long it is; never the bytes."""
    tidy(axes, "Recovered", "the payloads' types; the bytes are shown nowhere")
    if not payloads:
        say(axes, "no payload")
        return
    axes.set_axis_off()
    for line, one in enumerate(payloads[:4]):
        height = 0.8 - line * 0.27
        kind, where = legible(str(one["kind"]), 24), legible(str(one["where"]), 60)
        axes.text(0.0, height, kind, color=DATA, fontsize=BODY + 2, fontweight="bold", va="center")
        text = f"{where}, {in_bytes(one['length'])}, SHA-256 {str(one['sha256'])[:16]}…"
        axes.text(0.13, height, text, color=INK, fontsize=BODY, va="center", parse_math=False)
    if len(payloads) > 4:
        axes.text(0.0, -0.2, f"and {len(payloads) - 4} more", color=FAINT, fontsize=SMALL)


def in_bytes(count: float) -> str:
    """Write a number of bytes for people."""
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "bytes" else f"{count:.0f} bytes"
        count /= 1000
    return f"{count:.3g} GB"
