"""The table ``features``: one upload's features, and which uploads sound alike.

Alike is measured on a sketch of each upload: its average spectrum's shape (of some of its seconds, as cepstral
coefficients, the loudness left out), its average chroma, and tempo, onset rate and pitch. Each part is scaled by how
much it varies in the lake, and the parts count alike whatever their length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from deltalake import DeltaTable
from numpy.typing import NDArray

from streaming.lake_reader import query, quote
from udfs.features import Features
from udfs.features.loudness import Loudness
from udfs.features.mel import BANDS, restore

TASTED = (4, 14, 24)  # seconds whose spectrum is looked at: all of thousands of uploads are gigabytes
CEPSTRA = 20
RANGE_DB = 40.0  # under the loudest band: what is fainter is the format's floor, not the sound's
SCALARS = ("tempo_bpm", "onsets_a_second", "pitch_median_hz")
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Sketches:
    """What each upload sounds like: `ids` in order, and a row each in `parts` (spectrum, chroma, numbers).

    Parts are scaled; 0 where a feature was not extracted.
    """

    ids: tuple[str, ...]
    parts: tuple[Matrix, ...]

    def alike(self, upload_id: str, most: int = 10) -> list[tuple[str, float]]:
        """List the uploads that sound most like one, the nearest first, with their distance: 0 is the same sound."""
        if upload_id not in self.ids:
            return []
        own = self.ids.index(upload_id)
        squares = [((part - part[own]) ** 2).mean(axis=1) for part in self.parts if part.any()]
        if not squares:
            return []
        distance = np.sqrt(np.mean(squares, axis=0))
        order = [int(at) for at in np.argsort(distance, kind="stable") if at != own][:most]
        return [(self.ids[at], float(distance[at])) for at in order]


def sketch(features: DeltaTable) -> Sketches:
    """Sketch every upload that has features."""
    chroma = ", ".join(f"avg(chroma[{place}]) AS c{place}" for place in range(1, 13))
    scalars = ", ".join(f"max(track['{name}']) AS {name}" for name in SCALARS)
    sql = f"SELECT upload_id, {chroma}, {scalars} FROM lake WHERE problem IS NULL GROUP BY upload_id ORDER BY upload_id"  # noqa: S608
    rows = list(query(features, sql))
    ids = tuple(row["upload_id"] for row in rows)
    spectra = _spectra(features)
    cepstra = np.array([spectra.get(upload_id, np.full(CEPSTRA, np.nan)) for upload_id in ids])
    return Sketches(
        ids,
        (
            _scaled(cepstra.reshape(-1, CEPSTRA)),
            _scaled(_matrix(rows, [f"c{place}" for place in range(1, 13)])),
            _scaled(_matrix(rows, SCALARS)),
        ),
    )


def features_of(features: DeltaTable, upload_id: str) -> Features | None:
    """Read one upload's features; None where there are none."""
    sql = f"SELECT * FROM lake WHERE upload_id = {quote(upload_id)} AND problem IS NULL ORDER BY second"  # noqa: S608 - quoted
    rows = list(query(features, sql))
    if not rows:
        return None
    whole = rows[0]["track"] or {}
    mel = [np.frombuffer(row["mel"], np.uint8).reshape(-1, BANDS) for row in rows if row["mel"] is not None]
    pitch = [value for row in rows for value in row["pitch_hz"] or ()]
    loudness = tuple(row["loudness_lufs"] for row in rows)
    return Features(
        names=(),
        seconds=whole.get("seconds") or len(rows),
        mel=np.concatenate(mel) if mel else None,
        chroma=[row["chroma"] for row in rows if row["chroma"]] or None,
        tempo_bpm=whole.get("tempo_bpm"),
        beats_ms=_joined(rows, "beats_ms"),
        onsets_ms=_joined(rows, "onsets_ms"),
        loudness=Loudness(whole.get("loudness_lufs"), whole.get("loudness_range_lu"), loudness)
        if any(level is not None for level in loudness)
        else None,
        pitch_hz=np.array([np.nan if hz is None else hz for hz in pitch], np.float32) if pitch else None,
    )


def problem_of(features: DeltaTable, upload_id: str) -> str | None:
    """Say why an upload has no features, where the stage has found out."""
    sql = f"SELECT problem FROM lake WHERE upload_id = {quote(upload_id)} AND problem IS NOT NULL LIMIT 1"  # noqa: S608 - quoted
    return next((str(row["problem"]) for row in query(features, sql)), None)


def _spectra(features: DeltaTable) -> dict[str, Matrix]:
    """Give the cepstra of each upload's average spectrum, over the seconds that are tasted; shape (CEPSTRA,)."""
    seconds = ", ".join(map(str, TASTED))
    sums: dict[str, Matrix] = {}
    counts: dict[str, int] = {}
    sql = f"SELECT upload_id, mel FROM lake WHERE mel IS NOT NULL AND (second IN ({seconds}) OR second = 0)"  # noqa: S608 - ours
    for row in query(features, sql):
        levels = restore(row["mel"])
        if len(levels):
            sums[row["upload_id"]] = sums.get(row["upload_id"], np.zeros(BANDS)) + levels.mean(axis=0)
            counts[row["upload_id"]] = counts.get(row["upload_id"], 0) + 1
    return {name: _cepstrum(total / counts[name]) for name, total in sums.items()}


def _cepstrum(levels: Matrix) -> Matrix:
    """Give the shape of an average spectrum in dB (BANDS,), without its loudness, which is the coefficient left out."""
    heard = np.maximum(levels, levels.max() - RANGE_DB)
    return np.asarray(scipy.fft.dct(heard, norm="ortho")[1 : CEPSTRA + 1])


def _matrix(rows: list[dict[str, Any]], names: Any) -> Matrix:
    return np.array([[np.nan if row[name] is None else row[name] for name in names] for row in rows]).reshape(
        len(rows), len(names)
    )


def _scaled(values: Matrix) -> Matrix:
    """Take each column's mean off, and divide by the columns' common spread; what is unknown is as the average."""
    if not len(values) or np.isnan(values).all():
        return np.zeros(values.shape)
    columns = values[:, ~np.isnan(values).all(axis=0)].astype(np.float64)
    centred = np.nan_to_num(columns - np.nanmean(columns, axis=0))
    spread = centred.std(axis=0)
    return np.asarray(centred / np.where(spread > 1e-9, spread, 1.0))


def _joined(rows: list[dict[str, Any]], name: str) -> list[int] | None:
    parts = [row[name] for row in rows if row[name] is not None]
    return [value for part in parts for value in part] if parts else None
