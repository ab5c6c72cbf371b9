"""Try a bundle before EMR does: unpack it into an empty place and start Spark from it with only what EMR provides.

What stands for EMR: ``/usr/bin/python3.11``, Java, and the installed pyspark as SPARK_HOME. The environment of the
processes is built from nothing, so that no variable, no home folder and no package of this machine helps. Spark gets
the properties that the job gets on EMR.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emr.elf import counted, survey
from emr.manifest import DATA, ENTRY, ENVIRONMENT, Manifest, measure, verify_parts
from emr.spark_defaults import job_properties
from streaming.errors import UserError
from streaming.lake_reader import open_table, query
from streaming.session import find_jars

PYTHON = Path("/usr/bin/python3.11")
PROBE = Path(__file__).with_name("probe.py")
SIZES = re.compile(r"\.(cores|memory|memoryOverhead)$")
PARTITIONS = 2
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # it lives for seconds: compiling well does not pay
START_SECONDS = 600  # a machine that is busy with other things takes minutes


@dataclass(frozen=True)
class Report:
    """What the check found. `findings` are faults, in words; a bundle without any is good.

    `started` is False for a bundle of another architecture than this machine's: it was looked at, not run.
    """

    manifest: Manifest
    native_files: dict[str, int]
    started: bool
    probe: dict[str, Any] = field(default_factory=dict)
    findings: tuple[str, ...] = ()


def check_bundle(bundle: Path, place: Path, say: Callable[[str], None] = lambda _: None) -> Report:
    """Check a bundle; `place` is an empty folder to do it in."""
    say("1/4 comparing SHA-256s")
    manifest = verify_parts(bundle)
    say("2/4 unpacking")
    environment = place / "environment"
    unpack(bundle / ENVIRONMENT, environment)
    if DATA in manifest.parts:
        unpack(bundle / DATA, place / "data")
    machines = survey(environment)
    findings = [*check_files(environment, manifest, machines), *check_data(place / "data", manifest)]
    native = counted(machines)
    if manifest.architecture != platform.machine():
        say(f"3/4 not started: made for {manifest.architecture}, this machine is {platform.machine()}")
        return Report(manifest, native, started=False, findings=tuple(findings))
    say("3/4 starting Spark from it: a driver and an executor process")
    result = place / "probe.json"
    # A copy: Python puts a script's own folder first on its path, and that must not be this package's.
    script = shutil.copy(PROBE, fresh(place / "probe"))
    archives = [f"{bundle.resolve() / ENVIRONMENT}#environment"]
    if DATA in manifest.parts:
        archives.append(f"{bundle.resolve() / DATA}#data")
    output = spark_submit(place, [str(script), str(result)], archives)
    if not result.is_file():
        return Report(manifest, native, True, {}, (*findings, f"Spark did not start from it:\n{output[-4000:]}"))
    say("4/4 comparing what was imported from where")
    probe = json.loads(result.read_text(encoding="utf-8"))
    return Report(manifest, native, True, probe, (*findings, *judge_probe(probe, place)))


def check_job(bundle: Path, place: Path, records: Path) -> tuple[int, list[str]]:
    """Run the job itself out of an unpacked and checked bundle, over a folder of record files.

    Returns how many verdicts it wrote, and the findings. An upload that lacks chunks is given up after a second, so
    that a folder with one in it does not hold up the check.
    """
    if not (place / "data/index").is_dir():
        raise UserError("the bundle has no index to judge with: build it with `soundgate emr bundle --index INDEX`")
    lake = place / "lake"
    arguments = [
        *("run", "--source", f"files:{records.resolve()}", "--lake", str(lake)),
        *("--checkpoint", str(place / "checkpoint"), "--drain", "--timeout-seconds", "1", "--trigger-seconds", "1"),
    ]
    if (place / "data/settings.toml").is_file():
        arguments += ["--config", str(place / "data/settings.toml")]
    arguments += ["--index", "./data/index"]
    output = spark_submit(place, [str(bundle.resolve() / ENTRY), *arguments])
    if not (lake / "verdicts").is_dir():
        return 0, [f"the job did not run from the bundle:\n{output[-4000:]}"]
    verdicts = list(query(open_table(str(lake), "verdicts"), "SELECT reasons FROM lake"))
    broken = sum(1 for row in verdicts if any(code.startswith("error.") for code in row["reasons"] or ()))
    findings = [f"{broken} of {len(verdicts)} uploads could not be judged: error.… in reasons"] if broken else []
    if not verdicts:
        findings.append(f"the job gave no verdict on {records}:\n{output[-4000:]}")
    return len(verdicts), findings


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar.gz into a new folder; links may point to EMR's Python, nothing else may leave the folder."""

    def allow(member: tarfile.TarInfo, to: str) -> tarfile.TarInfo | None:
        if member.issym() and member.linkname == str(PYTHON):
            return member
        return tarfile.data_filter(member, to)

    folder.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter=allow)  # noqa: S202 - the filter is the answer to it


def check_files(environment: Path, manifest: Manifest, machines: Mapping[str, list[Path]]) -> list[str]:
    """Look at the unpacked environment, whose native files by machine are known, without starting it."""
    findings = []
    foreign = {machine: paths for machine, paths in machines.items() if machine != manifest.architecture}
    if foreign:
        findings.append(f"native code that is not for {manifest.architecture}: {counted(foreign)}")
    link = environment / "bin/python"
    if not link.is_symlink() or link.readlink() != PYTHON:
        findings.append(f"bin/python does not point to {PYTHON}, EMR's own")
    if list(environment.glob("lib/python*/site-packages/pyspark")):
        findings.append("the environment has a pyspark of its own beside EMR's")
    return findings


def check_data(data: Path, manifest: Manifest) -> list[str]:
    """Compare settings and index with the manifest, file by file."""
    return [
        f"data/{name} is not the file that the manifest describes"
        for name, digest in manifest.data.items()
        if not (data / name).is_file() or measure(data / name).sha256 != digest
    ]


def judge_probe(probe: dict[str, Any], place: Path) -> list[str]:
    """Judge what the probe saw: everything imports, from the bundle, on the driver and on each executor."""
    findings = []
    views = [("driver", probe["driver"]), *(("executor", view) for view in probe["executors"])]
    for where, view in views:
        findings += [f"{where}: import {name} fails: {error}" for name, error in view["failures"].items()]
        if not Path(view["prefix"]).is_relative_to(place.resolve()):
            findings.append(f"{where}: Python is not the bundle's but {view['prefix']}")
        findings += [
            f"{where}: {name} comes from {origin}, outside the bundle"
            for name, origin in view["packages"].items()
            if not Path(origin).resolve().is_relative_to(place.resolve())
        ]
        if str(view["pyspark"]).startswith(view["prefix"]):
            findings.append(f"{where}: pyspark comes from the bundle, not from Spark")
    return findings + [f"{key} is not what was submitted but {value}" for key, value in probe["changed"].items()]


def spark_submit(place: Path, script: Sequence[str], archives: Sequence[str] = ()) -> str:
    """Start a script by spark-submit as EMR would; gives what it printed, both streams together.

    With `archives` the master is ``local-cluster``: executors are processes of their own that unpack them, in folders
    below `place`. Without any, the tasks run in the driver's process, and their Python is what `place` holds unpacked.
    """
    if not PYTHON.exists():
        raise UserError(f"{PYTHON} is not on this machine: install Python 3.11 there, it stands for EMR's own")
    home = spark_home(place)
    where = ["--master", "local-cluster[1,1,1024]", "--archives", ",".join(archives)]
    command = [
        str(home / "bin/spark-submit"),
        *(where if archives else ("--master", f"local[{PARTITIONS}]")),
        *("--driver-memory", "1g"),
        *("--jars", find_jars()),  # EMR's own Delta
        *("--conf", "spark.pyspark.python=./environment/bin/python"),
        *("--conf", f"spark.pyspark.driver.python={place.resolve() / 'environment/bin/python'}"),
        *(part for key, value in properties().items() for part in ("--conf", f"{key}={value}")),
        *("--conf", f"spark.local.dir={fresh(place / 'scratch')}", "--conf", "spark.ui.enabled=false"),
        *("--conf", f"spark.driver.extraJavaOptions={QUICK_JAVA}"),
        *("--conf", f"spark.executor.extraJavaOptions={QUICK_JAVA}"),
        *("--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.driver.bindAddress=127.0.0.1"),
        *script,
    ]
    # As in a YARN container, where the archives lie in the working folder of driver and executors alike. The driver
    # needs its Python there too: Spark asks the stateful processor for its state variables in a worker of its own.
    cwd = fresh(place / "cwd")
    for name in ("environment", "data"):
        if (place / name).is_dir() and not (cwd / name).exists():
            (cwd / name).symlink_to(place / name)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(fresh(place / "home")),
        "JAVA_HOME": java_home(),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "LANG": "C.UTF-8",
    }
    try:
        result = subprocess.run(
            command, env=environment, cwd=cwd, timeout=START_SECONDS, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return f"no end after {START_SECONDS} s\n{(error.stdout or b'').decode(errors='replace')}"
    return result.stdout


def properties() -> dict[str, str]:
    """Give the job's own Spark properties, less the sizes of EMR's machines."""
    few = [f"spark.sql.shuffle.partitions={PARTITIONS}"]
    return {key: value for key, value in job_properties("serverless", few).items() if not SIZES.search(key)}


def spark_home(place: Path) -> Path:
    """Make a Spark home out of links to the installed pyspark: what runs there writes beside the links, not there."""
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise UserError("pyspark is not installed here: it stands for EMR's Spark in this check")
    installed = Path(spec.origin).parent
    home = place / "spark"
    if not home.exists():
        home.mkdir()
        for name in ("bin", "sbin", "jars", "python", "data"):
            if (installed / name).exists():
                (home / name).symlink_to(installed / name)
    return home


def java_home() -> str:
    """Find Java as the machine has it."""
    java = os.environ.get("JAVA_HOME") or shutil.which("java")
    if not java:
        raise UserError("no Java is on this machine: install Java 17 or set JAVA_HOME")
    path = Path(java).resolve()
    return str(path if path.is_dir() else path.parents[1])


def fresh(folder: Path) -> Path:
    """Make a folder if it is not there, and give its absolute path."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()
