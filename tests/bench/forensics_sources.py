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
from functools import cache
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

CACHE = Path(os.environ.get("SOUNDGATE_RECORDINGS", "~/.cache/soundgate/recordings")).expanduser()
AUDIO_SUFFIXES = {".wav", ".ogg", ".oga", ".opus", ".mp3", ".flac", ".aif", ".aiff"}
PACKAGES = {
    "train": (
        *("scratch", "megaglest-data", "torcs-data", "flare-game", "naev-data", "klettres-data", "unknown-horizons"),
        *("kajongg", "pysiogame", "oxygen-sounds", "alienblaster-data", "heroes-sound-effects", "tuxfootball"),
        *("codec2-examples", "drascula-music", "lomiri-sounds", "granatier", "monsterz-data", "kolf"),
        *("boswars-data", "btanks-data", "cube2-data", "caveexpress-data", "fretsonfire-songs-sectoid"),
        *("scorched3d-data", "openclonk-data", "pushover-data", "glob2-data", "amoebax-data"),
        *("enigma-data", "freeorion-data", "fretsonfire-songs-muldjord", "plee-the-bear-data", "trackballs-data"),
        *("warmux-data", "wordwarvi-sound", "davegnukem-data", "planetblupi-music-ogg", "lordsawar-data"),
        *("foobillardplus-data", "eiskaltdcpp-sounds", "gnujump-data", "kapman", "kanagram"),
        # Those of the fresh corpus of before, f3: once measured, they train.
        *("biloba-data", "blocks-of-the-undead-data", "bomberclone-data", "briquolo-data", "crrcsim-data"),
        *("csmash-data", "dustracing2d-data", "freedink-data", "freegish-data", "garden-of-coloured-lights-data"),
        *("gl-117-data", "hex-a-hop-data", "manaplus-data", "mazeofgalious-data", "meritous-data"),
        *("moon-lander-data", "netpanzer-data", "njam-data", "open-invaders-data", "opencity-data", "openssn-data"),
        *("overgod-data", "pekka-kana-2-data", "phlipple-data", "pokerth-data", "ri-li-data", "rrootage-data"),
        *("supertransball2-data", "yaru-theme-sound", "psi-plus-sounds", "gnubg-data", "trophy-data"),
        *("gnome-shell-pomodoro-data", "workrave-data"),
    ),
    "dev": (
        *("supertuxkart-data", "widelands-data", "lmms-common", "marsshooter-data", "ktuberling-data", "gcin-voice"),
        *("redeclipse-data", "tuxpaint-data", "bambam", "brainparty-data", "deepin-sound-theme", "lbreakout2-data"),
        *("pocketsphinx-testdata", "pidgin-data", "lmarbles", "kbounce", "khangman", "xmoto-data", "ltris"),
    ),
    # Looked at when methods are chosen, as those of ``dev``: other recordings, other payloads.
    "check": (
        *("slimevolley-data", "starvoyager-data", "vodovod", "bugsquish", "circuslinux-data", "mirrormagic-data"),
        *("chromium-bsu-data", "val-and-rick-data", "tecnoballz-data", "madbomber-data", "holotz-castle-data"),
        *("abe-data", "pangzero", "sdl-ball-data", "a7xpg-data", "orbital-eunuchs-sniper-data", "parsec47-data"),
        *("bumprace-data", "tumiki-fighters-data", "titanion-data", "atanks-data", "angrydd", "gunroar-data"),
        *("mu-cade-data", "torus-trooper-data", "noiz2sa-data", "bzflag-data", "powermanga-data", "adonthell-data"),
        *("ardentryst", "vectoroids", "simutrans-pak64"),
    ),
    # Measured when all choices were made; four of its errors were looked into and mended since (docs/forensics.md).
    "fresh": (
        *("freecol", "gajim", "gamine-data", "epiphany-data", "excellent-bifurcation", "geki2", "geki3", "gemdropx"),
        *("icebreaker", "linphone-common", "miceamaze", "micropolis-data", "performous", "pinball-data", "python3-pyo"),
        *("quadrapassel", "rockdodger", "searchandrescue-data", "solarwolf", "sound-icons", "spacezero", "wing-data"),
        *("tuxtype-data", "tworld-data", "whichwayisup", "burgerspace", "ceferino-data", "cuyo-data", "barrage"),
        *("knavalbattle", "krank", "pathological", "pink-pony-data", "pax-britannica-data", "wizznic-data"),
        *("7kaa-data", "raincat-data", "toppler", "stormbaancoureur-data"),
    ),
}
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
