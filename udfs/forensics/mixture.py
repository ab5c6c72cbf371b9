"""A payload mixed quietly under music: noise that is there all the time, whatever the music does.

What lies 20 dB under the music fills the spectrum's quiet parts. There it is flatter and steadier than any
instrument's noise, does not follow the music's level, its values are not Gaussian (`bare`), keep time by the sample
(`sample_clock`), and mostly it comes again sample for sample, because it is shorter than the music. None of these
proves anything alone; a small tree ensemble weighs them with what the windows (`windows`), the spectrum (`layer`) and
the repetition (`tile`) say of each channel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from udfs.findings import Reason
from udfs.forensics import bare, cells, layer, sample_clock, tile, windows
from udfs.forensics.bare import describe_bare
from udfs.forensics.cells import cut_channel, describe_holes
from udfs.forensics.finding import Finding
from udfs.forensics.layer import cut_parts, describe_layer
from udfs.forensics.model import mixture_model
from udfs.forensics.sample_clock import describe_clock
from udfs.forensics.signal import Signal, is_all
from udfs.forensics.tile import describe_repetition
from udfs.forensics.windows import Measured

MIN_WINDOWS = 3
MAX_CHANNELS = 2
LEAST_LEVEL = 30.0  # dB of the whole over one step: 20 dB under it a layer still has a few
DEEPEST = 46.0  # dB under the sound, as far as 20 dB under it a picture has any treble; most music leaves quieter bands
EVENLY = 4.0  # log-odds of a white layer that comes again: in 1,089 genuine recordings there is none
LAYER_CLEAR, LAYER_OFF = 3.5, 2.3  # log2 of standard deviations, and of the misfit's variance over what is expected
LAYER_LEAST = -36.0  # dB under the whole
ROUNDED_FRAMES = 1 << 16  # frames in which values are counted
FEW_VALUES, COARSE = 1024, 6.0  # at most, and steps of the format between two of them on average
CAUTION = 1.2  # log-odds: uploads with a layer are far rarer than the training set has them, and some music is rough
WINDOW_FEATURES = (
    *("kurtosis_10", "kurtosis_50", "kurtosis_90", "skew_50", "skew_size_50", "skew_size_90"),
    *("gain_10", "gain_50", "gain_90", "flatness_10", "flatness_50", "crest_50"),
    *("high_spread", "high_follows", "high_slope", "high_ripple", "high_under_all"),
    *("floor_spread", "floor_under_all", "all_spread", "middle_follows"),
    *("layer_kurtosis_10", "layer_kurtosis_50", "layer_kurtosis_90", "layer_skew_50", "layer_skew_size_90"),
    *("layer_share_10", "layer_share_50", "layer_share_90", "layer_share_spread", "layer_level_spread"),
    *("unsteadiness_10", "unsteadiness_50", "unsteadiness_90", "drop_50", "drop_90", "block_follows_50"),
    *("lag1_10", "lag1_50", "roughness_50"),
)
FEATURES = (
    *(f"window_{name}" for name in WINDOW_FEATURES),
    *(*layer.NAMES, *tile.NAMES, *cells.NAMES, *bare.NAMES, *sample_clock.NAMES),
)


def summarise(measured: Measured) -> NDArray[np.float64] | None:
    """`WINDOW_FEATURES` of one channel, shape (features,); None where it has too little to say."""
    usable = measured.usable
    if int(usable.sum()) < MIN_WINDOWS:
        return None
    rows, bands = measured.features[usable], measured.bands[usable]
    column = {name: rows[:, windows.FEATURES.index(name)] for name in windows.FEATURES}
    kurtosis, skew, gain = column["residual_kurtosis"], column["residual_skew"], column["gain24_db"]
    total = 10 * np.log10((10 ** (bands / 10)).mean(axis=1))
    high, floor = bands[:, 22:30], bands.min(axis=1)
    level = high.mean(axis=1)
    return np.array(
        [
            *np.quantile(kurtosis, (0.1, 0.5, 0.9)),
            np.median(skew),
            *np.quantile(np.abs(skew), (0.5, 0.9)),
            *np.quantile(gain, (0.1, 0.5, 0.9)),
            *np.quantile(column["flatness_db"], (0.1, 0.5)),
            np.median(column["crest_db"]),
            level.std(),
            _follows(level, total),
            np.median(high[:, :4].mean(axis=1) - high[:, 4:].mean(axis=1)),
            np.median(high.std(axis=1)),
            np.median(total - level),
            floor.std(),
            np.median(total - floor),
            total.std(),
            _follows(bands[:, 10:16].mean(axis=1), total),
            *np.quantile(column["high_kurtosis"], (0.1, 0.5, 0.9)),
            np.median(column["high_skew"]),
            np.quantile(np.abs(column["high_skew"]), 0.9),
            *np.quantile(column["high_share_db"], (0.1, 0.5, 0.9)),
            column["high_share_db"].std(),
            (column["high_share_db"] + total).std(),
            *np.quantile(column["high_unsteadiness_db"], (0.1, 0.5, 0.9)),
            *np.quantile(column["high_drop_db"], (0.5, 0.9)),
            np.median(column["high_follows"]),
            *np.quantile(column["lag1"], (0.1, 0.5)),
            np.median(column["roughness"]),
        ]
    )


def _follows(level: NDArray[np.float64], total: NDArray[np.float64]) -> float:
    """How many dB a level rises with one dB of the whole's; 0 where the whole stands still."""
    centred = total - total.mean()
    return float(np.clip(centred @ (level - level.mean()) / (centred @ centred + 1.0), -2, 3))


def has_room(signal: Signal, measured: Measured) -> bool:
    """Whether a white layer that is to be found can be there.

    No band lies further under the whole than it does, and the whole is so loud that what lies under it has steps.
    """
    bands = measured.bands[measured.usable]
    if len(bands) < MIN_WINDOWS:
        return False
    whole = 10 * np.log10((10 ** (bands / 10)).mean(axis=1))
    step = 20 * np.log10(signal.quantum / signal.full_scale) if signal.quantum else -np.inf
    under = whole - bands.min(axis=1)
    return float(np.quantile(under, 0.2)) < DEEPEST and float(np.median(whole)) > step + LEAST_LEVEL


def describe(signal: Signal, measured: Measured) -> NDArray[np.float64] | None:
    """`FEATURES` of one channel; None where it is too short or silent, or has no room."""
    if not has_room(signal, measured):
        return None
    column = signal.values[:, measured.channel]
    of_windows = summarise(measured)
    of_layer = describe_layer(cut_parts(column, signal.full_scale)) if of_windows is not None else None
    cut = cut_channel(column, signal.full_scale)
    if of_windows is None or of_layer is None or cut is None:
        return None
    numbers = {f"window_{name}": float(value) for name, value in zip(WINDOW_FEATURES, of_windows, strict=True)}
    numbers |= of_layer | describe_repetition(cut) | describe_holes(cut.power)
    numbers |= describe_bare(cut) | describe_clock(cut)
    return np.nan_to_num([numbers[name] for name in FEATURES], nan=0.0, posinf=99.0, neginf=-99.0)


def describe_channels(signal: Signal, measured: list[Measured]) -> NDArray[np.float64]:
    """`FEATURES` of the first `MAX_CHANNELS` channels that differ and can hold a layer; shape (channels, features)."""
    rows = []
    for channel in measured[:MAX_CHANNELS]:
        column = signal.values[:, channel.channel]
        if (channel.channel and is_all(column, signal.values[:, 0])) or is_rounded(column, signal.quantum):
            continue
        row = describe(signal, channel)
        if row is not None:
            rows.append(row)
    return np.array(rows).reshape(len(rows), len(FEATURES))


def is_rounded(column: NDArray[np.generic], quantum: float) -> bool:
    """Whether a channel has few values, many steps of the format apart: it has that rounding's noise, and no layer."""
    values = np.unique(column[:ROUNDED_FRAMES])
    if not quantum or not 1 < len(values) <= FEW_VALUES:
        return False
    return float(values[-1]) - float(values[0]) > COARSE * quantum * len(values)


def comes_again_evenly(row: NDArray[np.float64]) -> bool:
    """Whether what comes again is as loud at every frequency and moment, as no loop of music is, and not too quiet."""
    number = dict(zip(FEATURES, row.tolist(), strict=True))
    fits = number["again_layer_off"] < LAYER_OFF and number["again_layer_z"] > LAYER_CLEAR
    return bool(fits and number["again_layer"] > LAYER_LEAST)


def find_mixture(signal: Signal, measured: list[Measured], numbers: dict[str, float]) -> list[Finding]:
    """Judge a losslessly stored track."""
    rows = describe_channels(signal, measured)
    if not len(rows):
        return []
    odds = float(mixture_model().log_odds(rows).max()) - CAUTION
    if any(comes_again_evenly(row) for row in rows):
        odds = max(odds, EVENLY)
    numbers["mixture_log_odds"] = odds
    return [Finding(odds, Reason("mixture.payload_under", "a steady layer that does not follow the music"))]
