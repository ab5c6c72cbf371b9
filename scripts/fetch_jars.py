"""Put the jars of jars.lock into .cache/jars, each checked by its SHA-256; nothing to do when they are there.

Spark's own dependency resolver fetches them, from wherever it is set up to look by default, so that no repository's
address is written here. It runs with a home folder of its own: a half-filled ~/.m2 makes it fail.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "jars.lock"
FOLDER = ROOT / ".cache" / "jars"
TRIES = 3

# The lock names everything that is needed; every other dependency is a jar that Spark carries itself.
CARRIED_BY_SPARK = (
    "org.*",
    "com.fasterxml.jackson.core",
    "com.github.*",
    "com.google.*",
    "commons-*",
    "javax.*",
    "io.airlift",
)


@dataclass(frozen=True)
class Jar:
    """One line of jars.lock: a Maven coordinate, and what the file must hash to."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        """The Maven coordinate, ``group:artifact:version``."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def name(self) -> str:
        """The file's name in .cache/jars."""
        return f"{self.artifact}-{self.version}.jar"

    def is_file(self, path: Path) -> bool:
        """Say whether the file at `path` is this jar."""
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def parse_lock(text: str) -> list[Jar]:
    """Read jars.lock; raises ValueError for a line that is not ``group:artifact:version sha256:HEX``."""
    jars = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        coordinate, _, sha256 = line.partition(" sha256:")
        if coordinate.count(":") != 2 or len(sha256) != 64:
            raise ValueError(f"jars.lock: {line!r} is not 'group:artifact:version sha256:HEX'")
        jars.append(Jar(*coordinate.split(":"), sha256))
    return jars


def resolve(jars: list[Jar], ivy: Path) -> None:
    """Have Spark fetch the jars into ``ivy/jars``; raises CalledProcessError when it cannot."""
    package = find_spec("pyspark")
    if package is None or package.origin is None:
        raise SystemExit("setup: pyspark is not installed: run `make setup`")
    home = Path(package.origin).parent
    program = ivy / "nothing.py"
    program.write_text("")
    command = [
        str(home / "bin" / "spark-submit"),
        *("--packages", ",".join(jar.coordinate for jar in jars)),
        *("--exclude-packages", ",".join(f"{group}:*" for group in CARRIED_BY_SPARK)),
        *("--conf", f"spark.jars.ivy={ivy}"),
        str(program),
    ]
    environment = os.environ | {
        "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "JAVA_TOOL_OPTIONS": f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} -Duser.home='{ivy}'",
    }
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)


def resolve_patiently(jars: list[Jar], folder: Path) -> Path:
    """Try to resolve a few times, each in a new home below `folder`; returns the one that has the jars."""
    for attempt in range(1, TRIES + 1):
        home = folder / str(attempt)
        home.mkdir()
        try:
            resolve(jars, home)
        except subprocess.CalledProcessError as error:
            said = error.stdout + error.stderr
        else:
            return home
    sys.stderr.write(said)
    raise SystemExit("setup: Spark could not fetch the jars: is a Maven repository in reach?")


def fetch(jars: list[Jar]) -> None:
    """Fetch, check and only then move into place."""
    with tempfile.TemporaryDirectory(prefix="ivy-", dir=FOLDER.parent) as folder:
        home = resolve_patiently(jars, Path(folder))
        fetched = {jar: home / "jars" / f"{jar.group}_{jar.name}" for jar in jars}
        wrong = [jar.coordinate for jar, path in fetched.items() if not jar.is_file(path)]
        if wrong:
            raise SystemExit(f"setup: not the files that jars.lock names, so none was kept: {', '.join(wrong)}")
        for jar, path in fetched.items():
            shutil.move(path, FOLDER / jar.name)


def main() -> None:
    """Make .cache/jars hold the jars of the lock and no others: two versions on one class path are a trap."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    jars = parse_lock(LOCK.read_text(encoding="utf-8"))
    missing = [jar for jar in jars if not jar.is_file(FOLDER / jar.name)]
    if missing:
        sys.stderr.write(f"setup: {len(missing)} jars into .cache/jars\n")
        fetch(missing)
    for path in set(FOLDER.glob("*.jar")) - {FOLDER / jar.name for jar in jars}:
        path.unlink()


if __name__ == "__main__":
    main()
