"""How all figures look: colours, type, and strangers' text made safe to draw."""

from __future__ import annotations

import io
from functools import cache

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.layout_engine import ConstrainedLayoutEngine

from streaming.partition_key import printable

INK, FAINT, RULE, PAPER = "#1c2430", "#66707f", "#dfe3ea", "#ffffff"
ACCENT = "#2f5d9b"
DECISIONS = {"accept": "#2a9d78", "review": "#e3a72f", "reject": "#cf4a52", "incomplete": "#8b93a3"}
QUALITIES = {"Excellent": "#1f8a70", "Good": "#7db87a", "Fair": "#e3a72f", "Poor": "#cf4a52"}
DATA = DECISIONS["reject"]
MATCHED = "#7a4fb5"
SOUND_MAP = LinearSegmentedColormap.from_list("sound", ["#ffffff", "#dbe4f0", "#8fabcf", "#3f689f", "#14284a"])
CODE_MAP = LinearSegmentedColormap.from_list("codes", ["#ffffff", "#d6c9ea", "#5c3794"])
DPI = 110
TITLE, BODY, SMALL = 11.0, 9.5, 8.5  # points


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure, in inches."""
    pads = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.07)  # inches
    return Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER, layout=pads)


def tidy(axes: Axes, title: str, note: str = "") -> None:
    """Give axes their look; `title` and `note` may quote strangers."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    axes.tick_params(colors=FAINT, labelsize=SMALL, length=3, color=RULE)
    axes.xaxis.label.set_color(FAINT)
    axes.yaxis.label.set_color(FAINT)
    axes.xaxis.label.set_fontsize(SMALL)
    axes.yaxis.label.set_fontsize(SMALL)
    axes.set_title(legible(title, 90), loc="left", fontsize=TITLE, color=INK, fontweight="bold", parse_math=False)
    if note:
        axes.set_title(legible(note, 110), loc="right", fontsize=SMALL, color=FAINT, parse_math=False)


def say(axes: Axes, text: str) -> None:
    """Write in the middle of empty axes why there is nothing in them."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_facecolor("#f6f7f9")
    told = axes.text(0.5, 0.5, legible(text, 160), color=FAINT, fontsize=BODY, transform=axes.transAxes)
    told.set(ha="center", va="center", parse_math=False)


def legible(text: str, limit: int = 80) -> str:
    """Make strangers' text drawable: on one line, without controls, each sign that the font lacks as its number."""
    shown = "".join(c if ord(c) in _glyphs() else _number(c) for c in printable(text))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _number(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(FT2Font(font_manager.findfont("DejaVu Sans")).get_charmap())


def to_png(figure: Figure, dpi: float = DPI) -> bytes:
    """Render a figure as a PNG file; it says nothing of when or by what it was made."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, facecolor=PAPER, metadata={"Software": None})
    return file.getvalue()
