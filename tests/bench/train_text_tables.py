"""Count bytes in prose, source code, mark-up and numbers: makes ``udfs/forensics/text_tables.json``.

    python tests/bench/train_text_tables.py

Reads only what any Debian machine with Python has: /usr/share/common-licenses, the standard library's sources and
/usr/share's XML. Every byte gets a floor of two in a million, so that no byte is impossible.
"""

from __future__ import annotations

import json
import random
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import numpy as np

OUT = Path(__file__).parents[2] / "udfs" / "forensics" / "text_tables.json"
FLOOR_PER_MILLION = 2.0


def per_million(chunks: Iterable[bytes]) -> list[float]:
    """Frequency of each byte value per million bytes, with the floor added."""
    counts = np.zeros(256)
    for chunk in chunks:
        counts += np.bincount(np.frombuffer(chunk, np.uint8), minlength=256)
    share = counts / counts.sum() * 1e6 + FLOOR_PER_MILLION
    return [round(float(value), 2) for value in share / share.sum() * 1e6]


def files(folder: Path, pattern: str, most: int) -> Iterable[bytes]:
    """The first 64 KiB of at most `most` files, in the order of their names."""
    for path in sorted(path for path in folder.rglob(pattern) if path.is_file())[:most]:
        yield path.read_bytes()[:65536]


def numbers() -> Iterable[bytes]:
    """Tables of numbers and a server's log: digits, separators, a few words."""
    dice = random.Random(7)
    for _ in range(400):
        yield f"{dice.gauss(0, 1):.4f},{dice.randrange(10**6)},{dice.random():.3f}\n".encode()
        yield f'{{"id": {dice.randrange(9999)}, "value": {dice.random():.5f}, "ok": true}}\n'.encode()
        day = f"2024-0{dice.randrange(1, 9)}-1{dice.randrange(9)}"
        yield f"{day} 10:{dice.randrange(60):02} INFO took 1{dice.randrange(99)} ms\n".encode()


def main() -> None:
    """Write the four tables."""
    share = Path("/usr/share")
    sources = {
        "prose": files(share / "common-licenses", "*", 40),
        "source code": files(Path(sysconfig.get_paths()["stdlib"]), "*.py", 400),
        "mark-up": files(share, "*.xml", 200),
        "numbers": numbers(),
    }
    tables = [{"name": name, "per_million": per_million(chunks)} for name, chunks in sources.items()]
    OUT.write_text(json.dumps({"made_by": "tests/bench/train_text_tables.py", "tables": tables}) + "\n", "ascii")


if __name__ == "__main__":
    main()
