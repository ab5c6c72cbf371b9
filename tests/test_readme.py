"""The README runs as written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORDS_OF_A_PAGE = 800


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.strip()]


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [command for command in commands() if command.startswith("make")] == ["make demo", "make test"]
    assert {"demo", "test"} <= set(targets)


def test_every_file_it_points_to_is_there() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert targets
    assert not [target for target in targets if not (ROOT / target).exists()]


def test_it_names_every_column_of_a_verdict_and_no_other() -> None:
    from streaming.schemas import VERDICT

    table = README[README.index("## The verdict's columns") : README.index("## More")]
    named = [
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1:2][0] if "|" in line else "")
    ]
    assert sorted(named) == sorted(field.name for field in VERDICT.fields)


def test_it_fits_on_a_page() -> None:
    assert len(README.split()) < WORDS_OF_A_PAGE


def test_the_commands_for_production_have_the_options_that_it_says() -> None:
    from typer.testing import CliRunner

    from streaming.cli import app

    section = README[README.index("## In production") : README.index("## The verdict's columns")]
    lines = [line for line in section.splitlines() if line.startswith("soundgate ")]
    assert len(lines) >= 3
    for line in lines:
        own, _, of_run = line.partition(" -- ")
        for command, options in ((own.split()[1:3], own), (["run"], of_run)):
            shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "300"}).output
            for option in re.findall(r" (--?[a-z][a-z-]*)", f" {options}"):
                assert re.search(rf"{option}\b", shown), f"{command} has no {option}"
    for place in re.findall(r"`soundgate (\w+) (\w+)`", section):
        assert CliRunner().invoke(app, [*place, "--help"]).exit_code == 0
    assert "demo-kinesis:" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.spark
def test_its_commands_and_program_run_after_the_demo(demo_folder: Path) -> None:
    project = demo_folder.parent
    (project / ".venv").symlink_to(sys.prefix)
    (project / "references").symlink_to(ROOT / "references")
    ours = [command for command in commands() if not command.startswith("make")]
    assert len(ours) >= 6
    for command in ours:
        done = subprocess.run(["bash", "-c", command], cwd=project, capture_output=True, text=True, check=False)
        # A scan that finds a mock says so by its exit code.
        assert done.returncode == (1 if " scan " in command else 0), f"{command}\n{done.stdout}\n{done.stderr}"
        assert "--drain" in command or done.stdout.strip(), f"{command} printed nothing"
    (program,) = blocks("python")
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "West" in done.stdout
