"""The fingerprints' benchmark: what it asks, what it leaves out, and that the calibration reads what it writes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "tests" / "bench"), str(ROOT / "tests" / "udfs")]

import fingerprint  # noqa: E402
import fingerprint_calibration  # noqa: E402
from fingerprint_sounds import RATE, music  # noqa: E402

from references.calibrate import blocks_of, read_unknown  # noqa: E402
from udfs.calibration import compared  # noqa: E402

ASKED = {"clean": ("clean",), "pink noise": ("pink +5 dB",), "codecs": ("opus 24k",), "chorus of two": ("chorus",)}
SECONDS = 20


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two that are known, each before one that is not; the second of those has a voice of the first known one."""
    folder = tmp_path_factory.mktemp("bench")
    sounds = {name: music(20 + seed, SECONDS) for seed, name in enumerate(("known", "other", "also known", "stem"))}
    sounds["stem"] = 0.6 * sounds["stem"] + sounds["known"]
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.wav", samples, RATE)
    return [folder / f"{name}.wav" for name in sounds]


def test_a_run_asks_of_known_and_unknown_recordings_and_the_calibration_reads_its_rows(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {group: {name: fingerprint.CONDITIONS[group][name] for name in names} for group, names in ASKED.items()}
    monkeypatch.setattr(fingerprint, "CONDITIONS", few)
    speech = np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32)
    rows = fingerprint.measure("smoke", paths, speech, [5], 2, 1)

    assert "not unknown: stem is 0000-known" in capsys.readouterr().out
    assert {(row.condition, row.known) for row in rows} == {
        (name, known) for name in ("clean", "pink +5 dB", "opus 24k") for known in (True, False)
    } | {("chorus", True)}
    easy = [row for row in rows if row.known and row.condition in ("clean", "opus 24k")]
    assert all(row.right and abs(row.offset_error_ms) < 100 for row in easy)
    unknown = [row for row in rows if not row.known]
    assert {row.recording.split("/")[1] for row in unknown} == {"other"}
    assert max(row.evidence for row in unknown) < min(row.evidence for row in easy)

    fingerprint.write_rows(tmp_path / "rows.csv", rows, fingerprint_calibration.COLUMNS)
    assert read_unknown(tmp_path / "rows.csv") == {
        ("smoke", 5): [(pytest.approx(row.evidence, abs=0.001), compared(row.frames, blocks_of(5))) for row in unknown]
    }
    fingerprint.report(rows)
    assert "5 s: 8 known, 3 unknown" in capsys.readouterr().out


def test_a_waveform_is_found_in_another_wherever_it_lies_and_however_loud_it_is() -> None:
    whole = music(1, SECONDS)
    assert fingerprint.correlation(0.1 * whole[RATE : 3 * RATE], whole[: 5 * RATE]) == pytest.approx(1, abs=1e-3)
    assert fingerprint.correlation(music(2, SECONDS)[: 2 * RATE], whole[: 5 * RATE]) < fingerprint.SAME_WAVE
    assert fingerprint.correlation(whole[:RATE], whole[: RATE // 2]) == 0


def test_a_package_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="drascula-music"):
        fingerprint_calibration.ask(fingerprint_calibration.CORPORA, tmp_path, np.zeros(1, np.float32), 0, 1)
