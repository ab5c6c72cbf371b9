"""Draw what `quality.py --csv` wrote: the grade's score against PESQ, a point a pair.

``python tests/bench/quality_picture.py PAIRS.csv docs/quality.png``
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from streaming.pictures.style import FAINT, QUALITIES, new_figure, tidy, to_png

KINDS = {  # what a degradation's name begins with, and how its points look
    "none": ("as it was", "*", 60),
    "white": ("noise", "o", 16),
    "pink": ("", "o", 16),
    "clipped": ("clipped", "s", 16),
    "through": ("through a lower rate", "^", 20),
    "lost": ("packets lost", "x", 18),
    "mp3": ("codec", "D", 14),
    "opus": ("", "D", 14),
    "aac": ("", "D", 14),
}
LIMITS = {"Excellent": (4.2, 5.05), "Good": (3.4, 4.2), "Fair": (2.3, 3.4), "Poor": (0.95, 2.3)}


def main() -> None:
    """Draw."""
    with Path(sys.argv[1]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure = new_figure(8.8, 5.6)
    axes = figure.subplots()
    tidy(axes, "The grade's score against PESQ", f"{len(rows)} pairs, recordings that set no threshold")
    for name, (low, high) in LIMITS.items():
        axes.axhspan(low, high, color=QUALITIES[name], alpha=0.12, linewidth=0)
        told = axes.text(4.78, (low + high) / 2, name, color=QUALITIES[name], fontsize=9, fontweight="bold")
        told.set(va="center", clip_on=False)
    for number, (begin, (label, marker, size)) in enumerate(KINDS.items()):
        found = [row for row in rows if row["degradation"].startswith(begin) and "," not in row["degradation"]]
        points = [[float(row[name]) for row in found] for name in ("pesq", "score")]
        colour = {"pink": "C1", "opus": "C6", "aac": "C6"}.get(begin, f"C{number}")
        axes.scatter(*points, s=size, marker=marker, color=colour, alpha=0.6, linewidths=0.8, label=label or None)
    axes.set(xlim=(0.95, 4.75), ylim=(0.95, 5.05))
    axes.set_xlabel("PESQ against the unspoilt recording (ITU-T P.862.2)", color=FAINT)
    axes.set_ylabel("score without a reference", color=FAINT)
    axes.legend(loc="lower right", fontsize=8)
    Path(sys.argv[2]).write_bytes(to_png(figure))


if __name__ == "__main__":
    main()
