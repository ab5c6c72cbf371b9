"""What played on each channel, as lines of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from matplotlib.figure import Figure

from streaming.listen.reader import name_play
from streaming.pictures.lake import WIDTH, date_axis, days
from streaming.pictures.style import ACCENT, INK, MATCHED, PAPER, RULE, SMALL, legible, new_figure, say, tidy

CHANNELS = 12
THICK = 0.62  # of a channel's line
CHARACTER = 0.012  # of the width of the figure, as wide as one is at the size of the names
COLOURS = (ACCENT, MATCHED)  # in turn, so that neighbours are told apart


def show_plays(now: Sequence[Mapping[str, Any]], over: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw plays by channel over time; what plays now goes on to the right edge.

    Parameters
    ----------
    now, over
        As `streaming.listen.reader` gives them.
    """
    rows = [*over, *now]
    if not rows:
        figure = new_figure(WIDTH, 1.6)
        axes = figure.subplots()
        tidy(axes, "Plays")
        say(axes, "nothing has played yet")
        return figure
    names = list(dict.fromkeys(row["channel"] for row in sorted(rows, key=lambda row: row["started_at"], reverse=True)))
    shown = names[:CHANNELS]
    figure = new_figure(WIDTH, 1.0 + 0.5 * len(shown))
    axes = figure.subplots()
    left = f"and {len(names) - len(shown)} more channels" if len(names) > len(shown) else ""
    tidy(axes, "Plays", left)
    begin = min(row["started_at"] for row in rows)
    end = max(begin + timedelta(seconds=1), *(row["ended_at"] for row in rows))
    span = float(days([end])[0] - days([begin])[0]) * 1.02
    for line, channel in enumerate(shown):
        axes.axhline(line, color=RULE, linewidth=0.8, zorder=0)
        own = sorted((row for row in rows if row["channel"] == channel), key=lambda row: row["started_at"])
        for number, row in enumerate(own):
            goes_on = row in now
            at = float(days([row["started_at"]])[0])
            width = float(days([end])[0]) - at + 0.02 * span if goes_on else float(days([row["ended_at"]])[0]) - at
            colour = COLOURS[number % len(COLOURS)]
            axes.barh(line, width, THICK, left=at, color=colour, edgecolor=PAPER, alpha=0.55 if goes_on else 0.9)
            room = int(width / span / CHARACTER)
            text = legible(("now: " if goes_on else "") + name_play(row), max(2, room))
            if room >= 5:
                drawn = axes.text(at + width / 2, line, text, fontsize=SMALL - 1.5, color=PAPER, clip_on=True)
                drawn.set(ha="center", va="center", parse_math=False)
    axes.set_yticks(range(len(shown)), [legible(name, 24) for name in shown], color=INK)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.invert_yaxis()
    axes.set_xlim(float(days([begin])[0]), float(days([begin])[0]) + span)
    date_axis(axes)
    return figure
