"""A track's features in one picture: mel spectrogram with the pitch, chroma with the beats, loudness by second."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from streaming.pictures.style import ACCENT, DATA, FAINT, MATCHED, SOUND_MAP, new_figure, say, tidy
from udfs.features import Features
from udfs.features.frames import FRAMES_A_SECOND
from udfs.features.mel import BANDS, FLOOR_DB, HIGHEST_HZ, STEPS_A_DB

WIDTH, HEIGHT = 11.0, 6.6  # inches
CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
TICKS_HZ = (100, 300, 1000, 3000, 10_000)
MOST_COLUMNS = 2000  # of the spectrogram: more are not seen, and an hour has 180,000
RANGE_DB = 80.0  # under the loudest that is drawn
LINEAR_TO_HZ, LINEAR_A_MEL, LOG_STEP = 1000.0, 200 / 3, np.log(6.4) / 27  # Slaney's mel scale


def show_features(features: Features, title: str) -> Figure:
    """Draw what was extracted; what was not asked for is left empty, and said to be."""
    figure = new_figure(WIDTH, HEIGHT)
    spectrogram, chroma, loudness = figure.subplots(3, 1, sharex=True, height_ratios=(5, 2.4, 1.6))
    _draw_mel(spectrogram, features, title)
    _draw_chroma(chroma, features)
    _draw_loudness(loudness, features)
    loudness.set_xlim(0, max(1, features.seconds))
    loudness.set_xlabel("seconds")
    return figure


def _draw_mel(axes: Axes, features: Features, title: str) -> None:
    tempo = "" if features.tempo_bpm is None else f"{features.tempo_bpm:.0f} beats a minute"
    onsets = "" if features.onsets_ms is None else f"{len(features.onsets_ms) / max(1, features.seconds):.1f} onsets/s"
    tidy(axes, title, ", ".join(filter(None, (tempo, onsets))))
    if features.mel is None or not len(features.mel):
        say(axes, "no mel spectrogram was asked for")
        return
    step = -(-len(features.mel) // MOST_COLUMNS)
    levels = features.mel[::step].T / STEPS_A_DB + FLOOR_DB
    highest = float(levels.max())
    extent = (0.0, len(features.mel) / FRAMES_A_SECOND, 0.0, float(BANDS))
    axes.imshow(levels, cmap=SOUND_MAP, aspect="auto", origin="lower", extent=extent, vmin=highest - RANGE_DB)
    axes.set_yticks([band_of(hz) for hz in TICKS_HZ], [f"{hz:,}" for hz in TICKS_HZ])
    axes.set_ylabel("Hz (mel)")
    if features.pitch_hz is not None:
        times = np.arange(len(features.pitch_hz)) / FRAMES_A_SECOND
        axes.plot(times, [band_of(hz) for hz in features.pitch_hz], color=DATA, linewidth=1.2, label="pitch")
        axes.legend(loc="upper right", frameon=True, fontsize=8)


def _draw_chroma(axes: Axes, features: Features) -> None:
    tidy(axes, "Chroma", "" if features.beats_ms is None else f"{len(features.beats_ms)} beats")
    if not features.chroma:
        say(axes, "no chroma was asked for")
        return
    extent = (0.0, float(len(features.chroma)), -0.5, len(CLASSES) - 0.5)
    axes.imshow(np.array(features.chroma).T, cmap=SOUND_MAP, aspect="auto", origin="lower", extent=extent)
    axes.set_yticks(range(0, 12, 2), CLASSES[::2])
    for beat in features.beats_ms or ():
        axes.axvline(beat / 1000, ymin=0.9, color=MATCHED, linewidth=1)


def _draw_loudness(axes: Axes, features: Features) -> None:
    measured = features.loudness
    if measured is None:
        tidy(axes, "Loudness")
        say(axes, "no loudness was asked for")
        return
    whole = "" if measured.integrated_lufs is None else f"{measured.integrated_lufs:.1f} LUFS integrated"
    spread = "" if measured.range_lu is None else f"range {measured.range_lu:.1f} LU"
    tidy(axes, "Loudness", ", ".join(filter(None, (whole, spread))))
    levels = [np.nan if level is None else max(level, -70.0) for level in measured.by_second]
    axes.step(np.arange(len(levels) + 1), [*levels, *levels[-1:]], where="post", color=ACCENT, linewidth=1.2)
    if measured.integrated_lufs is not None:
        axes.axhline(measured.integrated_lufs, color=FAINT, linewidth=0.8, linestyle="--")
    axes.set_ylabel("LUFS")


def band_of(hz: float) -> float:
    """Say at which band, counted from the lowest one's lower edge, a frequency lies."""
    return float(_mels(hz) / _mels(HIGHEST_HZ) * (BANDS + 1) - 0.5)


def _mels(hz: float) -> float:
    bend = LINEAR_TO_HZ / LINEAR_A_MEL
    return float(hz / LINEAR_A_MEL if not hz > LINEAR_TO_HZ else bend + np.log(hz / LINEAR_TO_HZ) / LOG_STEP)
