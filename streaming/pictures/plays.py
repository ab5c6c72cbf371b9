"""What played on each channel, as lines of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from streaming.listen.reader import name_play
from streaming.pictures.lake import WIDTH, date_axis, days
from streaming.pictures.style import ACCENT, INK, MATCHED, PAPER, RULE, SMALL, legible, new_figure, say, tidy

CHANNELS = 12
THICK = 0.62  # of a channel's line
CHARACTER = 0.012  # of the width of the figure, as wide as one is at the size of the names
LEAST_ROOM = 5  # characters; less is not worth reading
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
    begin, end = _bounds(rows)
    span = (end - begin) * 1.02
    for line, channel in enumerate(shown):
        axes.axhline(line, color=RULE, linewidth=0.8, zorder=0)
        own = [(row, False) for row in over if row["channel"] == channel]
        own += [(row, True) for row in now if row["channel"] == channel]
        own.sort(key=lambda play: play[0]["started_at"])
        for number, (row, goes_on) in enumerate(own):
            until = begin + span if goes_on else _at(row["ended_at"])
            _draw_play(axes, line, row, until, span, goes_on, COLOURS[number % len(COLOURS)])
    axes.set_yticks(range(len(shown)), [legible(name, 24) for name in shown], color=INK)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.invert_yaxis()
    axes.set_xlim(begin, begin + span)
    date_axis(axes)
    return figure


def _draw_play(
    axes: Axes, line: int, row: Mapping[str, Any], until: float, span: float, goes_on: bool, colour: str
) -> None:
    """Draw a play's bar, and its name in it where there is room."""
    at = _at(row["started_at"])
    axes.barh(line, until - at, THICK, left=at, color=colour, edgecolor=PAPER, alpha=0.55 if goes_on else 0.9)
    room = int((until - at) / span / CHARACTER)
    if room >= LEAST_ROOM:
        text = legible(("now: " if goes_on else "") + name_play(row), room)
        drawn = axes.text((at + until) / 2, line, text, fontsize=SMALL - 1.5, color=PAPER, clip_on=True)
        drawn.set(ha="center", va="center", parse_math=False)


def _bounds(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Give the first start and the last end, a second apart or more, as an axis of dates counts them."""
    begin = min(row["started_at"] for row in rows)
    return _at(begin), _at(max(begin + timedelta(seconds=1), *(row["ended_at"] for row in rows)))


def _at(moment: datetime) -> float:
    return float(days([moment])[0])
