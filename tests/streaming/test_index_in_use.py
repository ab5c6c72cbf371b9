"""A running job takes a new index when it is told to, between two batches, and keeps the old one if the new is none."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Thread

import pytest
from job_rig import make_rig, write_wave
from typer.testing import CliRunner

from references.build import add_recordings, build_index
from streaming.cli import app
from streaming.errors import UserError
from streaming.identity import CHECKPOINT_FILE
from streaming.index_in_use import IN_USE, REQUESTED, IndexInUse, read_answer, read_request, request_index
from streaming.places import Place, open_place
from udfs.index_files import MANIFEST, IndexRefusedError


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "1.wav").write_bytes(write_wave(1))
    return build_index([tmp_path / "1.wav"], tmp_path / "index").folder


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "checkpoint").mkdir()
    return open_place(str(tmp_path / "checkpoint"))


def change(tmp_path: Path, index: Path) -> str:
    (tmp_path / "2.wav").write_bytes(write_wave(2))
    return add_recordings([tmp_path / "2.wav"], index).sha256


def test_a_new_index_is_taken_when_it_is_asked_for_and_not_before(tmp_path: Path, index: Path, place: Place) -> None:
    in_use = IndexInUse(make_rig(tmp_path, index).settings(), place)
    before = in_use.look()
    after = change(tmp_path, index)
    assert in_use.look() is before
    assert before().index_sha256 != after
    request_index(place, "first")
    assert in_use.look()().index_sha256 == after
    answer = read_answer(place, "first")
    assert answer is not None
    assert answer["index_sha256"] == after
    assert read_answer(place, "second") is None
    (tmp_path / "index" / MANIFEST).write_text("{}")
    assert in_use.look()().index_sha256 == after, "one request is one look"


def test_an_index_that_cannot_be_opened_is_not_taken(
    tmp_path: Path, index: Path, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    in_use = IndexInUse(make_rig(tmp_path, index).settings(), place)
    before = in_use.look()
    (index / MANIFEST).write_text("{}")
    request_index(place, "first")
    assert in_use.look() is before
    answer = read_answer(place, "first")
    assert answer is not None
    assert "is not the manifest" in answer["problem"]
    assert "the new index is not taken" in capsys.readouterr().err


def test_a_catalogue_is_opened_anew_by_whoever_searches_it(tmp_path: Path, place: Place) -> None:
    in_use = IndexInUse(make_rig(tmp_path, Path("delta:/x")).settings(), place)
    asked: list[str] = []

    def renew() -> str:
        asked.append("renewed")
        return "s" * 64

    in_use.look(renew)
    request_index(place, "a")
    in_use.look(renew)
    in_use.look(renew)
    answer = read_answer(place, "a")
    assert (asked, answer and answer["index_sha256"]) == (["renewed"], "s" * 64)

    def refuse() -> str:
        raise IndexRefusedError("gone")

    request_index(place, "b")
    in_use.look(refuse)
    assert json.loads(place.read(IN_USE) or b"")["problem"] == "gone"


def test_what_is_no_request_is_none(place: Place) -> None:
    for data in (None, b"", b"[]", b"{}", b"\xff"):
        assert read_request(data) is None


def test_by_the_command_the_jobs_answer_is_waited_for(tmp_path: Path, index: Path, place: Place) -> None:
    command = ["index", "use", "--checkpoint", str(tmp_path / "checkpoint")]
    with pytest.raises(UserError, match="no job has run with it"):
        CliRunner().invoke(app, command, catch_exceptions=False)
    place.write(CHECKPOINT_FILE, b"{}")
    with pytest.raises(UserError, match="is the job running"):
        CliRunner().invoke(app, [*command, "--wait", "0.1"], catch_exceptions=False)
    assert place.exists(REQUESTED)
    in_use = IndexInUse(make_rig(tmp_path, index).settings(), place)
    after = change(tmp_path, index)
    for wrong in (False, True):
        if wrong:
            (index / MANIFEST).write_text("{}")
        over = Event()
        job = Thread(target=lambda over=over: [in_use.look() for _ in iter(lambda: over.wait(0.05), True)])  # type: ignore[misc]
        job.start()
        if wrong:
            with pytest.raises(UserError, match="goes on with the index that it has"):
                CliRunner().invoke(app, [*command, "--wait", "20"], catch_exceptions=False)
        else:
            answer = CliRunner().invoke(app, [*command, "--wait", "20"], catch_exceptions=False)
            assert answer.stdout == f"the job answers from index {after[:12]}\n"
        over.set()
        job.join()
