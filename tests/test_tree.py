"""What every file of the tree keeps to."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_MODULE = 400
# Written in pieces, so that this file may be searched as well.
HOSTS = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "maven" + ".org",
    "maven." + "apache.org",
    "spark-" + "packages.org",
    "npm" + "js.org",
    "deb." + "debian.org",
    "archive." + "ubuntu.com",
    "crates" + ".io",
    "proxy." + "golang.org",
    "--index" + "-url",
)
PLACES = re.compile(r"(?<![\w.:}~-])/(?:" + "wo" + r"rk/main|ro" + r"ot/|tm" + r"p/[A-F]/|farm/)")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    assert len(paths) > 30
    return [path for path in paths if path.is_file()]


def texts() -> list[tuple[str, str]]:
    """Return name and text of every tracked file that is text."""
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            found.append((str(path.relative_to(ROOT)), data.decode(errors="replace")))
    return found


def test_no_file_names_a_package_registrys_host() -> None:
    assert not [
        (name, host) for name, text in texts() for host in HOSTS if host in text and "no-emit" + host[1:] not in text
    ]


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert not [(name, found[0]) for name, text in texts() if (found := PLACES.search(text))]


@pytest.mark.parametrize("folder", ["streaming", "udfs", "references", "emr", "scripts"])
def test_no_module_grows_past_what_can_be_read_in_one_go(folder: str) -> None:
    modules = [path for path in (ROOT / folder).rglob("*.py") if not path.name.endswith("_pb2.py")]
    assert modules
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_MODULE}


def test_the_top_level_holds_the_packages_and_little_else() -> None:
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    packages = {"streaming", "udfs", "references", "emr", "notebooks", "tests", "docs", "scripts"}
    files = {
        *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml"),
        *("requirements.lock", "jars.lock", ".gitignore", ".pre-commit-config.yaml", ".ci", ".gitattributes"),
    }
    assert top <= packages | files


def test_every_link_of_the_docs_leads_to_a_file() -> None:
    links = [
        (name, target.partition("#")[0])
        for name, text in texts()
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if "://" not in target and not target.startswith(("#", "mailto:"))
    ]
    assert len(links) > 5
    assert not [(name, target) for name, target in links if not (ROOT / name).parent.joinpath(target).exists()]
