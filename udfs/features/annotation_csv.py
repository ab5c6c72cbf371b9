"""Features as CSV in Sonic Annotator's layout: time, then the values, in seconds with nine decimals, without a header.

Of one file each line begins with its time; of several in one output there is a column before it with the file's name,
in quotes, empty where it is that of the line before. A pitch track has a line for each frame that has a pitch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from udfs.features.extract import Features
from udfs.features.frames import FRAMES_A_SECOND

Lines = Iterator[tuple[float, tuple[float, ...]]]


def _pitch(features: Features) -> Lines:
    hertz = features.pitch_hz if features.pitch_hz is not None else np.zeros(0)
    return ((frame / FRAMES_A_SECOND, (float(value),)) for frame, value in enumerate(hertz) if not np.isnan(value))


def _instants(times_ms: list[int] | None) -> Lines:
    return ((time / 1000, ()) for time in times_ms or ())


def _loudness(features: Features) -> Lines:
    levels = features.loudness.by_second if features.loudness else ()
    return ((float(second), (level,)) for second, level in enumerate(levels) if level is not None)


LAYOUTS: dict[str, tuple[str, Callable[[Features], Lines]]] = {  # by name: the feature that it needs, and its lines
    "pitch": ("pitch", _pitch),
    "onsets": ("onsets", lambda features: _instants(features.onsets_ms)),
    "beats": ("tempo", lambda features: _instants(features.beats_ms)),
    "loudness": ("loudness", _loudness),
    "chroma": ("chroma", lambda features: ((float(s), tuple(row)) for s, row in enumerate(features.chroma or ()))),
}


def write_lines(features: Features, layout: str, name: str | None = None) -> Iterator[str]:
    """Give the CSV's lines, each with its end; `name` is the file's where several go into one output."""
    for number, (seconds, values) in enumerate(LAYOUTS[layout][1](features)):
        cells = [f"{seconds:.9f}", *(f"{value:.6g}" for value in values)]
        if name is not None:
            cells.insert(0, '"' + name.replace('"', '""') + '"' if number == 0 else "")
        yield ",".join(cells) + "\n"
