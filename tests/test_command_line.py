"""Every command says what it is for and shows how it is used."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from typer.testing import CliRunner

from streaming.cli import app, main

ROOT = Path(__file__).resolve().parent.parent
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


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


def documented() -> Iterator[tuple[str, list[str], str]]:
    """Give every call of ours in the documents, by its command: the words after it, up to what a job is told."""
    paths = sorted(commands(), key=len, reverse=True)
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("emr/*.md")]):
        text = page.read_text().replace("\\\n", " ")
        for call in re.findall(r"soundgate ([^`\n|#]+)", text):
            told, _, inner = call.partition(" -- ")
            for words in filter(None, (told.split(), inner.split())):
                path = next((path for path in paths if words[: len(path)] == path), None)
                if path is not None:
                    yield f"{page.name}: {call}", path, " ".join(words)


def test_every_option_that_the_documents_name_is_one_of_its_command() -> None:
    names: dict[tuple[str, ...], set[str]] = {}
    root: Any = typer.main.get_command(app)
    for path in commands():
        command = root
        for name in path:
            command = command.commands[name]
        names[tuple(path)] = {
            "--help",
            *(option for one in command.params for option in (*one.opts, *one.secondary_opts)),
        }
    calls = list(documented())
    wrong = [
        (where, option)
        for where, path, words in calls
        for option in OPTION.findall(words)
        if option not in names[tuple(path)]
    ]
    assert len(calls) > 60
    assert not wrong


@pytest.mark.parametrize("wrong", [["nonsense"], ["run", "--nonsense"]])
def test_what_is_no_command_is_refused_with_exit_code_2(wrong: list[str]) -> None:
    assert CliRunner().invoke(app, wrong).exit_code == 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["status", "--lake", "lake", "--checkpoint", "README.md"], "README.md: it is a file"),
        (["status", "--lake", "lake", "--checkpoint", "README.md/below"], "it is a file"),
        (["status", "--lake", "lake", "--checkpoint", "nowhere"], "no job has begun there"),
        (["status", "--lake", "s3://a/b", "--checkpoint", "s3://a/c"], "no AWS credentials are set"),
        (["status", "--lake", "s3://", "--checkpoint", "s3://"], "s3://: it names no bucket"),
        (["plays", "--lake", "s3://a/b"], "--lake s3://a/b: "),
        (["scan", "README.md", "--csv", "nowhere/out.csv"], "--csv nowhere/out.csv: No such file"),
        (["scan", "README.md", "--csv", "."], "--csv .: Is a directory"),
        (["scan", "/dev/zero"], "device, pipe or socket"),
        (["settings", "--config", "nowhere.toml"], "--config nowhere.toml"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    wrong: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "README.md").write_text("text")
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it may have found credentials in an earlier test
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["soundgate", *wrong])
    with pytest.raises(SystemExit) as left:
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("soundgate: ")
    assert told in line
    assert left.value.code == 2


def test_debug_shows_the_stack_trace_and_leaves_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soundgate", "--debug", "scan", "nowhere"])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.splitlines()[-1].startswith("soundgate: ")
    assert left.value.code == 2
