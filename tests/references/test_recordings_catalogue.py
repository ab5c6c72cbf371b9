"""The catalogue of recordings: what enters it, what it says, what leaves it, and an index that follows it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from references.catalogue.entry import Entry, Found, State, choose_id
from references.catalogue.folder import FolderSource
from references.catalogue.gate import Gate, Judged
from references.catalogue.source import Fetched, Page, SourceError
from references.catalogue.sync import STALE_SECONDS, Sync
from references.catalogue.table import CatalogueTable
from references.catalogue.to_index import plan_changes
from references.errors import RecordingsError
from streaming.cli import app
from streaming.errors import UserError
from udfs.landmark_index import Recording, open_index
from udfs.match import identify

MBID = "b9ad642e-b012-41c7-b72a-42cf4911f9ff"
RATE = 11025


def tune(seed: int, seconds: float = 12) -> np.ndarray:
    random = np.random.default_rng(seed)
    at = np.arange(RATE // 4) / RATE
    chords = 300 * 2 ** (random.integers(0, 36, (100, 4)) / 12)
    sound = np.concatenate([np.sin(2 * np.pi * chord[:, None] * at).sum(axis=0) for chord in chords])
    return np.asarray(sound[: int(seconds * RATE)] * 0.1, np.float32)


def write(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tune(seed), RATE)
    return path


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    for seed in (1, 2):
        write(folder / f"song-{seed}.flac", seed)
    (folder / "metadata.csv").write_text("file,title,artist,licence\nsong-1.flac,One,Ada,CC-BY-4.0\n")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "catalogue"


def run(*arguments: object) -> dict[str, Any]:
    answer = CliRunner().invoke(app, ["catalogue", *map(str, arguments), "--json"], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    value: dict[str, Any] = json.loads(answer.stdout)
    return value


def found(index: Path, seed: int) -> list[str]:
    return [match.reference_id for match in identify(tune(seed)[RATE : 9 * RATE], RATE, open_index(index))]


def test_a_folder_becomes_a_table_that_others_read_and_an_index(music: Path, place: Path, tmp_path: Path) -> None:
    (music / "payload.wav").write_bytes(b"RIFF____WAVE no sound at all" * 99)
    index = tmp_path / "index"
    done = run("sync", music, "-c", place, "-i", index)
    assert done["sources"][f"folder:{music}"] == {
        "new": 2, "changed": 0, "same": 0, "gone": 0, "refused": 1, "left_out": 0,
    }  # fmt: skip
    assert done["index"]["added"] == 2
    one, two = run("list", "-c", place)["recordings"]
    assert (one["reference_id"], one["title"], one["artist"], one["licence"]) == ("song-1", "One", "Ada", "CC-BY-4.0")
    assert one["duration_ms"] == 12_000
    assert one["quality"] in {"Excellent", "Good", "Fair", "Poor"}
    assert len(one["content_sha256"]) == 64
    assert two["title"] == ""
    refused = [row for row in run("list", "-c", place, "--all")["recordings"] if row["state"] == "refused"]
    assert "payload.wav" in refused[0]["origin_id"]
    assert refused[0]["problem"]
    assert found(index, 1) == ["song-1"]
    assert open_index(index).recordings[0].licence == "CC-BY-4.0"


def test_a_second_sync_reads_only_what_changed_and_the_index_follows(
    music: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index"
    run("sync", music, "-c", place, "-i", index)
    judged: list[str] = []
    judge = Gate.judge

    def note(self: Gate, path: Path, expected_ms: int | None = None) -> Judged:
        judged.append(path.name)
        return judge(self, path, expected_ms)

    monkeypatch.setattr(Gate, "judge", note)
    before = open_index(index).sha256
    done = run("sync", music, "-c", place, "-i", index)
    assert (done["sources"][f"folder:{music}"]["same"], judged, done["index"]["added"]) == (2, [], 0)
    assert open_index(index).sha256 == before

    write(music / "more" / "song-1.flac", 3)  # of the same name
    (music / "song-2.flac").unlink()
    done = run("sync", music, "-c", place, "-i", index)["sources"][f"folder:{music}"]
    assert (done["new"], done["gone"], judged) == (1, 1, ["song-1.flac"])
    assert {one.reference_id for one in open_index(index).recordings} == {"song-1", "more/song-1"}
    assert (found(index, 2), found(index, 3)) == ([], ["more/song-1"])

    write(music / "song-1.flac", 4)  # another sound under the same name
    run("sync", music, "-c", place, "-i", index)
    assert (found(index, 1), found(index, 4)) == ([], ["song-1"])


def test_what_somebody_says_goes_before_what_a_source_says_and_the_index_tells_it(
    music: Path, place: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    run("sync", music, "-c", place, "-i", index)
    run("update", "song-1", "-c", place, "--title", "The One", "--isrc", "de-a12-34-56789", "--mbid", MBID, "-i", index)
    assert [one.title for one in open_index(index).recordings if one.reference_id == "song-1"] == ["The One"]
    (music / "metadata.csv").write_text("file,title,artist,licence\nsong-1.flac,Uno,Eve,CC0-1.0\n")
    run("sync", music, "-c", place, "-i", index)
    one = run("list", "-c", place)["recordings"][0]
    assert (one["title"], one["isrc"], one["mbid"]) == ("The One", "DEA123456789", MBID)
    assert (one["artist"], one["licence"]) == ("Eve", "CC0-1.0")
    assert found(index, 1) == ["song-1"]


def test_what_was_removed_by_hand_stays_out_until_it_is_added_again(music: Path, place: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    run("sync", music, "-c", place, "-i", index)
    run("remove", "song-1", "-c", place, "-i", index)
    done = run("sync", music, "-c", place, "-i", index)["sources"][f"folder:{music}"]
    assert (done["left_out"], found(index, 1)) == (1, [])
    run("add", music / "song-1.flac", "-c", place, "-i", index, "--licence", "CC0-1.0")
    assert found(index, 1) == ["song-1"]
    assert run("sync", music, "-c", place)["sources"][f"folder:{music}"]["same"] == 2
    assert [one.licence for one in CatalogueTable(place).entries()] == ["CC0-1.0", ""]


def test_a_source_that_lists_nothing_takes_nothing_away(music: Path, place: Path) -> None:
    run("sync", music, "-c", place)
    shutil.move(music, music.with_name("elsewhere"))
    music.mkdir()  # a disk that is not mounted
    with pytest.raises(UserError, match="lists nothing, and the catalogue has 2"):
        run("sync", music, "-c", place)
    assert len(run("list", "-c", place)["recordings"]) == 2


def test_an_index_keeps_what_the_catalogue_never_had(music: Path, place: Path, tmp_path: Path) -> None:
    index, other = tmp_path / "index", write(tmp_path / "other.flac", 9)
    assert CliRunner().invoke(app, ["index", "build", str(other), "-o", str(index)]).exit_code == 0
    run("sync", music, "-c", place, "-i", index)
    run("remove", "song-1", "song-2", "-c", place, "-i", index)
    assert [one.reference_id for one in open_index(index).recordings] == ["other"]


def test_two_commands_do_not_change_one_catalogue_at_a_time(music: Path, place: Path) -> None:
    with CatalogueTable(place).held(), pytest.raises(UserError, match="another command"):
        run("sync", music, "-c", place)


def test_bad_orders_are_told_what_to_do(music: Path, place: Path) -> None:
    for arguments, what in (
        (("sync", "-c", place), "give a source"),
        (("list", "-c", place), "make one"),
        (("sync", "ftp://x", "-c", place), "neither a folder nor"),
        (("sync", "freesound:rain", "-c", place), "SOUNDGATE_FREESOUND_KEY"),
        (("remove", "a", "-c", "s3://bucket/x"), "it is a folder"),
        (("add", music / "none.wav", "-c", place), "no such file"),
    ):
        with pytest.raises(UserError, match=what):
            run(*arguments)
    run("sync", music, "-c", place)
    for arguments, what in (
        (("update", "song-1", "-c", place), "say what is to be set"),
        (("update", "song-1", "-c", place, "--isrc", "DEA12345678"), "is no ISRC"),
        (("add", music / "song-1.flac", "-c", place, "--mbid", "song 1"), "is no MusicBrainz id"),
        (("remove", "song-9", "-c", place), "song-9"),
        (("add", music / "song-1.flac", "-c", place, "--id", "song-2"), "has this file as"),
    ):
        with pytest.raises(UserError, match=what):
            run(*arguments)


# A source of many pages, that is stopped.


class Shelf:
    """A source of pages of two; `stop` makes one of them fail once."""

    name = "shelf:"

    def __init__(self, folder: Path, names: list[str], stop: int = 0) -> None:
        self.folder, self.names, self.stop = folder, names, stop
        self.asked: list[int] = []
        self.fetched: list[str] = []

    def pages(self, start: int) -> Iterator[Page]:
        for number in range(start, (len(self.names) + 1) // 2 + 1):
            self.asked.append(number)
            if number == self.stop:
                self.stop = 0
                raise SourceError("the power went")
            yield Page(number, [Found(name, "1", {"licence": "CC0-1.0"}) for name in self.names[2 * number - 2 :][:2]])

    def fetch(self, found: Found, folder: Path) -> Fetched:
        self.fetched.append(found.origin_id)
        return Fetched(Path(shutil.copy(self.folder / found.origin_id, folder)), found.about, ours=True)

    def has(self, origin_id: str) -> bool:
        return origin_id in self.names


class Trusting:
    def judge(self, path: Path, expected_ms: int | None = None) -> Judged:
        return Judged(path.name.encode().hex(), 1)


def test_a_sync_that_was_stopped_goes_on_and_takes_nothing_away_before_it_saw_all(tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(6)]
    for name in names:
        (tmp_path / name).write_text(name)
    table = CatalogueTable(tmp_path / "catalogue")
    Sync(table, Shelf(tmp_path, names), Trusting()).run()
    assert len(table.entries()) == 6
    kept = Path(table.entries()[5].audio)
    assert kept.read_text() == "5.wav"

    shelf = Shelf(tmp_path, [*names[:5], "new.wav", "newer.wav"], stop=4)
    (tmp_path / "new.wav").write_text("new")
    (tmp_path / "newer.wav").write_text("newer")
    with pytest.raises(SourceError, match="the power went"):
        Sync(table, shelf, Trusting()).run()
    assert {entry.state for entry in table.entries()} == {State.LISTED}
    tally = Sync(table, shelf, Trusting()).run()
    assert (shelf.asked, shelf.fetched) == ([1, 2, 3, 4, 4], ["new.wav", "newer.wav"])
    assert (tally.new, tally.gone) == (1, 1)
    assert [entry.origin_id for entry in table.entries() if entry.state is State.GONE] == ["5.wav"]
    assert table.drop_unlisted() == 1
    assert not kept.exists()
    assert not list((tmp_path / "catalogue" / "audio").glob(".fetching*"))


def test_a_sync_does_not_go_on_from_what_was_seen_long_ago(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0.wav").write_text("0")
    names = ["0.wav"] * 4
    table = CatalogueTable(tmp_path / "catalogue")
    shelf = Shelf(tmp_path, names, stop=2)
    with pytest.raises(SourceError):
        Sync(table, shelf, Trusting()).run()
    now = os.times().elapsed
    monkeypatch.setattr("references.catalogue.sync.time.time", lambda: now + 1e10 + STALE_SECONDS)
    Sync(table, shelf, Trusting()).run()
    assert shelf.asked == [1, 2, 1, 2]


def test_of_entries_with_the_same_bytes_the_index_has_one() -> None:
    entries = [Entry(name, "x", name, content_sha256="same", audio=name) for name in ("a", "b")]
    assert [entry.reference_id for entry in plan_changes(entries, []).add] == ["a"]
    again = plan_changes(entries, [Recording("b", 0, content_sha256="same")])
    assert ([entry.reference_id for entry in again.add], again.remove) == (["a"], ["b"])
    assert plan_changes(entries, [Recording("a", 0, content_sha256="same")]).none


def test_ids_are_told_apart_by_folders_and_then_by_numbers() -> None:
    assert choose_id("a", "x/a.wav", []) == "a"
    assert choose_id("a", "x/a.wav", ["a"]) == "x/a"
    assert choose_id("a", "a.wav", ["a", "a (2)"]) == "a (3)"


def test_a_folder_that_is_not_there_is_said() -> None:
    with pytest.raises(RecordingsError, match="no such folder"):
        list(FolderSource(Path("/nowhere/at/all")).pages(1))
