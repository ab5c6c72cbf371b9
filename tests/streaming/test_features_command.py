"""``soundgate features``: of files, as text, CSV in Sonic Annotator's layout, JSON, and a picture."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from emr.job import Job, command_line
from emr.manifest import Manifest
from streaming.cli import app
from streaming.errors import UserError

RATE = 22_050


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of an A, in a file with a hostile name."""
    path = tmp_path_factory.mktemp("songs") / 'a "song"\x1b[31m, $1.wav'
    axis = np.arange(2 * RATE) / RATE
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * 220 * axis) + 0.1 * np.sin(2 * np.pi * 440 * axis), RATE)
    return path


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["features", *arguments])
    if isinstance(done.exception, UserError):
        raise done.exception
    return done.exit_code, done.stdout


def test_a_pitch_track_is_written_as_time_and_frequency(song: Path, tmp_path: Path) -> None:
    out = tmp_path / "pitch.csv"
    assert invoke(str(song), "--csv", "pitch", "-o", str(out)) == (0, "")
    read = np.loadtxt(out, delimiter=",")
    assert read.shape[1] == 2
    assert len(read) > 80
    assert np.abs(1200 * np.log2(read[:, 1] / 220)).max() < 15
    assert out.read_text().splitlines()[3].split(",")[0] == f"{read[3, 0]:.9f}"


def test_several_files_in_one_csv_are_told_apart(song: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "second.wav", np.random.default_rng(1).standard_normal(RATE) / 9, RATE)
    (tmp_path / "words.txt").write_text("no sound")
    code, text = invoke(str(song), str(tmp_path), "--csv", "loudness")
    lines = text.splitlines()
    assert code == 1  # the words could not be read, and all else is there
    assert [line[0] for line in lines] == ['"', ",", '"']
    shown = str(song).replace("\x1b", "\\x1b").replace('"', '""')
    assert lines[0].startswith(f'"{shown}",0.000000000,-')


def test_for_people_and_for_machines_it_says_the_same(song: Path) -> None:
    code, text = invoke(str(song), "--only", "metadata,loudness,pitch")
    assert code == 0
    assert "\x1b" not in text
    assert "pitch_median_hz      220" in text
    (line,) = invoke(str(song), "--only", "metadata,loudness,pitch", "--json")[1].splitlines()
    told = json.loads(line)
    assert told["metadata"]["codec"] == "pcm_s16"
    assert [row["second"] for row in told["by_second"]] == [0, 1]
    assert told["parameters"]["pitch"]["lowest_hz"] == 65.4064


def test_a_picture_of_what_was_asked_for_is_drawn(song: Path, tmp_path: Path) -> None:
    picture = tmp_path / "song.png"
    invoke(str(song), "--only", "mel,loudness,pitch", "--picture", str(picture))
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24])[0] > 800


@pytest.mark.parametrize(
    "arguments",
    [
        ["--csv", "moods"],
        ["--only", "moods"],
        ["--only", "mel", "--csv", "pitch"],
        ["--picture", "/nowhere/at/all.png", "--only", "loudness"],
        ["--csv", "loudness", "-o", "/nowhere/at/all.csv"],
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(song: Path, arguments: list[str]) -> None:
    with pytest.raises(UserError):
        invoke(str(song), *arguments)


def test_on_emr_the_stage_is_submitted_as_it_stands() -> None:
    manifest = Manifest.__new__(Manifest)
    arguments = ("features", "run", "--lake", "s3://lake/lake", "--features", "mel")
    assert command_line(Job("features", "s3://b", manifest, arguments, "eu-central-1")) == list(arguments)
