"""Recordings and payloads for training and for measuring, two disjoint halves of each.

Recordings come from Debian packages that are free to use (none of those reserved for acceptance); they are fetched
once into a cache with apt's own client. Payloads are files that any Debian machine has. Which half a payload belongs
to is in its SHA-256, so that no file is ever in both.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

CACHE = Path(os.environ.get("SOUNDGATE_RECORDINGS", "~/.cache/soundgate/recordings")).expanduser()
AUDIO_SUFFIXES = {".wav", ".ogg", ".oga", ".opus", ".mp3", ".flac", ".aif", ".aiff"}
PACKAGES: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("forensics_packages.toml").read_text("ascii"))
PAYLOAD_FOLDERS = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/share/doc",
    "/usr/share/perl",
    "/usr/share/common-licenses",
)
OTHER_PAYLOAD_FOLDERS = {
    "check": (sys.base_prefix, "/usr/share/man", "/usr/libexec"),
    "fresh": (sys.prefix,),
}

Sound = NDArray[np.float64]


def fetch(split: str) -> None:
    """Unpack the split's packages under `CACHE`; those already there are left alone."""
    for package in PACKAGES[split]:
        folder = CACHE / package
        if folder.is_dir():
            continue
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", package], cwd=CACHE, check=True)
        archive = next(CACHE.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg", "-x", archive, folder.with_suffix(".part")], check=True)
        folder.with_suffix(".part").rename(folder)
        archive.unlink()


@cache
def recordings(split: str, most_a_package: int = 120) -> list[Path]:
    """Audio files of a split, at most so many of one package so that none sets the tone."""
    found: list[Path] = []
    for package in PACKAGES[split]:
        paths = sorted(path for path in (CACHE / package).rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
        paths = [path for path in paths if path.is_file() and 2000 < path.stat().st_size < 12_000_000]
        random.Random(package).shuffle(paths)
        found += paths[:most_a_package]
    return found


@cache
def payload_files(split: str) -> list[Path]:
    """Files of 300 bytes and more on this machine: half of the system's each, and others' own for the other splits."""
    odd = split == "dev"
    paths = []
    elsewhere = OTHER_PAYLOAD_FOLDERS.get(split)
    for folder in elsewhere or PAYLOAD_FOLDERS:
        for path in sorted(Path(folder).rglob("*"))[:20000]:
            if not path.is_file() or path.is_symlink() or not 300 < path.stat().st_size < 3_000_000:
                continue
            if elsewhere or hashlib.sha256(str(path).encode()).digest()[0] % 2 == odd:
                paths.append(path)
    return paths


def load(path: Path, dice: random.Random, seconds: float = 12.0) -> tuple[Sound, int]:
    """Up to `seconds` of a recording from a random place, shape (frames, channels), and its rate in Hz."""
    with sf.SoundFile(path) as file:
        frames = min(file.frames, int(seconds * file.samplerate))
        file.seek(dice.randint(0, max(0, file.frames - frames)))
        return file.read(frames, always_2d=True), file.samplerate


def music(split: str, dice: random.Random, seconds: float = 12.0, least: float = 3.0) -> tuple[Sound, int]:
    """A stretch of a recording of at least `least` seconds, not near silence."""
    while True:
        sound, rate = load(dice.choice(recordings(split)), dice, seconds)
        if len(sound) >= least * rate and np.sqrt(np.mean(sound**2)) > 0.01:
            return sound, rate


def find_payload(split: str, dice: random.Random, kind: str, length: int) -> bytes:
    """A payload of about `length` bytes: elf, script, text, document, archive, picture, any."""
    tests = {
        "elf": lambda head: head[:4] == b"\x7fELF",
        "script": lambda head: head[:2] == b"#!",
        "text": lambda head: head[:1].isalnum() and head.isascii(),
        "archive": lambda head: head[:4] in (b"PK\3\4", b"\xfd7zX") or head[:3] in (b"\x1f\x8b\x08", b"BZh"),
        "pe": lambda head: head[:2] == b"MZ",
        "any": lambda head: True,
    }
    files = payload_files(split)
    for _ in range(30_000):
        path = dice.choice(files)
        with path.open("rb") as stream:
            head = stream.read(256)
            if tests[kind](head):
                return head + stream.read(max(0, length - len(head)))
    raise LookupError(f"no payload of kind {kind} among {len(files)} files")
