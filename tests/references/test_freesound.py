"""Recordings from a Freesound-compatible API: all of them, once, with their licences, whatever the server does."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from freesound_server import BY, CC0, KEY, Freesound, freesound
from typer.testing import CliRunner

from references.catalogue.entry import Found, State
from references.catalogue.freesound import KEY_VARIABLE, FreesoundSource, name_licence, parse_sound
from references.catalogue.freesound_http import LONGEST_WAIT, SECONDS_A_REQUEST, TRIES, Caller, wait_of
from references.catalogue.gate import Gate, Judged
from references.catalogue.source import NotFetchedError, SourceError
from references.catalogue.sync import Sync
from references.catalogue.table import CatalogueTable
from streaming.cli import app

SEARCH = "/apiv2/search/text/"


def ogg(seed: int, seconds: float = 3.0) -> bytes:
    random = np.random.default_rng(seed)
    at = np.arange(int(22_050 * seconds)) / 22_050
    sound = sum(np.sin(2 * np.pi * pitch * at) for pitch in random.uniform(200, 4000, 5)) / 8
    buffer = io.BytesIO()
    soundfile.write(buffer, sound * (0.6 + 0.4 * np.sin(9 * at)), 22_050, format="OGG", subtype="VORBIS")
    return buffer.getvalue()


class Trusting:
    """Judges nothing; what the gate does is tested by itself, below and elsewhere."""

    def judge(self, path: Path, expected_ms: int | None = None) -> Judged:
        data = path.read_bytes()
        return Judged(f"{len(data):064d}", len(data))


@pytest.fixture
def server() -> Iterator[Freesound]:
    with freesound() as one:
        for number in range(1, 6):
            one.sounds[number] = (f"Sound {number}", CC0 if number % 2 else BY, 3.0, b"OggS" * (1000 + number))
        yield one


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def source(server: Freesound, pauses: list[float]) -> FreesoundSource:
    return FreesoundSource("rain", KEY, server.api, Caller(server.api, KEY, pauses.append, lambda: sum(pauses)))


@pytest.fixture
def table(tmp_path: Path) -> CatalogueTable:
    return CatalogueTable(tmp_path / "catalogue")


def sync(table: CatalogueTable, source: FreesoundSource) -> dict[str, int]:
    return {name: number for name, number in Sync(table, source, Trusting()).run().as_json().items() if number}


def test_every_sound_of_a_search_comes_once_with_its_licence_author_and_page(
    table: CatalogueTable, source: FreesoundSource, server: Freesound, pauses: list[float]
) -> None:
    assert sync(table, source) == {"new": 5}
    one, two, *_ = table.entries()
    assert (one.reference_id, one.title, one.artist) == ("freesound-1", "Sound 1", "user 1")
    assert (one.licence, two.licence) == ("CC0-1.0", "CC-BY-4.0")
    assert one.source == "https://freesound.org/people/u/sounds/1/"
    assert Path(one.audio).read_bytes() == server.sounds[1][3]
    assert server.counts[SEARCH] == 3
    assert "sort=created_asc" in server.asked[0]
    assert pauses == pytest.approx([SECONDS_A_REQUEST] * 2), "no more requests than are allowed"
    assert sync(table, source) == {"same": 5}
    assert sum(number for path, number in server.counts.items() if "previews" in path) == 5


def test_the_servers_wish_to_wait_is_heard_and_other_pauses_grow(
    table: CatalogueTable, source: FreesoundSource, server: Freesound, pauses: list[float]
) -> None:
    server.fail(SEARCH, 429, Retry_After="7")
    server.fail(SEARCH, 429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True))
    for _ in range(3):
        server.fail(SEARCH, 500)
    assert sync(table, source) == {"new": 5}
    waits = [one for one in pauses if one != pytest.approx(SECONDS_A_REQUEST)]
    assert waits[0] == 7
    assert 35 <= waits[1] <= 40
    grown = waits[2:]
    assert 2 <= grown[0] < grown[1] * 2 < grown[2] * 4 <= 64


def test_what_lasts_ends_the_sync_which_goes_on_where_it_was(
    table: CatalogueTable, source: FreesoundSource, server: Freesound
) -> None:
    server.fail("/data/previews/4", 429, Retry_After=str(LONGEST_WAIT + 1))
    with pytest.raises(SourceError, match=r"it says to wait 901 s\. A later sync goes on here"):
        sync(table, source)
    assert [entry.origin_id for entry in table.entries()] == ["1", "2"]
    server.asked.clear()
    assert sync(table, source) == {"new": 3}
    assert [one for one in server.asked if "page=1" in one or "previews/1" in one] == []
    for _ in range(TRIES):
        server.fail(SEARCH, 503)
    with pytest.raises(SourceError, match="503"):
        sync(table, source)


def test_a_download_that_was_cut_is_fetched_again(
    table: CatalogueTable, source: FreesoundSource, server: Freesound
) -> None:
    server.fail("/data/previews/2", 200, None)
    server.fail("/data/previews/2", 200, None)
    assert sync(table, source) == {"new": 5}
    assert server.counts["/data/previews/2-hq.ogg"] == 3
    assert Path(table.entries()[1].audio).read_bytes() == server.sounds[2][3]


def test_an_answer_that_is_cut_or_no_json_is_asked_for_again(
    table: CatalogueTable, source: FreesoundSource, server: Freesound
) -> None:
    server.fail(SEARCH, 200, None)
    server.fail(SEARCH, 200, b"<html>")
    assert sync(table, source) == {"new": 5}


def test_a_page_that_repeats_ends_the_sync_and_takes_nothing_away(
    table: CatalogueTable, source: FreesoundSource, server: Freesound
) -> None:
    sync(table, source)
    server.repeats = 1
    with pytest.raises(SourceError, match="page 2 repeats"):
        sync(table, source)
    assert {entry.state for entry in table.entries()} == {State.LISTED}


def test_only_what_the_service_says_is_gone_goes(
    table: CatalogueTable, source: FreesoundSource, server: Freesound
) -> None:
    sync(table, source)
    del server.sounds[2]
    page = server.page
    server.page = lambda number: page(number) and {**page(number), "next": None}  # type: ignore[method-assign,dict-item]
    assert sync(table, source) == {"same": 2, "gone": 1}, "1 and 3 are listed, 4 and 5 are still there"
    assert [entry.origin_id for entry in table.entries() if entry.state is State.GONE] == ["2"]


def test_sounds_that_became_fewer_while_paging_end_the_list(
    table: CatalogueTable, source: FreesoundSource, server: Freesound
) -> None:
    server.fail(SEARCH, 200, b'{"count": 9, "next": "x", "results": []}')
    server.sounds.clear()
    assert sync(table, source) == {}


def test_a_preview_that_is_not_there_refuses_that_sound_alone(
    table: CatalogueTable, source: FreesoundSource, server: Freesound
) -> None:
    server.fail("/data/previews/3", 404)
    assert sync(table, source) == {"new": 4, "refused": 1}
    assert sync(table, source) == {"same": 4, "changed": 1}, "it is tried again"


def test_a_sound_that_a_page_lists_twice_is_one_entry(
    table: CatalogueTable, source: FreesoundSource, server: Freesound
) -> None:
    page = server.page
    server.page = lambda number: {**(page(number) or {}), "results": (page(number) or {})["results"] * 2}  # type: ignore[method-assign]
    server.fail("/data/previews/3", 404)
    server.fail("/data/previews/3", 404)
    sync(table, source)
    assert [entry.origin_id for entry in table.entries()] == ["1", "2", "3", "4", "5"]
    assert table.entries()[2].state is State.REFUSED


def test_the_key_goes_to_the_api_alone_and_no_other_way_than_https(
    table: CatalogueTable, source: FreesoundSource, server: Freesound, tmp_path: Path
) -> None:
    sync(table, source)
    assert server.keys == {f"Token {KEY}"}
    assert not any(KEY in path for path in server.asked)
    with pytest.raises(SourceError, match="the key was refused"):
        list(FreesoundSource("rain", "wrong", server.api).pages(1))
    for url in ("http://example.org/a.ogg", "file:///etc/passwd", "http://169.254.169.254/latest"):
        with pytest.raises(SourceError, match="only https"):
            source.fetch(Found("1", "1", where=url), tmp_path)
        with pytest.raises(SourceError, match="only https"):
            Caller(url, KEY)
    with pytest.raises(SourceError, match="only https"):
        Caller("https://freesound.org/apiv2", KEY).check("http://127.0.0.1:1/a.ogg")
    with freesound() as elsewhere:
        elsewhere.sounds[1] = server.sounds[1]
        source.fetch(Found("1", "1", where=f"{elsewhere.address}/data/previews/1-hq.ogg"), tmp_path)
        assert elsewhere.keys == {""}


def test_a_sound_without_licence_or_preview_is_no_sound_for_us() -> None:
    whole = {"id": 1, "license": CC0, "duration": 1, "previews": {"preview-hq-mp3": "https://x/1.mp3"}}
    assert parse_sound(whole).about["licence"] == "CC0-1.0"
    for name in ("id", "license", "duration", "previews"):
        with pytest.raises(SourceError, match="describes a sound without"):
            parse_sound({key: value for key, value in whole.items() if key != name})
    assert name_licence("https://example.org/mine/") == "https://example.org/mine/"


def test_what_is_larger_than_any_recording_is_not_fetched(
    source: FreesoundSource, server: Freesound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("references.catalogue.freesound_http.MAX_BYTES", 1000)
    with pytest.raises(NotFetchedError, match="larger"):
        source.fetch(Found("1", "1", where=f"{server.address}/data/previews/1-hq.ogg"), tmp_path)


def test_retry_after_is_seconds_or_a_date_or_nothing() -> None:
    assert (wait_of("12"), wait_of("-3"), wait_of("soon"), wait_of(None)) == (12, 0, None, None)
    assert wait_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_by_the_command_a_sound_of_the_wrong_length_is_refused_and_the_others_are_known(
    server: Freesound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    monkeypatch.setattr("references.catalogue.freesound_http.SECONDS_A_REQUEST", 0.0)
    server.sounds = {1: ("whole", CC0, 3.0, ogg(1)), 2: ("cut at the source", BY, 9.0, ogg(2))}
    arguments = ["catalogue", "sync", "freesound:rain", "--api", server.api, "-c", str(tmp_path / "catalogue")]
    answer = CliRunner().invoke(app, [*arguments, "-i", str(tmp_path / "index")], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    one, two = CatalogueTable(tmp_path / "catalogue").entries()
    assert (one.state, one.duration_ms, one.licence) == (State.LISTED, 3000, "CC0-1.0")
    assert two.state is State.REFUSED
    assert two.problem == "it lasts 3.0 s, and its source says 9.0 s: was it cut?"
    listed = CliRunner().invoke(app, ["index", "list", "-i", str(tmp_path / "index")])
    assert listed.stdout.startswith("freesound-1\t0:03\tuser 1 – whole\t\tCC0-1.0")


def test_the_gate_tells_what_cannot_be_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_bytes(b"no sound")
    gate = Gate()
    try:
        assert gate.judge(tmp_path / "a.ogg").problem.startswith("it cannot be decoded (decode.")
    finally:
        gate.close()
