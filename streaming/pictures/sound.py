"""An upload's sound: the whole waveform, and a close-up with its constellation above the recording it matches."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter
from numpy.typing import NDArray

from streaming.look.reference import Codes, Reference
from streaming.look.sound import HIGHEST, LOWEST, CloseUp, Envelope
from streaming.pictures.style import ACCENT, CODE_MAP, FAINT, SOUND_MAP, tidy
from udfs.constellation import Constellation
from udfs.fingerprint import BANDS
from udfs.spectrum import HIGHEST as BANDS_END
from udfs.spectrum import HOP, RATE, WINDOW
from udfs.spectrum import LOWEST as BANDS_BEGIN

PITCHES = (125, 250, 500, 1000, 2000, 4000)
NEAR_S, NEAR_HZ = 1.5 * HOP / RATE, 1.5 * RATE / WINDOW  # a frame and a bin: then two peaks are the same

SHORTEST_S = 1e-3  # that an axis shows

Stretch = tuple[float, float, str]  # from, to in seconds, colour


def draw_waveform(axes: Axes, whole: Envelope, stretches: Iterable[Stretch] = ()) -> None:
    """Draw a whole track, with some stretches marked."""
    at = (np.arange(len(whole.low)) + 0.5) * whole.seconds / max(1, len(whole.low))
    reach = max(1.0, float(np.abs(whole.low).max(initial=0)), float(np.abs(whole.high).max(initial=0)))
    for start, end, colour in stretches:
        axes.axvspan(start, end, color=colour, alpha=0.16, linewidth=0)
    axes.fill_between(at, whole.low / reach, whole.high / reach, color=ACCENT, linewidth=0.3)
    axes.axhline(0, color=FAINT, linewidth=0.4)
    axes.set_ylim(-1.05, 1.05)
    axes.set_yticks([-1, 0, 1])
    time_axis(axes, 0.0, whole.seconds)
    tidy(axes, "Waveform", f"{whole.seconds:.1f} s" + ("" if reach <= 1 else f", to {reach:.3g} times full scale"))


def draw_close_up(axes: Axes, part: CloseUp, shared: NDArray[np.bool_] | None, title: str, note: str) -> None:
    """Draw a spectrogram with its constellation; peaks that are `shared` with another are filled."""
    _spectrogram(axes, part, part.first, part.seconds)
    _stars(axes, part.stars, part.first + part.stars.seconds, shared)
    time_axis(axes, part.first, part.first + part.seconds)
    tidy(axes, title, note)


def draw_reference(axes: Axes, found: Reference, part: CloseUp) -> None:
    """Draw the matched recording under an upload's close-up, on the upload's time."""
    note = f"from {found.first:.1f} s in the recording" + ("" if found.speed == 1 else f", speed {found.speed:.3f}")
    if found.sound is not None:
        _spectrogram(axes, found.sound, found.at, found.sound.seconds / found.speed)
        _stars(axes, found.sound.stars, *_on_the_uploads_time(found, part))
        tidy(axes, f"The recording: {found.title}", note)
    elif found.codes is not None:
        _codes(axes, found.codes, found)
        _stars(axes, part.stars, part.first + part.stars.seconds, stands_out(part, found.codes, found))
        tidy(axes, f"The recording's fingerprint: {found.title}", note + "; the upload's peaks over it")
    time_axis(axes, part.first, part.first + part.seconds)


def shared_peaks(part: CloseUp, found: Reference | None) -> NDArray[np.bool_] | None:
    """Say which of a close-up's peaks the reference has too, shape (peaks,); None where there is nothing to compare."""
    if found is None:
        return None
    if found.sound is not None:
        times = found.at + found.sound.stars.seconds / found.speed
        return _near(part.first + part.stars.seconds, part.stars.hz, times, found.sound.stars.hz)
    return stands_out(part, found.codes, found) if found.codes is not None else None


def stands_out(part: CloseUp, codes: Codes, found: Reference) -> NDArray[np.bool_]:
    """Say at which of a close-up's peaks the reference's fingerprint stands out."""
    frames = np.round((part.stars.seconds + part.first - found.at) * found.speed * RATE / HOP - WINDOW / HOP / 2)
    octaves = np.log2(part.stars.hz / BANDS_BEGIN) / np.log2(BANDS_END / BANDS_BEGIN)
    bands = np.floor(octaves * BANDS)
    inside = (frames >= 0) & (frames < codes.bands.shape[1]) & (bands >= 0) & (bands < BANDS)
    shared = np.zeros(len(frames), np.bool_)
    shared[inside] = codes.bands[bands[inside].astype(int), frames[inside].astype(int)] > 0
    return shared


def _on_the_uploads_time(found: Reference, part: CloseUp) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    assert found.sound is not None  # noqa: S101 - the caller has looked
    times = found.at + found.sound.stars.seconds / found.speed
    return times, _near(times, found.sound.stars.hz, part.first + part.stars.seconds, part.stars.hz)


def _near(
    times: NDArray[np.float64], hz: NDArray[np.float64], others: NDArray[np.float64], other_hz: NDArray[np.float64]
) -> NDArray[np.bool_]:
    if not len(times) or not len(others):
        return np.zeros(len(times), np.bool_)
    close = (np.abs(times[:, None] - others) < NEAR_S) & (np.abs(hz[:, None] - other_hz) < NEAR_HZ)
    return np.asarray(close.any(axis=1))


def _spectrogram(axes: Axes, part: CloseUp, first: float, seconds: float) -> None:
    extent = (first, first + max(seconds, SHORTEST_S), float(np.log2(LOWEST)), float(np.log2(HIGHEST)))
    axes.imshow(part.levels, origin="lower", aspect="auto", extent=extent, cmap=SOUND_MAP, interpolation="nearest")
    _pitch_axis(axes)


def _codes(axes: Axes, codes: Codes, found: Reference) -> None:
    end = found.at + max(codes.seconds / found.speed, SHORTEST_S)
    extent = (found.at, end, float(np.log2(BANDS_BEGIN)), float(np.log2(BANDS_END)))
    axes.imshow(codes.bands, origin="lower", aspect="auto", extent=extent, cmap=CODE_MAP, interpolation="nearest")
    _pitch_axis(axes)


def _stars(
    axes: Axes, stars: Constellation, times: NDArray[np.float64], shared: NDArray[np.bool_] | None = None
) -> None:
    filled = np.zeros(len(times), np.bool_) if shared is None else shared
    pitch = np.log2(stars.hz)
    axes.scatter(times[~filled], pitch[~filled], s=13, facecolors="none", edgecolors="#e07a1f", linewidths=0.9)
    axes.scatter(times[filled], pitch[filled], s=15, color="#d0312d", linewidths=0.5, edgecolors="white")


def _pitch_axis(axes: Axes) -> None:
    axes.set_ylim(np.log2(LOWEST), np.log2(HIGHEST))
    axes.yaxis.set_major_locator(FixedLocator([float(np.log2(hz)) for hz in PITCHES]))
    axes.yaxis.set_major_formatter(FixedFormatter([f"{hz:,} Hz" for hz in PITCHES]))


def time_axis(axes: Axes, first: float, last: float) -> None:
    """Let the horizontal axis be a time in a track, in seconds."""
    axes.set_xlim(first, max(last, first + SHORTEST_S))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock(value)))


def clock(seconds: float) -> str:
    """Write a time in a track: 7.5 s, 3:20, 1:02:03."""
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
