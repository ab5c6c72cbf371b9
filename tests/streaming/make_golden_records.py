"""Writes tests/golden/records: run it only for a new format, never to make a test pass.

One small track (a second of two tones at 1 kHz and the bytes of a tiny file) in each way that a record can carry it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streaming.chunk import Compression
from streaming.producer import Record, legacy_records, track_records
from udfs.track import Track

FOLDER = Path(__file__).parents[1] / "golden" / "records"
UPLOAD_ID = "0190a2b4-5c6d-7e8f-9a0b-1c2d3e4f5061"
KEY = "golden user/tönes \U0001f3b5.bin"
TIME = np.arange(1_000) / 1_000
TONES = np.stack([np.round(np.sin(2 * np.pi * f * TIME) * 64) / 128 for f in (50, 125)], axis=1).astype(np.float32)
FILE = Track(bytes(range(256)) * 3 + b"end", name="tönes")
STEREO = Track.from_samples(TONES, 1_000, "tönes")
MONO = Track.from_samples(TONES[:, 0], 8_000, 'tönes "1"')


def golden_records() -> dict[str, list[Record]]:
    """The records of each set, by its name."""
    return {
        "v1-none": list(track_records(FILE, KEY, UPLOAD_ID, 300)),
        "v1-gzip": list(track_records(FILE, KEY, UPLOAD_ID, 300, Compression.GZIP)),
        "v1-f32le": list(track_records(STEREO, KEY, UPLOAD_ID, 3_000)),
        "legacy": list(legacy_records(MONO, KEY)),
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, records in golden_records().items():
        for index, record in enumerate(records):
            (FOLDER / f"{name}-{index}.bin").write_bytes(record.data)
