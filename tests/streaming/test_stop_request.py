"""A job is asked to stop by a file, on its machine or in its checkpoint."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from streaming import stop_request
from streaming.features_job import watch
from streaming.places import open_place
from streaming.stop_request import REQUEST, StopRequest


def test_a_stop_file_is_taken_away_and_heard_once(tmp_path: Path) -> None:
    (file := tmp_path / "stop").touch()
    request = StopRequest(open_place(str(tmp_path / "checkpoint")), file)
    assert request.made()
    assert not file.exists()
    assert not request.made()


def test_a_stop_file_that_cannot_be_taken_away_is_heard_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "stop").mkdir()
    assert StopRequest(open_place(str(tmp_path / "checkpoint")), file).made()
    assert "each start stops at once" in capsys.readouterr().err


def test_a_request_in_the_checkpoint_is_looked_for_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = open_place(str(tmp_path))
    request = StopRequest(place)
    assert not request.made()
    place.write(REQUEST, b"")
    assert not request.made()
    monkeypatch.setattr(stop_request.time, "monotonic", lambda: 1e9)
    assert request.made()
    assert not place.exists(REQUEST)


def test_the_features_stage_ends_by_a_request_in_its_checkpoint(tmp_path: Path) -> None:
    class Query:
        isActive = True  # noqa: N815 - Spark's names
        status = {"isTriggerActive": False}  # noqa: RUF012

        def stop(self) -> None:
            self.isActive = False

        def exception(self) -> None:
            return None

    place = open_place(str(tmp_path))
    place.write(REQUEST, b"")
    query: Any = Query()
    ended = threading.Thread(target=watch, args=(query, threading.Event(), StopRequest(place), False), daemon=True)
    ended.start()
    ended.join(10)
    assert not query.isActive
