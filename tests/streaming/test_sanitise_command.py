"""``soundgate sanitise``: one file in, its safe copy out, or one line that says why not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

SOUND = 0.3 * np.sin(np.arange(22050) / 9)


def soundgate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streaming.cli", "sanitise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "upload.wav"
    sf.write(path, SOUND, 44100)
    with path.open("ab") as file:
        file.write(b"\x7fELF" + bytes(range(256)) * 8)
    return path


def test_the_copy_has_the_sound_and_no_more(upload, tmp_path):
    done = soundgate(upload, tmp_path / "safe.flac", "--json")
    assert done.returncode == 0, done.stderr
    written = json.loads(done.stdout)
    assert written["duration_ms"] == 500
    samples, rate = sf.read(tmp_path / "safe.flac")
    assert rate == 44100
    assert np.abs(samples - SOUND).max() < 0.002
    assert b"\x7fELF" not in (tmp_path / "safe.flac").read_bytes()


def test_a_file_that_is_there_is_not_replaced(upload, tmp_path):
    (tmp_path / "safe.flac").write_text("mine")
    done = soundgate(upload, tmp_path / "safe.flac")
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert (tmp_path / "safe.flac").read_text() == "mine"
    assert soundgate(upload, tmp_path / "safe.flac", "--force").returncode == 0


def test_what_is_no_audio_has_no_copy(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"\x7fELF" * 1000)
    done = soundgate(tmp_path / "a.wav", tmp_path / "safe.flac")
    assert done.returncode == 2
    assert "decode.not_audio" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav"]


def test_errors_say_what_to_do(upload, tmp_path):
    assert "call it" in soundgate(upload, tmp_path / "safe.mp3").stderr
    assert "cannot read" in soundgate(tmp_path / "none.wav", tmp_path / "safe.flac").stderr
    assert "cannot write" in soundgate(upload, tmp_path / "no" / "safe.flac").stderr
