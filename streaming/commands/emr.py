"""``soundgate emr``: package the job for Amazon EMR and try the package; running jobs are in `emr_jobs`."""

from __future__ import annotations

import json
import platform
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from streaming.commands import emr_jobs
from streaming.errors import UserError

app = typer.Typer(no_args_is_help=True, help="Package the job for Amazon EMR, submit it, and look after it there.")

BUNDLE_EPILOG = """
Examples:

    soundgate emr bundle -o build/emr --index .demo/index

    soundgate emr bundle -o build/emr --arch x86_64 --settings gate.toml --upload s3://BUCKET/bundles
"""
LAMBDA_EPILOG = """
Example:

    soundgate emr lambda -o build/lambda --arch aarch64 --index .demo/index
"""
CHECK_EPILOG = """
Examples:

    soundgate emr check build/emr

    soundgate emr check build/emr --records .demo/records --json

Exit code 0: it works; 1: something is wrong with the bundle; 2: could not check.
"""


class Architecture(StrEnum):
    """The machines that EMR runs on: Graviton, and everything else."""

    AARCH64 = "aarch64"
    X86_64 = "x86_64"


@app.command("bundle", epilog=BUNDLE_EPILOG)
def bundle(
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for the bundle.")],
    arch: Annotated[Architecture, typer.Option(help="What it runs on; aarch64 is Graviton.")] = Architecture.AARCH64,
    index: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="The reference index.")] = None,
    settings: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A TOML file for run.")] = None,
    project: Annotated[Path | None, typer.Option(help="The checkout; else the one that this command is from.")] = None,
    upload: Annotated[str | None, typer.Option(metavar="s3://…", help="Also put it there, under its own name.")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region of the upload.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Pack the environment, the index and the settings into an archive that EMR starts from."""
    try:
        from emr.bundle import build_bundle
    except ImportError as error:
        raise UserError(f"{error.name} is missing: install soundgate[emr], which brings what bundles need") from error
    import emr as package
    from emr.state_schema import describe_state
    from emr.store import upload_bundle
    from streaming.aws import make_client

    manifest = build_bundle(
        project or Path(str(package.__file__)).parents[1],
        output,
        arch.value,
        index=index,
        settings=settings,
        state_schema=describe_state(),
        say=lambda line: typer.echo(line, err=True),
    )
    address = upload_bundle(make_client("s3", region), output, upload) if upload else None
    if as_json:
        typer.echo(json.dumps({"identity": manifest.identity, "uploaded": address, **json.loads(manifest.to_json())}))
        return
    size = sum(part.bytes for part in manifest.parts.values())
    typer.echo(f"{manifest.identity}: {len(manifest.parts)} files, {size / 1e6:.0f} MB in {output}")
    if address:
        typer.echo(address)


@app.command("lambda", epilog=LAMBDA_EPILOG)
def lambda_folder(
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for the function.")],
    arch: Annotated[Architecture, typer.Option(help="What it runs on; aarch64 is Graviton.")] = Architecture.AARCH64,
    index: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="The reference index.")] = None,
    python: Annotated[str, typer.Option(help="The base image's Python.")] = "3.13",
    project: Annotated[Path | None, typer.Option(help="The checkout; else the one that this command is from.")] = None,
) -> None:
    """Assemble the Lambda function for single files, for emr/lambda/Dockerfile to make an image of."""
    try:
        from emr.lambda_folder import assemble
    except ImportError as error:
        raise UserError(f"{error.name} is missing: install soundgate[emr], which brings what bundles need") from error
    import emr as package

    place = project or Path(str(package.__file__)).parents[1]
    size = assemble(place, output, arch.value, index=index, python=python, say=lambda line: typer.echo(line, err=True))
    typer.echo(f"{size / 1e6:.0f} MB in {output}; now: docker build -f {place}/emr/lambda/Dockerfile {output}")


@app.command("check", epilog=CHECK_EPILOG)
def check(
    folder: Annotated[Path, typer.Argument(metavar="BUNDLE", exists=True, file_okay=False, help="A bundle's folder.")],
    records: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Also run the job over these record files.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Unpack a bundle into an empty place and start Spark from it with only what EMR provides."""
    from emr.check import check_bundle, check_job

    with tempfile.TemporaryDirectory(prefix="soundgate-emr-check-") as scratch:
        place = Path(scratch)
        report = check_bundle(folder, place, say=lambda line: typer.echo(line, err=True))
        findings, verdicts = list(report.findings), None
        if records and report.started and not findings:
            verdicts, found = check_job(folder, place, records)
            findings += found
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "identity": report.manifest.identity,
                    "started": report.started,
                    "native_files": report.native_files,
                    "spark": report.probe.get("spark"),
                    "modules": report.probe.get("driver", {}).get("modules"),
                    "verdicts": verdicts,
                    "findings": findings,
                }
            )
        )
    else:
        for finding in findings:
            typer.echo(f"  {finding}")
        if not report.started:
            typer.echo(
                f"looked at only: it is for {report.manifest.architecture}, this machine is {platform.machine()}"
            )
        if verdicts is not None:
            typer.echo(f"{verdicts} verdicts")
        typer.echo(f"{len(findings)} findings" if findings else f"{report.manifest.identity} is good")
    raise typer.Exit(1 if findings else 0)


for name in ("submit", "status", "logs", "stop", "upgrade"):
    app.command(name, epilog=emr_jobs.EPILOGS[name])(getattr(emr_jobs, name))
