"""The pictures show what the verdicts rest on: each assertion is about what is drawn, from real uploads judged here."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lake_rig
import numpy as np
import pytest
import soundfile
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from typer.testing import CliRunner

from references.build import build_index
from streaming.cli import app
from streaming.demo_uploads import RECORDINGS
from streaming.errors import UserError
from streaming.lake_reader import open_table
from streaming.look import tables
from streaming.look.depth import Depth, Lens, open_index_to_look
from streaming.look.markup import table
from streaming.pictures import lake as lake_pictures
from streaming.pictures.plays import show_plays
from streaming.pictures.sound import shared_peaks, stands_out
from streaming.pictures.style import legible, to_png
from streaming.pictures.upload import show_all, show_bytes, show_close_up, show_track
from udfs.decode import decode
from udfs.landmark_index import open_index
from udfs.track import Track

HOSTILE = "$\\frac{$ \u202egpj.exe\n<script>alert(1)</script> [x](javascript:y) \u97f3.wav"
DATA_FROM_S, DATA_S = 6, 4
ENCRYPTED = np.random.default_rng(8).bytes(DATA_S * 2 * 44_100)


@dataclass(frozen=True)
class Made:
    """A lake of real verdicts, by what each upload is."""

    folder: Path
    rows: dict[str, dict[str, Any]]
    lens: Lens

    def look(self, what: str) -> Depth:
        return self.lens.look(self.rows[what])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("pictures")
    known = folder / "recordings"
    known.mkdir()
    samples, rate = soundfile.read(RECORDINGS / "hill-of-sorrows.ogg", dtype="int16", frames=30 * 44_100)
    soundfile.write(known / "hill.flac", samples, rate)
    build_index([known], folder / "index")
    index = open_index(folder / "index")
    mono = samples[:, 0].copy()
    excerpt = wave(mono[10 * rate : 20 * rate], rate)
    mixed = mono[: 16 * rate].copy()
    mixed[DATA_FROM_S * rate : (DATA_FROM_S + DATA_S) * rate] = np.frombuffer(ENCRYPTED, "<i2", DATA_S * rate)
    text = np.frombuffer(Path(__file__).read_bytes() * 20, np.uint8).astype("<f4")
    tracks = {
        "excerpt": Track(excerpt, name="heard in a bar.wav"),
        "mixture": Track(wave(mixed, rate) + archive(), name=HOSTILE),
        "text": lake_rig.raw(text.tobytes(), 8_000, "lecture"),
        "no audio": Track(b"%PDF-1.4 " + bytes(range(256)) * 40, name="no audio.mp3"),
    }
    lake = folder / "lake"
    rows = {what: lake_rig.judge(lake, track, index) for what, track in tracks.items()}
    rows["not kept"] = {**rows["mixture"], **lake_rig.facts(5), "stored_at": None}
    lake_rig.write_verdicts(lake, rows.values())
    lake_rig.write_rejections(lake, [{"reason": "wire.crc32"}, {"reason": "wire.crc32"}, {"reason": "chunk.late"}])
    return Made(folder, rows, Lens(decode, str(lake), index))


def wave(samples: np.ndarray, rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, "PCM_16", format="WAV")
    return file.getvalue()


def archive() -> bytes:
    """A ZIP file of some tens of kilobytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.writestr("inside.bin", ENCRYPTED[:50_000])
    return file.getvalue()


def texts(figure: Figure) -> str:
    """Everything that is written in a figure."""
    return "\n".join(text.get_text() for text in figure.findobj(match=lambda one: hasattr(one, "get_text")))


def test_the_evidence_rises_over_the_payload_and_nowhere_else(made: Made) -> None:
    seen = made.look("mixture")
    assert seen.row["decision"] == "reject"
    assert seen.evidence is not None
    samples = next(one for one in seen.evidence.odds if one.name.startswith("samples"))
    middle = samples.starts + samples.length / 2
    inside = (middle > DATA_FROM_S) & (middle < DATA_FROM_S + DATA_S)
    assert (samples.values[inside] > 0).mean() > 0.6
    assert (samples.values[~inside] < 0).all()
    bars = [bar for bar in show_track(seen).axes[1].containers[0].patches if bar.get_height() > 0]
    assert bars
    assert all(DATA_FROM_S - 1 < bar.get_x() < DATA_FROM_S + DATA_S for bar in bars)
    assert seen.close_up is not None
    assert seen.close_up.first < DATA_FROM_S < seen.close_up.first + seen.close_up.seconds


def test_the_byte_map_shows_what_lies_behind_the_sound_and_the_payload_is_named_not_shown(made: Made) -> None:
    seen = made.look("mixture")
    assert [run.kind for run in seen.runs][-1] == "unexplained"
    assert seen.runs[-1].end - seen.runs[-1].start == len(archive())
    assert sum(run.end - run.start for run in seen.runs) == seen.size
    written = texts(show_bytes(seen))
    assert "zip" in written
    assert "unexplained 50.1 KB" in written
    assert "inside.bin" not in written


def test_a_match_shares_most_of_its_peaks_with_the_recording_it_is_laid_over(made: Made) -> None:
    seen = made.look("excerpt")
    assert (seen.row["identity"], seen.row["reference_id"]) == ("match", "hill")
    assert seen.reference is not None
    assert seen.reference.first == pytest.approx(10, abs=0.1)
    assert seen.close_up is not None
    assert seen.reference.codes is not None
    shared = shared_peaks(seen.close_up, seen.reference)
    assert shared is not None
    assert shared.mean() > 0.75
    elsewhere = Lens(decode, None, made.lens.index).look({**seen.row, "reference_offset_ms": 3_000})
    assert elsewhere.close_up is not None
    assert elsewhere.reference is not None
    assert elsewhere.reference.codes is not None
    wrong = stands_out(elsewhere.close_up, elsewhere.reference.codes, elsewhere.reference)
    assert wrong.mean() < shared.mean() - 0.2
    figure = show_close_up(seen)
    filled = [one for one in figure.axes[0].collections if isinstance(one, PathCollection)][1]
    assert len(filled.get_offsets()) == shared.sum()
    assert "The recording's fingerprint: hill" in texts(figure)


def test_with_the_recordings_at_hand_the_reference_is_shown_as_it_sounds(made: Made) -> None:
    lens = Lens(decode, None, None, made.folder / "recordings")
    seen, elsewhere = (lens.look({**made.rows["excerpt"], "reference_offset_ms": ms}) for ms in (10_000, 3_000))
    shares = []
    for one in (seen, elsewhere):
        assert one.close_up is not None
        assert one.reference is not None
        assert one.reference.sound is not None
        shared = shared_peaks(one.close_up, one.reference)
        assert shared is not None
        shares.append(shared.mean())
    assert shares[0] > 0.5 > 3 * shares[1]
    assert "The recording: hill" in texts(show_close_up(seen))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("not kept", "the upload is not stored"),
        ("no audio", "no decoder makes sound of it"),
        ("text", "samples.text"),
    ],
)
def test_what_cannot_be_shown_is_said_and_the_rest_is_drawn(made: Made, what: str, told: str) -> None:
    figure = show_all(made.look(what))
    assert told in texts(figure)
    assert to_png(figure).startswith(b"\x89PNG")


def test_a_lake_that_was_moved_still_finds_its_tracks(made: Made) -> None:
    row = {**made.rows["excerpt"], "stored_at": "/nowhere/tracks/" + Path(made.rows["excerpt"]["stored_at"]).name}
    assert made.lens.look(row).envelope is not None
    assert "nothing at /nowhere" in Lens(decode).look(row).silent_because


def test_a_hostile_name_is_drawn_as_text(made: Made) -> None:
    figure = show_all(made.look("mixture"))
    to_png(figure)  # text read as mathematics would raise here
    written = texts(figure)
    assert "$\\frac{$ \\u202egpj.exe\\n<script>" in written
    assert "\u202e" not in written
    assert legible("\u97f3 é") == "\\u97f3 é"


def test_explain_draws_a_sheet(made: Made, tmp_path: Path) -> None:
    upload = made.rows["excerpt"]["upload_id"]
    picture = tmp_path / "upload.png"
    line = ["explain", upload, "--lake", str(made.folder / "lake"), "--index", str(made.folder / "index")]
    done = CliRunner().invoke(app, [*line, "--png", str(picture), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["verdict"]["upload_id"] == upload
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 100_000  # a sheet without sound has a tenth of that
    for wrong, told in (
        (["--png", str(tmp_path / "upload.wav")], r"ends in \.png"),
        (["--png", str(tmp_path / "none" / "a.png")], "cannot write"),
        (["--png", str(picture), "--recordings", str(tmp_path / "none")], "no such folder"),
        (["--png", str(picture), "--index", str(tmp_path / "none")], "--index"),
    ):
        with pytest.raises(UserError, match=told):
            CliRunner().invoke(app, [*line, *wrong], catch_exceptions=False)
    with pytest.raises(UserError, match="--index"):
        open_index_to_look(tmp_path)


def test_the_lakes_figures_count_every_upload(made: Made) -> None:
    verdicts = open_table(str(made.folder / "lake"), "verdicts")
    found = tables.timeline(verdicts)
    drawn = lake_pictures.show_decisions(found).axes[0].patches
    assert sum(bar.get_height() for bar in drawn) == len(made.rows)
    assert all(moment.lag <= moment.latency_p50 <= moment.latency_p95 for moment in found.moments)
    assert found.moments[0].latency_p50 == 6.0
    by_reason = {one.value: one.number for one in tables.reasons(verdicts)}
    assert by_reason["container.trailing_bytes"] == 2
    written = texts(lake_pictures.show_reasons(tables.reasons(verdicts)))
    assert "container.trailing_bytes" in written
    hidden = {one.value: one.number for one in tables.hidden(verdicts)}
    assert hidden["zip"] == 2
    assert hidden["text"] == 1
    (heard,) = tables.matches(verdicts)
    assert (heard.reference_id, round(heard.reference_offset)) == ("hill", 10)
    assert "hill  1×" in texts(lake_pictures.show_matches([heard]))
    assert made.rows["excerpt"]["quality"]
    assert f"{made.rows['excerpt']['quality']} 1" in texts(lake_pictures.show_quality(tables.quality(verdicts)))
    rejections = open_table(str(made.folder / "lake"), "rejections")
    bars = lake_pictures.show_refused_records(tables.refused_records(rejections)).axes[0].patches
    assert [bar.get_width() for bar in bars] == [2, 1]
    assert len(to_png(lake_pictures.show_latency(found))) > 5_000


def test_an_empty_lakes_figures_say_so(tmp_path: Path) -> None:
    lake_rig.write_verdicts(tmp_path, [])
    verdicts = open_table(str(tmp_path), "verdicts")
    for figure in (
        lake_pictures.show_decisions(tables.timeline(verdicts)),
        lake_pictures.show_latency(tables.timeline(verdicts)),
        lake_pictures.show_reasons(tables.reasons(verdicts)),
        lake_pictures.show_hidden(tables.hidden(verdicts)),
        lake_pictures.show_quality(tables.quality(verdicts)),
        lake_pictures.show_matches(tables.matches(verdicts)),
    ):
        assert any(word in texts(figure) for word in ("no upload", "nothing", "no known"))
        to_png(figure)


def test_a_notebooks_table_shows_hostile_text_as_text() -> None:
    shown = table([{"name": HOSTILE, "numbers": [1, 2], "none": None}], ("name", "numbers", "none"))
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script" not in shown
    assert "\u202e" not in shown
    assert "1, 2" in shown
    assert table([], ("name",), "no <row>") == "<p>no &lt;row&gt;</p>"


def test_plays_are_drawn_by_channel_and_what_plays_now_goes_on() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)

    def play(channel: str, title: str, minute: int) -> dict[str, Any]:
        start, end = began + timedelta(minutes=minute), began + timedelta(minutes=minute + 4)
        facts = {"channel": channel, "title": title, "artist": "", "reference_id": "id"}
        return {**facts, "started_at": start, "ended_at": end}

    over = [play("radio/one", "First", 0), play("radio/one", "Second", 5), play(HOSTILE, HOSTILE, 2)]
    figure = show_plays([play("radio/one", "Third", 10)], over)
    to_png(figure)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["radio/one", legible(HOSTILE, 24)]
    drawn = [text.get_text() for text in axes.texts]
    assert {"First", "Second", "now: Third"} <= set(drawn)
    assert "\u202e" not in "".join(drawn)
    spans = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    minute = 1 / 1440
    assert spans[0][1] == pytest.approx(4 * minute)
    assert spans[1][0] - spans[0][0] == pytest.approx(5 * minute)
    assert spans[2][0] + spans[2][1] >= axes.get_xlim()[1], "it has not ended"
    assert "nothing has played" in show_plays([], []).axes[0].texts[0].get_text()
