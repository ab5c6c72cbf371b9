"""A whole lake's figures: decisions over time, reasons, what was hidden, latency and lag, matches, quality."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from streaming.look.tables import MOST, Count, Matched, Timeline
from streaming.pictures.sound import clock
from streaming.pictures.style import (
    ACCENT,
    DATA,
    DECISIONS,
    FAINT,
    INK,
    MATCHED,
    QUALITIES,
    RULE,
    SMALL,
    legible,
    new_figure,
    say,
    tidy,
)

WIDTH = 7.6  # inches
BARS = 12
DAY = 86_400  # seconds; an axis counts in days
NAMED = 14  # recordings in the figure of matches


def show_decisions(found: Timeline) -> Figure:
    """Draw how many uploads were decided over time, and how."""
    figure = new_figure(WIDTH, 2.9)
    axes = figure.subplots()
    total = sum(sum(moment.counts.values()) for moment in found.moments)
    tidy(axes, "Decisions", f"{total:,} uploads, {duration(found.step)} a bar")
    if not found.moments:
        say(axes, "no upload was decided yet")
        return figure
    at = days([moment.at for moment in found.moments])
    base = np.zeros(len(at))
    width = found.step / DAY
    for decision, colour in DECISIONS.items():
        numbers = np.array([moment.counts.get(decision, 0) for moment in found.moments])
        if numbers.any():
            axes.bar(at, numbers, width * 0.92, bottom=base, color=colour, align="edge", label=decision)
        base += numbers
    date_axis(axes)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.legend(loc="upper left", ncols=4, fontsize=SMALL, frameon=False, labelcolor=INK, borderaxespad=0)
    axes.set_ylim(0, float(base.max()) * 1.22)
    return figure


def show_latency(found: Timeline) -> Figure:
    """Draw how long verdicts took after the last chunk, and how far behind the stream the job was."""
    figure = new_figure(WIDTH, 2.9)
    axes = figure.subplots()
    tidy(axes, "Latency and lag", "seconds from the last chunk's arrival to the verdict")
    if not found.moments:
        say(axes, "no upload was decided yet")
        return figure
    at = days([moment.at for moment in found.moments]) + found.step / 2 / DAY
    lines = (
        ("slowest twentieth", [moment.latency_p95 for moment in found.moments], DATA),
        ("middle", [moment.latency_p50 for moment in found.moments], ACCENT),
        ("lag (the newest)", [moment.lag for moment in found.moments], FAINT),
    )
    for name, values, colour in lines:
        axes.plot(at, values, "o-", color=colour, markersize=3, linewidth=1.3, label=name)
    date_axis(axes)
    axes.set_ylim(0, max(1e-3, max(lines[0][1])) * 1.3)
    axes.legend(loc="upper left", ncols=3, fontsize=SMALL, frameon=False, labelcolor=INK, borderaxespad=0)
    return figure


def show_reasons(counts: Sequence[Count]) -> Figure:
    """Draw why uploads were not accepted, or what was noted of them, by decision."""
    return _bars("Reasons", counts, DECISIONS, "nothing was noted of any upload")


def show_hidden(counts: Sequence[Count]) -> Figure:
    """Draw what refused uploads hid."""
    colours = {"recovered": DATA, "by statistics": FAINT}
    return _bars("What the refused ones hid", counts, colours, "no upload was refused")


def show_refused_records(counts: Sequence[Count]) -> Figure:
    """Draw why records are in no upload."""
    return _bars("Records in no upload", counts, {"record": FAINT}, "every record was used")


def show_quality(counts: Sequence[Count]) -> Figure:
    """Draw the mix of qualities among what was accepted."""
    figure = new_figure(WIDTH, 1.5)
    axes = figure.subplots()
    total = sum(one.number for one in counts)
    tidy(axes, "Quality of what was accepted", f"{total:,} uploads")
    if not total:
        say(axes, "nothing was accepted yet")
        return figure
    order = [*QUALITIES, *(one.value for one in counts if one.value not in QUALITIES)]
    start = 0
    for one in sorted(counts, key=lambda one: order.index(one.value)):
        bar = axes.barh([0], [one.number], left=[start], color=QUALITIES.get(one.value, RULE))
        bar.set_label(f"{legible(one.value, 20)} {one.number:,}")
        start += one.number
    axes.set_xlim(0, total)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.3), ncols=5, fontsize=SMALL, frameon=False, labelcolor=INK)
    return figure


def show_matches(found: Sequence[Matched]) -> Figure:
    """Draw which part of which recording was heard: a line a match, on the recording's own time."""
    by_title: dict[str, list[Matched]] = {}
    for one in found:
        by_title.setdefault(one.title or one.reference_id, []).append(one)
    named = sorted(by_title.items(), key=lambda item: -len(item[1]))[:NAMED]
    figure = new_figure(WIDTH, 1.3 + 0.32 * max(1, len(named)))
    axes = figure.subplots()
    newest = "the newest " if len(found) == MOST else ""
    tidy(axes, "Matches, on each recording's time", f"{newest}{len(found):,}, of {len(by_title):,} recordings")
    if not named:
        say(axes, "no known recording was heard yet")
        return figure
    for line, (_, heard) in enumerate(named):
        for place, one in enumerate(heard[:20]):
            height = line + 0.3 - 0.6 * (place + 0.5) / min(20, len(heard))
            axes.hlines(height, one.reference_offset, one.reference_offset + one.matched, color=MATCHED, linewidth=2)
    axes.set_yticks(range(len(named)), [f"{legible(title, 28)}  {len(heard)}×" for title, heard in named])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(len(named) - 0.5, -0.5)
    axes.set_xlim(0, None)
    axes.xaxis.set_major_formatter(lambda value, _: clock(value))
    return figure


def duration(seconds: int) -> str:
    """Write a round length of time: 30 seconds, 1 hour, 7 days."""
    for name, length in (("day", DAY), ("hour", 3_600), ("minute", 60), ("second", 1)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {name}" + "s" * (count != 1)
    return "0 seconds"


def days(moments: Sequence[datetime]) -> NDArray[np.float64]:
    """Give moments as numbers on an axis of dates."""
    return np.array([moment.timestamp() / DAY for moment in moments])


def _bars(title: str, counts: Sequence[Count], colours: dict[str, str], nothing: str) -> Figure:
    totals: dict[str, int] = {}
    for one in counts:
        totals[one.value] = totals.get(one.value, 0) + one.number
    names = sorted(totals, key=lambda name: -totals[name])
    shown, left = names[:BARS], names[BARS:]
    figure = new_figure(WIDTH, 1.0 + 0.27 * max(2, len(shown)))
    axes = figure.subplots()
    tidy(axes, title, f"and {len(left)} more kinds, {sum(totals[name] for name in left):,} times" if left else "")
    if not shown:
        say(axes, nothing)
        return figure
    base = np.zeros(len(shown))
    for kind, colour in colours.items():
        by_name = {one.value: one.number for one in counts if one.kind == kind}
        numbers = np.array([by_name.get(name, 0) for name in shown])
        if numbers.any():
            axes.barh(range(len(shown)), numbers, left=base, color=colour, height=0.68, label=kind)
        base += numbers
    for line, name in enumerate(shown):
        axes.annotate(f"{totals[name]:,}", (base[line], line), (4, 0), textcoords="offset points", va="center").set(
            fontsize=SMALL, color=FAINT
        )
    axes.set_yticks(range(len(shown)), [legible(name, 34) for name in shown], color=INK)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    named = len(axes.get_legend_handles_labels()[0]) > 1
    axes.set_xlim(0, float(base.max()) * (1.35 if named else 1.12))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if named:
        axes.legend(loc="lower right", fontsize=SMALL, frameon=False, labelcolor=INK)
    return figure


def date_axis(axes: Axes) -> None:
    """Let the horizontal axis tell dates."""
    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))  # type: ignore[no-untyped-call]
