"""Every command says what it is for and shows how it is used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from streaming.cli import app


def commands() -> Iterator[list[str]]:
    def walk(command: object, path: list[str]) -> Iterator[list[str]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield path
            return
        for name, one in inner.items():
            yield from walk(one, [*path, name])

    return walk(typer.main.get_command(app), [])


def test_the_commands_of_the_job_are_there() -> None:
    assert {path[0] for path in commands()} >= {
        "index",
        "produce",
        "run",
        "status",
        "explain",
        "scan",
        "settings",
        "emr",
    }


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_a_commands_help_shows_how_it_is_used(path: list[str]) -> None:
    done = CliRunner().invoke(app, [*path, "--help"], terminal_width=100)
    assert done.exit_code == 0
    assert "Example" in done.output
    assert f"soundgate {' '.join(path)}" in done.output


@pytest.mark.parametrize("wrong", [["nonsense"], ["run", "--nonsense"]])
def test_what_is_no_command_is_refused_with_exit_code_2(wrong: list[str]) -> None:
    assert CliRunner().invoke(app, wrong).exit_code == 2
