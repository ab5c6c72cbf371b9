"""Build the bundle: everything that the job needs on EMR and that EMR does not have.

::

    environment.tar.gz   a virtual environment, relocatable, on EMR's own /usr/bin/python3.11, without pyspark
    data.tar.gz          settings.toml and index/
    entry.py             the script that spark-submit starts
    manifest.json        versions, architecture and SHA-256s

For both architectures the environment is assembled from wheels alone, by hash, chosen by platform tag; nothing is
compiled, so that an x86 machine makes the arm64 bundle and the ELF headers tell whether it did.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import venv_pack
from uv import find_uv_bin

from emr.elf import counted, survey
from emr.lockfile import BROUGHT_BY_EMR, lines_for_emr, normalise, parse_lock
from emr.manifest import DATA, ENTRY, ENVIRONMENT, NAME, Manifest, measure
from streaming.errors import UserError

Architecture = Literal["aarch64", "x86_64"]
PYTHON = "3.11"
EMR_PYTHON = f"/usr/bin/python{PYTHON}"
# EMR's machines run Amazon Linux 2023, whose glibc is 2.34.
PLATFORM: Mapping[Architecture, str] = {"aarch64": "aarch64-manylinux_2_34", "x86_64": "x86_64-manylinux_2_34"}

ENTRY_SCRIPT = '''\
"""Start the command line out of the unpacked environment: spark-submit wants a file to start."""

from streaming.cli import main

main()
'''

# A command in bin/ begins with the path of the folder it was installed in; only python itself is called on EMR.
LEFT_OUT = ("lib/python*/site-packages/*/tests/*", "lib/python*/site-packages/pyarrow/include/*")


def make_empty(folder: Path, otherwise: str) -> None:
    """Make a folder that is to be filled; raises UserError, with what to do, where there is something already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be made: {error.strerror}") from error
    if any(folder.iterdir()):
        raise UserError(f"{folder} is not empty: {otherwise}")


def build_bundle(
    project: Path,
    output: Path,
    architecture: Architecture,
    *,
    index: Path | None = None,
    settings: Path | None = None,
    state_schema: Mapping[str, str],
    compress_level: int = 6,
    say: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Build a bundle in `output`, which is made, or must be empty.

    Parameters
    ----------
    project
        The checkout: ``pyproject.toml``, ``requirements.lock`` and the packages.
    index, settings
        The reference index's folder and a TOML file of settings, to go along.
    state_schema
        What the job keeps in state, by variable; goes into the manifest.
    compress_level
        gzip's, 1 to 9.
    say
        Called with a line of progress at each step.
    """
    lock_path = project / "requirements.lock"
    if not lock_path.is_file() or not (project / "pyproject.toml").is_file():
        raise UserError(f"{project} is not a checkout of soundgate: pass --project with the folder of pyproject.toml")
    make_empty(output, "a bundle is never changed, choose a new folder")

    with tempfile.TemporaryDirectory(prefix="soundgate-bundle-") as scratch:
        work = Path(scratch)
        environment = work / "environment"
        say(f"1/4 resolving the lock for {PLATFORM[architecture]}")
        requirements = resolve(project, architecture, work)
        say("2/4 building our own wheel")
        wheel = build_wheel(project, work)
        say("3/4 installing wheels by hash")
        install(environment, requirements, wheel, architecture)
        check_environment(environment, architecture)
        say("4/4 packing")
        pack(environment, output / ENVIRONMENT, compress_level)

    data = pack_data(output / DATA, index, settings)
    (output / ENTRY).write_text(ENTRY_SCRIPT, encoding="utf-8")
    parts = [ENVIRONMENT, ENTRY, *([DATA] if data else [])]
    manifest = Manifest(
        version=version("soundgate"),
        architecture=architecture,
        python=PYTHON,
        lock_sha256=measure(lock_path).sha256,
        state_schema=dict(state_schema),
        parts={name: measure(output / name) for name in parts},
        data=data,
    )
    (output / NAME).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def run_uv(*arguments: str | Path) -> str:
    """Run uv; its complaint becomes a `UserError`."""
    result = subprocess.run(
        [find_uv_bin(), "--quiet", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise UserError(f"uv {arguments[0]} {arguments[1]} failed:\n{result.stderr.strip()}")
    return result.stdout


def resolve(
    project: Path,
    architecture: Architecture,
    work: Path,
    python: str = PYTHON,
    left_out: frozenset[str] = frozenset(),
) -> Path:
    """Choose the lock's entries for the platform; the result is a requirements file with the lock's own hashes."""
    lock = project / "requirements.lock"
    resolved = run_uv(
        *("pip", "compile", project / "pyproject.toml", "--constraint", lock),
        *("--python-version", python, "--python-platform", PLATFORM[architecture]),
        *("--no-header", "--no-annotate", "--no-emit-index-url"),
    )
    names = parse_lock(resolved).keys() - left_out
    requirements = work / "requirements.txt"
    requirements.write_text(lines_for_emr(parse_lock(lock.read_text(encoding="utf-8")), names), encoding="utf-8")
    return requirements


def build_wheel(project: Path, work: Path) -> Path:
    """Build our wheel from a copy of the packages, so that neither old build folders nor other files get into it."""
    source = work / "source"
    source.mkdir()
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.partition(".")[0] for name in described["tool"]["setuptools"]["packages"]}
    for package in packages:
        shutil.copytree(project / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", described["project"]["readme"], *described["project"]["license-files"]):
        shutil.copy(project / name, source / name)
    run_uv("build", "--wheel", source, "--out-dir", work / "wheel", "--python", PYTHON)
    (wheel,) = (work / "wheel").glob("*.whl")
    return wheel


def install(environment: Path, requirements: Path, wheel: Path, architecture: Architecture) -> None:
    """Make the environment: other people's wheels by hash, ours on top, and EMR's Python behind it all."""
    run_uv("venv", environment, "--python", PYTHON)
    into = ("--python", environment / "bin/python", "--python-platform", PLATFORM[architecture], "--link-mode", "copy")
    run_uv("pip", "install", *into, "--no-deps", "--no-build", "--require-hashes", "-r", requirements)
    run_uv("pip", "install", *into, "--no-deps", wheel)
    point_at(environment, EMR_PYTHON)


def point_at(environment: Path, python: str) -> None:
    """Make an environment one of another Python of the same version, wherever that is.

    Done here, because venv-pack's own option replaces the beginning of a link only and turns
    ``…/bin/python3.11`` into ``/usr/bin/python3.113.11``.
    """
    binaries = environment / "bin"
    for name in ("python", "python3", f"python{PYTHON}"):
        (binaries / name).unlink(missing_ok=True)
        (binaries / name).symlink_to(python)
    (environment / "pyvenv.cfg").write_text(
        f"home = {Path(python).parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )


def check_environment(environment: Path, architecture: Architecture) -> None:
    """See that the environment is for the architecture asked for, and that EMR's Spark will be the only one."""
    (site_packages,) = environment.glob("lib/python*/site-packages")
    foreign = {machine: paths for machine, paths in survey(environment).items() if machine != architecture}
    if foreign:
        examples = ", ".join(str(paths[0].relative_to(environment)) for paths in foreign.values())
        raise UserError(f"not all native code is for {architecture}: {counted(foreign)}, such as {examples}")
    installed = {normalise(path.name.partition("-")[0]) for path in site_packages.glob("*.dist-info")}
    if doubled := sorted(installed & BROUGHT_BY_EMR):
        raise UserError(f"the environment has {', '.join(doubled)}, which EMR brings itself")


def pack(environment: Path, archive: Path, compress_level: int) -> None:
    """Pack the environment, relocatable."""
    try:
        venv_pack.pack(
            prefix=str(environment),
            output=str(archive),
            compress_level=compress_level,
            filters=[("exclude", pattern) for pattern in LEFT_OUT],
        )
    except venv_pack.VenvPackException as error:
        raise UserError(f"venv-pack refused: {error}") from error


def pack_data(archive: Path, index: Path | None, settings: Path | None) -> dict[str, str]:
    """Pack settings and index; gives each file's SHA-256 by its name in the archive. The same input, the same bytes."""
    files: dict[str, Path] = {}
    if settings:
        files["settings.toml"] = settings
    if index:
        files |= {f"index/{p.relative_to(index).as_posix()}": p for p in sorted(index.rglob("*")) if p.is_file()}
        if not any(name.startswith("index/") for name in files):
            raise UserError(f"{index} holds no index: build one with `soundgate index build`")
    if not files:
        return {}
    digests = {}
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, path in sorted(files.items()):
            part = measure(path)
            digests[name] = part.sha256
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = part.bytes, 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)
    return digests
