"""``soundgate scan``: verdicts, CSV, JSON lines, exit codes, and file names that mean harm."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from typer.testing import CliRunner, Result

from streaming.cli import app
from streaming.errors import UserError
from streaming.local_files import find_files

HOSTILE = '=1+1,"a\n\x1b[31mred;$(rm -rf).wav'


def put_sound(path: Path) -> None:
    time = np.arange(8000) / 8000
    sf.write(path, 0.4 * np.sin(2 * np.pi * 300 * time) * np.exp(-2 * time), 8000)


def put_mock(path: Path) -> None:
    text = Path(__file__).read_bytes()
    sf.write(path, np.frombuffer(text, np.uint8) / 256, 8000)


def scan(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["scan", *map(str, arguments), "--jobs", "1"])


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def test_real_files_exit_0(tmp_path: Path) -> None:
    put_sound(tmp_path / "a.wav")
    result = scan(tmp_path)
    assert result.exit_code == 0
    assert result.stdout.startswith("real")


def test_a_refused_file_exits_1_and_says_why_in_the_csv(tmp_path: Path) -> None:
    folder = tmp_path / "up" / "deep"
    folder.mkdir(parents=True)
    put_sound(folder / "a.wav")
    put_mock(folder / "b.wav")
    (folder / "c.mp3").write_bytes(b"no sound at all")
    result = scan(tmp_path / "up", "--csv", tmp_path / "out.csv")
    assert result.exit_code == 1
    header, *rows = rows_of(tmp_path / "out.csv")
    assert header == ["path", "verdict", "score", "reason"]
    assert [(Path(row[0]).name, row[1]) for row in rows] == [("a.wav", "real"), ("b.wav", "mock"), ("c.mp3", "mock")]
    assert rows[1][3].startswith("samples.text")
    assert rows[2][3].startswith("decode.not_audio")
    assert all(0 <= float(row[2]) <= 1 for row in rows)
    assert float(rows[0][2]) < 0.5 < float(rows[1][2])


def test_a_hostile_name_stays_data(tmp_path: Path) -> None:
    put_sound(tmp_path / HOSTILE)
    result = scan(tmp_path, "--csv", tmp_path.parent / "hostile.csv")
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert len(result.stdout.splitlines()) == 1
    assert rows_of(tmp_path.parent / "hostile.csv")[1][0] == str(tmp_path / HOSTILE)


def test_a_name_that_is_no_unicode_is_scanned_too(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    put_sound(tmp_path / "x.wav")
    (tmp_path / "x.wav").rename(tmp_path / name)
    assert scan(tmp_path, "--csv", tmp_path.parent / "names.csv").exit_code == 0
    assert scan(tmp_path, "--json").exit_code == 0


def test_json_lines_carry_the_whole_evidence(tmp_path: Path) -> None:
    put_mock(tmp_path / "b.wav")
    result = scan(tmp_path, "--json")
    line = json.loads(result.stdout)
    assert line["verdict"] == "mock"
    assert line["classification"]["payloads"][0]["kind"] == "text"
    assert len(line["classification"]["payloads"][0]["sha256"]) == 64


def test_pipes_and_links_to_nowhere_are_left_out(tmp_path: Path) -> None:
    put_sound(tmp_path / "a.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "nowhere")
    assert [path.name for path in find_files([tmp_path])] == ["a.wav"]


@pytest.mark.parametrize("missing", ["nothing/here", "empty"])
def test_nothing_to_scan_is_an_error_of_the_user(tmp_path: Path, missing: str) -> None:
    (tmp_path / "empty").mkdir()
    result = scan(tmp_path / missing)
    assert isinstance(result.exception, UserError)
    assert result.exception.exit_code == 2
