"""Make a lake of thousands of uploads as the job leaves them, without running it for days.

    python tests/bench/browse_lake.py --lake /tmp/many/lake --uploads 5332

Some recordings and mocks are really judged and stored; each upload is one of them under a name, user and time of its
own, with ids and times as the stream gives them. Rows are written in batches of a few uploads, a commit each.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1] / "streaming"))
import lake_rig

from references.build import build_index
from streaming.demo_uploads import KNOWN, RECORDINGS
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.track import Track

BEGAN = datetime(2026, 11, 17, 6, 0, tzinfo=UTC)
DAYS = 4
BATCH = 20  # uploads a commit
USERS = 180
WORDS = "blue river night train paper lantern winter signal open road glass harbour slow comet".split()  # noqa: SIM905


def main() -> None:
    """Make it."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--lake", type=Path, required=True)
    options.add_argument("--uploads", type=int, default=5_332)
    chosen = options.parse_args()
    make(chosen.lake, chosen.uploads)


def make(lake: Path, uploads: int, batch: int = BATCH) -> list[str]:
    """Write a lake; give the upload ids in order of time."""
    templates = judged(lake)
    random = np.random.default_rng(8)
    rows = list(stream(templates, uploads, random))
    for start in range(0, uploads, batch):
        lake_rig.write_verdicts(lake, rows[start : start + batch])
    lake_rig.write_rejections(lake, rejected(random, rows[-1]["decided_at"]))
    return [row["upload_id"] for row in rows]


def judged(lake: Path) -> list[dict[str, Any]]:
    """Judge the demo's recordings and some mocks; the first half of the recordings is known."""
    with tempfile.TemporaryDirectory() as scratch:
        build_index([RECORDINGS / name for name in KNOWN], Path(scratch, "index"))
        index = open_index(Path(scratch, "index"))
        real = [Track.from_file(RECORDINGS / name) for name in (*KNOWN[:5], "beware-the-ships-kobold.mp3")]
        return [lake_rig.judge(lake, track, index) for track in (*real, *mocks())] + [incomplete(index)]


def mocks() -> Iterator[Track]:
    """Data dressed as sound: a program, a program behind the sound, noise as samples."""
    program = Path(sys.executable).resolve().read_bytes()[:400_000]
    for name, samples in (
        ("program.wav", np.frombuffer(program, "<i2")),
        ("noise.wav", np.random.default_rng(1).integers(-32768, 32767, 88_200).astype("<i2")),
    ):
        file = io.BytesIO()
        soundfile.write(file, samples, 44_100, "PCM_16", format="WAV")
        yield Track(file.getvalue(), name=name)
    yield Track((RECORDINGS / KNOWN[0]).read_bytes() + program, name="behind.ogg")


def incomplete(index: LandmarkIndex) -> dict[str, Any]:
    """An upload that lacks a chunk."""
    return {
        "decision": "incomplete",
        "reasons": ["upload.missing_chunks"],
        "content": "undecided",
        "identity": "not_tried",
        "chunks_expected": 4,
        "chunks_received": 3,
        "missing": [{"first": 2, "last": 2}],
        "index_sha256": index.sha256,
    }


def stream(templates: list[dict[str, Any]], uploads: int, random: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Give a row for each upload, in order of time: more by day than by night."""
    weights = np.array([0.13] * 6 + [0.05, 0.05, 0.08] + [0.04])
    kinds = random.choice(len(templates), uploads, p=weights / weights.sum())
    hours = random.uniform(0, 24 * DAYS, 4 * uploads)
    busy = 0.25 + np.sin((hours % 24) * np.pi / 24) ** 2
    times = np.sort(random.choice(hours, uploads, replace=False, p=busy / busy.sum()))
    for number, (kind, hour) in enumerate(zip(kinds, times, strict=True)):
        template = templates[kind]
        arrived = BEGAN + timedelta(hours=float(hour))
        latency = int(random.gamma(4, 1_500)) + (120_000 if random.random() < 0.01 else 0)
        user = f"user-{int(random.integers(USERS)):03}"
        name = f"{' '.join(random.choice(WORDS, 2))} {number}.{template.get('container') or 'opus'}"
        yield {
            **template,
            "upload_id": str(uuid.UUID(bytes=random.bytes(16), version=4)),
            "user_id": user,
            "track_name": name,
            "partition_key": f"{user}/{name}",
            "stream": "uploads-1",
            "first_sequence_number": str(49 * 10**54 + 2 * number),
            "last_sequence_number": str(49 * 10**54 + 2 * number + 1),
            "first_arrival": arrived - timedelta(seconds=2),
            "last_arrival": arrived,
            "decided_at": arrived + timedelta(milliseconds=latency),
            "latency_ms": latency,
        }


def rejected(random: np.random.Generator, until: datetime) -> list[dict[str, Any]]:
    """Records that are in no upload."""
    reasons = random.choice(["wire.crc32", "wire.unknown_format", "chunk.late", "chunk.conflict"], 60)
    return [
        {
            "reason": str(reason),
            "message": "as the job says it",
            "data": b"\0" * 64,
            "data_length": 64,
            "partition_key": f"user-{int(random.integers(USERS)):03}/lost {number}",
            "rejected_at": until - timedelta(hours=float(random.uniform(0, 24 * DAYS))),
        }
        for number, reason in enumerate(reasons)
    ]


if __name__ == "__main__":
    main()
