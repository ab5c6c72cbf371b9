"""What `make audit` runs: bandit over our code, always; pip-audit over the locked dependencies, where it can.

Bandit's findings of medium and high severity have to be mended, or reviewed and named in `REVIEWED` with the reason.
pip-audit asks a public service about each locked version; where that cannot be reached, or does not know a version, the
audit says so and goes on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CODE = ("streaming", "udfs", "references", "emr", "scripts")
SERVICE_SECONDS = 300

# (file, bandit's test): why it is no fault. Every query reads one open table, which delta-rs's engine cannot write.
QUOTED = "names of tables and columns are ours; what anyone else wrote goes in by lake_reader.quote"
REVIEWED: dict[tuple[str, str], str] = {
    ("streaming/lake_reader.py", "B608"): QUOTED,
    ("streaming/files/known.py", "B608"): QUOTED,
    ("streaming/single/lake.py", "B608"): QUOTED,
    ("streaming/look/uploads.py", "B608"): QUOTED,
    ("streaming/look/recordings.py", "B608"): QUOTED,
    ("streaming/look/features.py", "B608"): "the seconds that are tasted are numbers of ours",
    ("streaming/look/arrow.py", "B608"): "the columns are ours",
    ("streaming/look/tables.py", "B608"): "counts the rows of a query of ours",
    ("streaming/listen/reader.py", "B608"): "the columns are ours, the limit is written as a number",
    ("streaming/upkeep.py", "B608"): "the table's and the column's name are ours, the time is made here",
    ("emr/lambda_handler.py", "B108"): "settings want a place; nothing is written there",
    ("streaming/local_kinesis.py", "B310"): "http to the server on loopback that this module started",
    ("emr/check.py", "B202"): "unpacks the bundle that the same command has just built",
}


def main() -> int:
    """Run both; gives the exit code."""
    problems = [*bandit_problems(run_bandit(), REVIEWED), *dependency_problems(run_pip_audit())]
    for problem in problems:
        print(f"audit: {problem}")  # noqa: T201 - this is a command
    return 1 if problems else 0


def run_bandit() -> list[dict[str, Any]]:
    """Give bandit's findings of medium severity and above, with paths relative to the project."""
    line = [sys.executable, "-m", "bandit", "-q", "-ll", "-f", "json", "-r", *CODE, "-x", "*_pb2.py"]
    told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        found: list[dict[str, Any]] = json.loads(told.stdout)["results"]
    except (ValueError, KeyError) as error:
        raise SystemExit(f"audit: bandit did not run: {told.stderr.strip() or error}") from error
    return found


def bandit_problems(found: Iterable[Mapping[str, Any]], reviewed: Mapping[tuple[str, str], str]) -> list[str]:
    """Say which findings nobody has reviewed, and which reviews are of nothing any more."""
    seen = {(str(each["filename"]).removeprefix("./"), str(each["test_id"])): each for each in found}
    new = [
        f"bandit {test}: {name}:{each['line_number']}: {each['issue_text']}"
        for (name, test), each in seen.items()
        if (name, test) not in reviewed
    ]
    stale = [
        f"{name}, {test} is reviewed, but bandit does not find it any more" for name, test in {*reviewed} - {*seen}
    ]
    return [*new, *stale]


def run_pip_audit() -> list[dict[str, Any]]:
    """Give what pip-audit says of each locked dependency; nothing when its service cannot be reached."""
    line = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "-f", "json"]
    line += ["--progress-spinner", "off", "-r", str(ROOT / "requirements.lock")]
    try:
        told = subprocess.run(line, capture_output=True, text=True, check=False, timeout=SERVICE_SECONDS)
        found: list[dict[str, Any]] = json.loads(told.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        print(f"audit: pip-audit did not answer in {SERVICE_SECONDS} s; dependencies are not checked")  # noqa: T201
        return []
    except (ValueError, KeyError):
        reason = (told.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"audit: pip-audit could not run; dependencies are not checked: {reason}")  # noqa: T201
        return []
    unknown = sum("skip_reason" in each for each in found)
    print(f"audit: {len(found) - unknown} dependencies checked, {unknown} unknown to the service")  # noqa: T201
    return found


def dependency_problems(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Say which dependencies have a known vulnerability."""
    return [
        f"{each['name']} {each['version']}: {vulnerability['id']}, fixed in {', '.join(vulnerability['fix_versions'])}"
        for each in found
        for vulnerability in each.get("vulns", ())
    ]


if __name__ == "__main__":
    sys.exit(main())
