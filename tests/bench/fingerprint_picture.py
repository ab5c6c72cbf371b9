"""Draw a match: the spectrogram of a noisy query above that of the recording it is found in, with constellations.

    python tests/bench/fingerprint_picture.py references/demo/hill-of-sorrows.ogg docs/match.svg

Peaks that are in both within a frame and a bin's width are filled, the others are rings.
"""

from __future__ import annotations

import argparse
import base64
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import soundfile
import soxr
from fingerprint_conditions import mixed, pink

from references.build import build_index
from udfs.constellation import Constellation, constellation
from udfs.landmark_index import open_index
from udfs.match import identify
from udfs.spectrum import HIGHEST, HOP, LOWEST, RATE, WINDOW, transforms

SECONDS = 10
SNR_DB = 5
WIDTH, HEIGHT, LEFT, GAP = 860, 240, 60, 64  # pixels


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("recording", type=Path)
    options.add_argument("picture", type=Path)
    chosen = options.parse_args()
    samples, rate = soundfile.read(chosen.recording, dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(axis=1), rate, RATE)
    start = len(mono) // 3
    excerpt = mono[start : start + SECONDS * RATE]
    query = mixed(excerpt, pink(len(excerpt), np.random.default_rng(0)), SNR_DB)
    with tempfile.TemporaryDirectory() as scratch:
        build_index([chosen.recording], Path(scratch, "index"))
        match = identify(query, RATE, open_index(Path(scratch, "index")), min_score=0)[0]
    at = round((match.reference_offset_ms - match.query_offset_ms) * RATE / 1000)
    heard = mono[at : at + SECONDS * RATE]
    stars = [constellation(sound, RATE) for sound in (query, heard)]
    panels = [
        panel(0, query, stars[0], stars[1], f"query: {SECONDS} s, pink noise at +{SNR_DB} dB"),
        panel(1, heard, stars[1], stars[0], f"{match.reference_id} from {at / RATE:.2f} s, score {match.score:.4f}"),
    ]
    height = 2 * (HEIGHT + GAP)
    chosen.picture.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{height}" '
        f'font-family="sans-serif" font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "".join(panels)
        + "</svg>\n"
    )


def panel(number: int, sound: np.ndarray, own: Constellation, other: Constellation, title: str) -> str:
    """Draw one spectrogram with its peaks."""
    top = number * (HEIGHT + GAP) + 28
    power = np.abs(np.concatenate(list(transforms(sound)))) ** 2
    rows = np.round(hz_at(np.arange(HEIGHT)) * WINDOW / RATE).astype(int)
    columns = (np.arange(WIDTH) * len(power) // WIDTH).astype(int)
    level = 10 * np.log10(power[columns][:, rows].T + 1e-9)
    grey = np.clip((level.max() - level) / 60, 0, 1) * 255
    image = base64.b64encode(png(grey.astype(np.uint8))).decode()
    place = f'x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<text x="{LEFT}" y="{top - 9}">{title}</text>\n',
        f'<image {place} href="data:image/png;base64,{image}"/>\n',
    ]
    for second, hz in zip(own.seconds, own.hz, strict=True):
        near = (np.abs(other.seconds - second) < 1.5 * HOP / RATE) & (np.abs(other.hz - hz) < 1.5 * RATE / WINDOW)
        fill = "#d62728" if near.any() else "none"
        x, y = LEFT + second / SECONDS * WIDTH, top + y_at(hz)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{fill}" stroke="#d62728"/>\n')
    for hz in (250, 500, 1000, 2000, 4000):
        parts.append(f'<text x="{LEFT - 6}" y="{top + y_at(hz) + 4:.1f}" text-anchor="end">{hz} Hz</text>\n')
    for second in range(0, SECONDS + 1, 2):
        x = LEFT + second / SECONDS * WIDTH
        parts.append(f'<text x="{x:.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{second} s</text>\n')
    return "".join(parts)


def hz_at(y: np.ndarray) -> np.ndarray:
    return np.asarray(HIGHEST * (LOWEST / HIGHEST) ** (y / HEIGHT))


def y_at(hz: float) -> float:
    return float(np.log(HIGHEST / hz) / np.log(HIGHEST / LOWEST) * HEIGHT)


def png(grey: np.ndarray) -> bytes:
    """Write 8-bit grey pixels as a PNG file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


if __name__ == "__main__":
    main()
