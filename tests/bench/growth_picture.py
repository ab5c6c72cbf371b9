"""Draw docs/catalogue-growth.svg from the rows of fingerprint_growth.py: CPU of a query by recordings, both ways.

python tests/bench/growth_picture.py growth.csv docs/catalogue-growth.svg
"""

from __future__ import annotations

import csv
import sys
from math import log10
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP = 640, 380, 80, 30
INNER_WIDTH, INNER_HEIGHT = 430, 290
COLOURS = {"all": "#c2410c", "votes": "#0f766e"}
NAMES = {"all": "compared with all", "votes": "by votes"}
RECORDINGS, CPU_MS = (2, 5), (1, 4)  # powers of ten at the axes' ends


def x(recordings: float) -> float:
    return LEFT + INNER_WIDTH * (log10(recordings) - RECORDINGS[0]) / (RECORDINGS[1] - RECORDINGS[0])


def y(cpu_ms: float) -> float:
    return TOP + INNER_HEIGHT * (CPU_MS[1] - log10(cpu_ms)) / (CPU_MS[1] - CPU_MS[0])


def text(at: float, to: float, words: str, anchor: str = "middle", colour: str = "#334155") -> str:
    return f'<text x="{at:.0f}" y="{to:.0f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def draw(rows: list[dict[str, str]]) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for power in range(RECORDINGS[0], RECORDINGS[1] + 1):
        at = x(10**power)
        parts.append(f'<path d="M{at:.0f} {TOP}V{TOP + INNER_HEIGHT}" stroke="#e2e8f0"/>')
        parts.append(text(at, TOP + INNER_HEIGHT + 20, f"{10**power:,}"))
    for power in range(CPU_MS[0], CPU_MS[1] + 1):
        to = y(10**power)
        parts.append(f'<path d="M{LEFT} {to:.0f}H{LEFT + INNER_WIDTH}" stroke="#e2e8f0"/>')
        parts.append(text(LEFT - 8, to + 4, f"{10**power:,} ms", "end"))
    parts.append(text(LEFT + INNER_WIDTH / 2, HEIGHT - 12, "recordings of four minutes in the index"))
    parts.append(text(LEFT, TOP - 12, "CPU of a ten-second query", "start"))
    for way, colour in COLOURS.items():
        points = sorted((float(row["recordings"]), float(row["cpu_ms"])) for row in rows if row["way"] == way)
        line = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        for a, b in points:
            parts.append(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="4" fill="{colour}"/>')
            above = -10 if way == "all" else 20
            parts.append(text(x(a), y(b) + above, f"{b:.0f}", colour=colour))
        a, b = points[-1]
        parts.append(text(x(a) + 12, y(b) + 4, NAMES[way], "start", colour))
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    with Path(sys.argv[1]).open() as file:
        Path(sys.argv[2]).write_text(draw(list(csv.DictReader(file))))
