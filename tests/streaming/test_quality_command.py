"""``soundgate quality``: one file graded, a copy against its recording, a matched upload against its reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from deltalake import write_deltalake
from typer.testing import CliRunner

from streaming.cli import app
from streaming.errors import UserError
from streaming.quality_of_files import compare_files, compare_upload
from udfs.decode import decode
from udfs.track import Track

DEMO = Path(__file__).parents[2] / "references/demo"
SPEECH = DEMO / "a-new-world-speech.flac"
RATE = 44_100


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of the recording, from its third on, as Ogg Vorbis."""
    path = tmp_path_factory.mktemp("copy") / "copy.ogg"
    soundfile.write(path, decode(Track.from_file(SPEECH)).samples[3 * RATE : 9 * RATE], RATE)
    return path


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["quality", *arguments])
    if isinstance(done.exception, UserError):
        raise done.exception
    return done.exit_code, done.stdout


def test_one_file_is_graded_with_its_measures(tmp_path: Path) -> None:
    code, text = invoke(str(SPEECH), "--json")
    told = json.loads(text)
    assert (code, told["grade"], told["because"]) == (0, "Excellent", [])
    assert told["measures"]["bandwidth_hz"] > 15_000
    assert "Excellent" in invoke(str(SPEECH))[1]
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    code, text = invoke(str(silent), "--json")
    assert (code, json.loads(text)["grade"]) == (1, None)


def test_a_copy_is_aligned_and_measured_against_its_recording(copy: Path) -> None:
    told, text = compare_files(SPEECH, copy)
    assert abs(told["reference_offset_ms"] - 3000) <= 1
    assert told["si_sdr_db"] > 15
    assert told["pesq"]["score"] is None or told["pesq"]["score"] > 4
    assert told["pesq"]["why"] or told["pesq"]["score"]
    assert "SI-SDR" in text
    identical, _ = compare_files(SPEECH, SPEECH)
    assert identical["identical"]
    json.dumps(identical, allow_nan=False)


def test_what_cannot_be_compared_or_read_is_said_in_a_line(copy: Path, tmp_path: Path) -> None:
    text = tmp_path / "no\x1b[31msound.txt"
    text.write_text("words")
    for arguments in ((str(SPEECH), str(DEMO / "west.ogg")), (str(text),), (str(tmp_path / "gone.wav"),), ()):
        with pytest.raises(UserError):
            invoke(*arguments)


def test_a_matched_upload_is_measured_against_its_references_own_file(copy: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    (lake / "tracks").mkdir(parents=True)
    stored = lake / "tracks" / "0123"
    stored.write_bytes(copy.read_bytes())
    match = {"identity": "match", "reference_id": SPEECH.stem, "speed": 1.0, "query_offset_ms": 500}
    match |= {"reference_offset_ms": 3500, "matched_ms": 5000, "container": "ogg", "sample_rate": RATE, "channels": 1}
    rows = [
        {"upload_id": "known", "stored_at": str(stored), **match},
        {"upload_id": "unknown", "stored_at": str(stored), **match, "identity": "no_match"},
        {"upload_id": "elsewhere", "stored_at": str(stored), **match, "reference_id": "gone"},
        {"upload_id": "refused", "stored_at": None, **match},
    ]
    schema = pa.schema(
        [(name, pa.string() if isinstance(value, str) else pa.float64()) for name, value in rows[0].items()]
    )
    integers = ("query_offset_ms", "reference_offset_ms", "matched_ms", "sample_rate", "channels")
    schema = pa.schema([pa.field(each.name, pa.int64() if each.name in integers else each.type) for each in schema])
    write_deltalake(lake / "verdicts", pa.Table.from_pylist(rows, schema))
    told, _ = compare_upload(str(lake), "known", DEMO)
    assert told["reference_id"] == SPEECH.stem
    assert abs(told["reference_offset_ms"] - 3000) <= 1
    assert told["degraded_offset_ms"] == 0
    assert told["si_sdr_db"] > 15
    for upload_id in ("unknown", "elsewhere", "refused", "never seen"):
        with pytest.raises(UserError):
            compare_upload(str(lake), upload_id, DEMO)
