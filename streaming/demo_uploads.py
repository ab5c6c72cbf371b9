"""What the demo uploads: recordings, whole and damaged, data dressed as sound, and records that do not all arrive.

Everything is made from the recordings of references/demo and from files that every machine with Python has.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

import references
from streaming.partition_key import join_key
from streaming.producer import Record, legacy_records, new_upload_id, track_records
from udfs.track import Encoding, Track

RECORDINGS = Path(references.__file__).parent / "demo"
KNOWN = (
    "west.ogg",
    "boom-boom-boom.mp3",
    "terminal.opus",
    "void-sensor.ogg",
    "hill-of-sorrows.ogg",
    "galactic-temple.ogg",
    "a-new-world-speech.flac",
)
WHOLE, EXCERPTED, UNKNOWN = "west.ogg", "hill-of-sorrows.ogg", "beware-the-ships-kobold.mp3"
EXCERPT_START_S, EXCERPT_S = 20, 12
NOISE_DB = -10.0  # of the noise against the music
RATE = 44_100


@dataclass(frozen=True)
class Demonstration:
    """One upload of the demo: what it is called, what it is, and how its file or records are made."""

    track_name: str
    what: str
    write: Callable[[Path], None] | None = None  # the file; None where only `records` says what goes out
    records: Callable[[str], list[Record]] | None = None  # records by user id, where they are not a whole file's


def whole_recording(path: Path) -> None:
    """Write a recording of the index as it is."""
    shutil.copyfile(RECORDINGS / WHOLE, path)


def unknown_recording(path: Path) -> None:
    """Write a recording that the index does not hold."""
    shutil.copyfile(RECORDINGS / UNKNOWN, path)


def field_recording(path: Path) -> None:
    """Write a wood with birds, which is no music at all."""
    shutil.copyfile(RECORDINGS / "forest-field-recording.ogg", path)


def noisy_excerpt(path: Path) -> None:
    """Write some seconds of a recording of the index under noise, as MP3."""
    start = EXCERPT_START_S * RATE
    samples, rate = soundfile.read(
        RECORDINGS / EXCERPTED, start=start, frames=EXCERPT_S * RATE, dtype="float32", always_2d=True
    )
    noise = np.random.default_rng(0).standard_normal(samples.shape, np.float32)
    noise *= samples.std() * 10 ** (NOISE_DB / 20)
    mixed = samples + noise
    soundfile.write(path, mixed / max(1.0, np.abs(mixed).max()), rate, format="MP3")


def executable_as_samples(path: Path) -> None:
    """Write a WAV file whose 16-bit samples are a program's bytes, from its first to its last."""
    program = Path(shutil.which("bash") or sys.executable).read_bytes()
    samples = np.frombuffer(program[: len(program) // 2 * 2], "<i2")
    soundfile.write(path, samples, RATE, subtype="PCM_16")


def text_as_legacy_samples(user: str) -> list[Record]:
    """Make legacy records of a text whose characters' numbers are the samples."""
    spec = importlib.util.find_spec("pydoc_data.topics")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("this Python has no pydoc_data.topics")
    samples = np.frombuffer(Path(spec.origin).read_bytes(), np.uint8).astype("<f4")
    track = Track(samples.tobytes(), Encoding.F32LE, RATE, 1, "lecture")
    return list(legacy_records(track, join_key(user, track.name)))


def all_chunks_but_one(user: str) -> list[Record]:
    """Make the records of an upload whose third chunk gets lost."""
    records = list(
        track_records(_known("terminal.opus"), join_key(user, "half an hour on a train.opus"), new_upload_id())
    )
    del records[2]
    return records


def chunks_and_a_damaged_copy(user: str) -> list[Record]:
    """Make the records of an upload, one of them a second time with a byte changed on the way."""
    key = join_key(user, "from a bad line.ogg")
    records = list(track_records(_known("void-sensor.ogg"), key, new_upload_id()))
    damaged = bytearray(records[1].data)
    damaged[len(damaged) // 2] ^= 0xFF
    return [records[0], Record(key, bytes(damaged)), *records[1:]]


def _known(name: str) -> Track:
    return Track.from_file(RECORDINGS / name)


DEMONSTRATIONS = (
    Demonstration("west.ogg", "a whole recording of the index", whole_recording),
    Demonstration("heard in a bar.mp3", f"{EXCERPT_S} s of another one, under noise, as MP3", noisy_excerpt),
    Demonstration("my own song.mp3", "a recording that the index does not hold", unknown_recording),
    Demonstration("morning walk.ogg", "a field recording that the index does not hold", field_recording),
    Demonstration("drum solo.wav", "an executable's bytes as the samples of a WAV file", executable_as_samples),
    Demonstration("lecture", "a text as samples, in legacy records", records=text_as_legacy_samples),
    Demonstration("half an hour on a train.opus", "an upload that lacks a chunk", records=all_chunks_but_one),
    Demonstration(
        "from a bad line.ogg", "a known one, and a damaged copy of a chunk", records=chunks_and_a_damaged_copy
    ),
)
