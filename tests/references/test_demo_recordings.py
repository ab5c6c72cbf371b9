"""The demo's recordings are the ones whose licences were read, and nothing else."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import pytest
import soundfile

from references.metadata import read_metadata

FOLDER = Path(__file__).parents[2] / "references" / "demo"
FREE = {"CC0-1.0", "CC-BY-3.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0"}
TEN_MEGABYTES = 10 * 10**6
NOT_AUDIO = {"LICENSES.md", "metadata.csv"}


def licences() -> dict[str, dict[str, str]]:
    """Return the sections of LICENSES.md by file name."""
    sections = re.split(r"^## ", (FOLDER / "LICENSES.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        section.splitlines()[0].strip(): dict(re.findall(r"^- ([^:]+): `?(.+?)`?$", section, flags=re.MULTILINE))
        for section in sections
    }


def recordings() -> list[Path]:
    return sorted(path for path in FOLDER.iterdir() if path.name not in NOT_AUDIO)


def test_every_recording_has_its_licence_written_down_and_no_licence_lacks_its_recording() -> None:
    assert sorted(licences()) == [path.name for path in recordings()]
    assert len(recordings()) >= 8


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.name)
def test_a_recording_is_the_file_that_its_licence_is_about(path: Path) -> None:
    known = licences()[path.name]
    assert set(known) == {"Title", "Author", "Kind", "Licence", "Source", "Changes", "SHA-256"}
    assert known["SHA-256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert known["Licence"] in FREE


@pytest.mark.parametrize("path", recordings(), ids=lambda path: path.name)
def test_a_recording_is_sound_of_ten_seconds_or_more(path: Path) -> None:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert len(samples) >= 10 * rate
    assert samples.std() > 0.005


def test_the_index_gets_the_same_titles_authors_and_licences() -> None:
    with (FOLDER / "metadata.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["file"] for row in rows} == set(licences())
    for row in rows:
        known = licences()[row["file"]]
        assert (row["title"], row["artist"], row["licence"]) == (known["Title"], known["Author"], known["Licence"])
        assert read_metadata(FOLDER / row["file"])["title"] == row["title"]


def test_there_is_music_of_several_kinds_and_speech_and_a_field_recording() -> None:
    kinds = [known["Kind"] for known in licences().values()]
    assert len({kind for kind in kinds if kind.startswith("music")}) >= 3
    assert any(kind.startswith("speech") for kind in kinds)
    assert any(kind.startswith("field recording") for kind in kinds)


def test_together_they_stay_small() -> None:
    assert sum(path.stat().st_size for path in recordings()) < TEN_MEGABYTES
