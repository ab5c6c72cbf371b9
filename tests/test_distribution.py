"""What is installed: our four import names are ours alone, and the locks hold what the project asks for."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAMES = ("streaming", "udfs", "references", "emr")


def locked(name: str) -> dict[str, tuple[set[str], int]]:
    """Return each package of a lock: its versions, and how many lines of it carry no hash."""
    found: dict[str, tuple[set[str], int]] = {}
    text = re.sub(r"\\\n\s*", "", (ROOT / name).read_text(encoding="utf-8"))
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pinned = re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line)
        assert pinned, f"{name}: {line!r} is no pinned package"
        versions, bare = found.get(canonicalize_name(pinned[1]), (set(), 0))
        bare += not re.search(r"--hash=sha256:[0-9a-f]{64}\b", line)
        found[canonicalize_name(pinned[1])] = ({*versions, pinned[2]}, bare)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_other_distribution_owns_our_import_name(name: str) -> None:
    owners = set(packages_distributions().get(name, ()))
    assert owners <= {"soundgate"}, f"{name} is also imported from {owners}"
    assert Path(__import__(name).__file__ or "").is_relative_to(ROOT)


def test_the_distribution_cannot_be_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in distribution("soundgate").metadata.get_all("Classifier", [])


@pytest.mark.parametrize(
    "name", ["requirements.lock", "scripts/uv-requirements.lock", "scripts/pesq-requirements.lock"]
)
def test_every_locked_package_has_hashes(name: str) -> None:
    assert locked(name)
    assert not [package for package, (_, bare) in locked(name).items() if bare]


def test_the_lock_satisfies_what_the_project_asks_for() -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    asked = [*PROJECT["project"]["dependencies"], *(one for extra in extras for one in extra)]
    lock = locked("scripts/pesq-requirements.lock") | locked("requirements.lock")
    for requirement in map(Requirement, asked):
        if requirement.name == PROJECT["project"]["name"]:
            continue  # one group of extras within another
        versions, _ = lock.get(canonicalize_name(requirement.name), (set(), 0))
        assert versions, f"{requirement.name} is not locked: make lock"
        assert all(version in requirement.specifier for version in versions), (
            f"{requirement}, locked {versions}: make lock"
        )


def test_every_package_folder_is_listed_for_the_build() -> None:
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts) for name in NAMES for path in (ROOT / name).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders
