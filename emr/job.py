"""The job as a request: which bundle, which properties, which arguments; the same for both platforms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from emr.manifest import DATA, ENTRY, ENVIRONMENT, Manifest
from emr.spark_defaults import job_properties
from streaming.kinesis_options import JAR_ON_EMR

Platform = Literal["cluster", "serverless"]

COMMANDS = (("files",), ("listen",))  # that are named; anything else is an option of `soundgate run`
# What the EMR release itself brings; nothing of it is in the bundle.
DELTA_JARS = ("/usr/share/aws/delta/lib/delta-spark.jar", "/usr/share/aws/delta/lib/delta-storage.jar")

# Relative, because each container unpacks the archives into a folder of its own.
PYTHON, INDEX, SETTINGS = "./environment/bin/python", "./data/index", "./data/settings.toml"


@dataclass(frozen=True)
class Job:
    """One streaming job to be started.

    Parameters
    ----------
    name
        What it is called in the consoles.
    bundle
        The ``s3://`` folder that holds the bundle.
    manifest
        What that folder says is in it.
    arguments
        Options of ``soundgate run``.
    region
        The AWS region: the job's own clients find it nowhere else, for a YARN container is told none.
    executors
        How many executors; fixed while the job runs (spark-defaults.conf says why).
    overrides
        ``spark.KEY=VALUE`` that replace lines of spark-defaults.conf.
    """

    name: str
    bundle: str
    manifest: Manifest
    arguments: tuple[str, ...]
    region: str
    executors: int = 2
    overrides: tuple[str, ...] = ()


def entry_point(job: Job) -> str:
    """Give the script that starts the command line inside the unpacked environment."""
    return f"{job.bundle}/{ENTRY}"


def command_line(job: Job) -> list[str]:
    """Give the script's arguments: ``run``, or the command that is named, what was asked for, what the bundle has."""
    if job.arguments[:1] == ("features",):  # a stage of its own, which has neither index nor settings file
        return list(job.arguments)
    line = [*(() if job.arguments[:1] in COMMANDS else ("run",)), *job.arguments]
    if "settings.toml" in job.manifest.data and not option_of(job.arguments, "--config"):
        line += ["--config", SETTINGS]
    if any(name.startswith("index/") for name in job.manifest.data) and not option_of(job.arguments, "--index"):
        line += ["--index", INDEX]
    return line


def spark_submit_options(job: Job, platform: Platform) -> list[str]:
    """Give spark-submit's options for a job, without the script and what follows it."""
    archives = [f"{job.bundle}/{ENVIRONMENT}#environment"]
    if DATA in job.manifest.parts:
        archives.append(f"{job.bundle}/{DATA}#data")
    properties = {
        "spark.executor.instances": str(job.executors),
        **environment(platform, PYSPARK_PYTHON=PYTHON, AWS_REGION=job.region, AWS_DEFAULT_REGION=job.region),
        **python_properties(platform),
        **job_properties(platform, job.overrides),
    }
    options = ["--name", job.name, "--archives", ",".join(archives), "--jars", ",".join((*DELTA_JARS, JAR_ON_EMR))]
    for key in sorted(properties):
        options += ["--conf", f"{key}={properties[key]}"]
    return options


def environment(platform: Platform, **variables: str) -> dict[str, str]:
    """Give the properties that set environment variables on driver and executors alike."""
    driver = "spark.emr-serverless.driverEnv" if platform == "serverless" else "spark.yarn.appMasterEnv"
    return {f"{where}.{name}": value for name, value in variables.items() for where in (driver, "spark.executorEnv")}


def python_properties(platform: Platform) -> dict[str, str]:
    """Say that the driver's Python is the unpacked one, too, never the machine's."""
    if platform == "serverless":
        return {"spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON}
    return {"spark.pyspark.python": PYTHON}


def option_of(arguments: Sequence[str], option: str) -> str | None:
    """Find an option's value in a command line, ``--option VALUE`` or ``--option=VALUE``; the last counts."""
    value = None
    for position, argument in enumerate(arguments):
        if argument == option and position + 1 < len(arguments):
            value = arguments[position + 1]
        elif argument.startswith(f"{option}="):
            value = argument.partition("=")[2]
    return value
