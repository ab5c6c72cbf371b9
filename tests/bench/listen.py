"""How well a broadcast's plays are told: ``python tests/bench/listen.py MUSIC… --known 24 --unknown 8``.

Recordings are put together as a station does: cross-faded over three seconds, some with a voice-like noise over
twelve seconds of them, some unknown, some cut in; encoded as MP3, cut into slices of 16 KiB, and listened to. Each
recording that is known is looked for among the plays; what no recording explains is one too many.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr

from references.build import audio_files, build_index
from streaming.chunk import Chunk, Compression, Format
from streaming.listen.broadcast import Broadcast
from streaming.listen.plays import Play
from streaming.pictures.plays import show_plays
from streaming.pictures.style import to_png
from udfs.decode import decode
from udfs.landmark_index import open_index
from udfs.match import identify
from udfs.spectrum import RATE as HEARD_RATE
from udfs.track import Encoding, Track

RATE = 22_050
FADE = 3 * RATE
SLICE = 16 << 10


@dataclass(frozen=True)
class Aired:
    """What was on the air, in ms, and from where in the recording."""

    name: str
    known: bool
    start_ms: int
    end_ms: int
    place_ms: int


def read(path: Path, seconds: tuple[float, float]) -> np.ndarray:
    """Read a part of a recording at one loudness."""
    decoded = decode(Track.from_file(path))
    mono = soxr.resample(decoded.mono(), decoded.sample_rate, RATE)
    part = mono[int(seconds[0] * RATE) : int(seconds[1] * RATE)]
    return part * np.float32(0.1 / max(1e-4, float(np.sqrt(np.mean(part**2)))))


def compose(paths: list[Path], known: set[Path], random: np.random.Generator) -> tuple[np.ndarray, list[Aired]]:
    """Put a programme together."""
    air = np.zeros(0, np.float32)
    aired = []
    for path in paths:
        begin = float(random.choice([0, 0, 20]))
        part = read(path, (begin, begin + float(random.uniform(25, 110))))
        if len(part) < 15 * RATE:
            continue
        if random.random() < 0.25:  # somebody speaks
            at = int(random.uniform(0, len(part) - 13 * RATE))
            voice = random.normal(0, 0.1, 12 * RATE) * (np.sin(np.arange(12 * RATE) * 25 / RATE) > -0.2)
            part[at : at + 12 * RATE] = 0.4 * part[at : at + 12 * RATE] + voice
        ramp = np.linspace(0, 1, FADE, dtype=np.float32)
        part[:FADE] *= ramp
        part[-FADE:] *= ramp[::-1]
        start = max(0, len(air) - FADE)
        joined = np.zeros(start + len(part), np.float32)
        joined[: len(air)] = air
        joined[start:] += part
        air = joined
        to_ms = 1000 / RATE
        aired.append(
            Aired(path.stem, path in known, int(start * to_ms), int((start + len(part)) * to_ms), int(begin * 1000))
        )
    return air, aired


def main() -> None:
    """Air, listen, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("music", nargs="+", type=Path)
    options.add_argument("--known", type=int, default=24)
    options.add_argument("--unknown", type=int, default=8)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--png", type=Path, help="draw what was told into this file")
    said = options.parse_args()
    random = np.random.default_rng(said.seed)
    files = audio_files(said.music)
    chosen = [files[number] for number in random.permutation(len(files))[: said.known + said.unknown]]
    known = set(chosen[: said.known])
    with tempfile.TemporaryDirectory() as folder:
        index = open_index(build_index(sorted(known), Path(folder) / "index").folder)
        air, aired = compose([chosen[number] for number in random.permutation(len(chosen))], known, random)
        buffer = io.BytesIO()
        soundfile.write(buffer, air * 0.7, RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.7)
        stream = buffer.getvalue()
        broadcast = Broadcast("bench", decode, partial(identify, sample_rate=HEARD_RATE, index=index))
        began = time.process_time()
        plays = []
        for number, at in enumerate(range(0, len(stream), SLICE)):
            data = stream[at : at + SLICE]
            crc = zlib.crc32(data)
            one = Chunk("0" * 8, Format.V1, number, 0, Encoding.FILE, None, None, Compression.NONE, data, crc)
            plays += broadcast.take([(one, 0)]).heard.plays
        plays += broadcast.fall_silent().heard.plays
    cpu = time.process_time() - began
    minutes = len(air) / RATE / 60
    print(f"{minutes:.0f} minutes, {len(stream) / 1e6:.1f} MB, {len(aired)} recordings")
    print(f"{cpu / minutes:.2f} s of CPU a minute of broadcast")
    starts, ends, missed = [], [], []
    left = list(plays)
    for one in aired:
        if not one.known:
            continue
        own = [play for play in left if play.title == one.name or play.reference_id.endswith(one.name)]
        own = [play for play in own if play.start_ms < one.end_ms and play.end_ms > one.start_ms]
        if not own:
            missed.append(one)
            continue
        starts.append((min(play.start_ms for play in own) - one.start_ms) / 1000)
        ends.append((max(play.end_ms for play in own) - one.end_ms) / 1000)
        left = [play for play in left if play not in own[:1]]
    told = sum(one.known for one in aired)
    print(f"known: {told}, told: {told - len(missed)}, plays: {len(plays)}, too many: {len(left)}")
    for name, errors in (("start", starts), ("end", ends)):
        median, most, worst = np.quantile(np.abs(errors), [0.5, 0.9, 1])
        print(f"{name}: median error {median:.1f} s, 90 % within {most:.1f} s, worst {worst:.1f} s")
    for one in missed:
        print("missed:", one)
    for play in left:
        print("too much:", play)
    if said.png:
        began = datetime(2026, 1, 1, 18, tzinfo=UTC)
        rows = [row_of(play, began) for play in plays]
        said.png.write_bytes(to_png(show_plays([], rows)))


def row_of(play: Play, began: datetime) -> dict[str, object]:
    """Give a play as a row of the table has it, of a broadcast that began then."""
    at = {
        name: began + timedelta(milliseconds=ms)
        for name, ms in (("started_at", play.start_ms), ("ended_at", play.end_ms))
    }
    return {**asdict(play), **at, "channel": "radio/bench"}


if __name__ == "__main__":
    main()
