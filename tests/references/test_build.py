"""Building an index: what goes in, what it says of itself, and what happens to it afterwards."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from references.build import add_recordings, build_index, remove_recordings
from references.errors import RecordingsError
from references.metadata import read_metadata
from streaming.cli import app
from udfs.index_files import IndexRefusedError
from udfs.landmark_index import open_index
from udfs.match import identify

RATE = 11025


def tune(seed: int, seconds: float = 15) -> np.ndarray:
    random = np.random.default_rng(seed)
    time = np.arange(RATE // 4) / RATE
    chords = 300 * 2 ** (random.integers(0, 36, (100, 4)) / 12)
    sound = np.concatenate([np.sin(2 * np.pi * chord[:, None] * time).sum(axis=0) for chord in chords])
    return np.asarray(sound[: int(seconds * RATE)] * 0.1, np.float32)


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    for seed in range(4):
        soundfile.write(folder / f"song-{seed}.wav", tune(seed), RATE)
    return folder


@pytest.fixture
def built(songs: Path, tmp_path: Path) -> Path:
    build_index([songs], tmp_path / "index")
    return tmp_path / "index"


def found(folder: Path, seed: int) -> list[str]:
    return [match.reference_id for match in identify(tune(seed)[RATE : 9 * RATE], RATE, open_index(folder))]


def test_an_index_says_what_it_holds(songs: Path, tmp_path: Path) -> None:
    info = build_index([songs], tmp_path / "index")
    index = open_index(tmp_path / "index")
    assert (info.recordings, len(index)) == (4, 4)
    assert info.seconds == pytest.approx(60)
    assert info.sha256 == index.sha256
    assert info.bytes == index.bytes == sum(f.stat().st_size for f in (tmp_path / "index/generations").rglob("*.*"))
    assert [one.reference_id for one in index.recordings] == [f"song-{seed}" for seed in range(4)]


def test_the_same_recordings_give_the_same_index(songs: Path, tmp_path: Path) -> None:
    assert build_index([songs], tmp_path / "a").sha256 == build_index([songs], tmp_path / "b").sha256


def test_metadata_comes_from_the_table_and_the_tags(songs: Path, tmp_path: Path) -> None:
    with soundfile.SoundFile(songs / "tagged.flac", "w", RATE, 1) as file:
        file.title, file.artist = "Tagged", "Somebody"
        file.write(tune(9))
    (songs / "metadata.csv").write_text(
        'file,reference_id,title,artist,isrc,licence\nsong-0.wav,id-0,"One, two",Ä,DEA123456789,CC0-1.0\n', "utf-8"
    )
    build_index([songs], tmp_path / "index")
    known = {one.reference_id: one for one in open_index(tmp_path / "index").recordings}
    assert (known["id-0"].title, known["id-0"].artist, known["id-0"].licence) == ("One, two", "Ä", "CC0-1.0")
    assert (known["tagged"].title, known["tagged"].artist) == ("Tagged", "Somebody")
    assert known["id-0"].duration_ms == 15000
    match = identify(tune(0)[: 8 * RATE], RATE, open_index(tmp_path / "index"))[0]
    assert (match.reference_id, match.title, match.artist) == ("id-0", "One, two", "Ä")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.jsonl", '{"file": "song-1.wav", "title": "T"}\n'),
        ("metadata.json", '[{"file": "song-1.wav", "title": "T"}]'),
    ],
)
def test_metadata_tables_may_be_json(songs: Path, name: str, text: str) -> None:
    (songs / name).write_text(text)
    assert read_metadata(songs / "song-1.wav")["title"] == "T"


def test_a_broken_metadata_table_is_named(songs: Path, tmp_path: Path) -> None:
    (songs / "metadata.json").write_text("[{")
    with pytest.raises(RecordingsError, match=r"metadata\.json"):
        build_index([songs], tmp_path / "index")


def test_files_of_one_name_are_told_apart_by_their_folder(songs: Path, tmp_path: Path) -> None:
    (songs / "live").mkdir()
    soundfile.write(songs / "live/song-0.wav", tune(7), RATE)
    build_index([songs / "song-0.wav", songs / "live"], tmp_path / "index")
    assert [one.reference_id for one in open_index(tmp_path / "index").recordings] == ["song-0", "live/song-0"]


def test_duplicates_are_reported(songs: Path, tmp_path: Path) -> None:
    soundfile.write(songs / "again.ogg", tune(2)[2 * RATE :], RATE, format="OGG", subtype="VORBIS")
    shutil.copy(songs / "song-1.wav", songs / "copy.wav")
    info = build_index([songs], tmp_path / "index")
    pairs = {frozenset((one.reference_id, one.of)) for one in info.duplicates}
    assert pairs == {frozenset(("again", "song-2")), frozenset(("copy", "song-1"))}


def test_a_file_that_cannot_be_read_is_left_out_and_named(songs: Path, tmp_path: Path) -> None:
    (songs / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00nothing")
    info = build_index([songs], tmp_path / "index")
    assert info.recordings == 4
    assert [Path(file).name for file, _ in info.unreadable] == ["broken.wav"]


def test_an_index_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingsError, match="no recording"):
        build_index([tmp_path], tmp_path / "index")


def test_a_folder_that_holds_something_else_is_not_overwritten(songs: Path) -> None:
    with pytest.raises(RecordingsError, match="no index"):
        build_index([songs], songs)


def test_recordings_are_added_without_touching_the_others(built: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*.npy")}
    soundfile.write(tmp_path / "new.wav", tune(20), RATE)
    assert add_recordings([tmp_path / "new.wav"], built).recordings == 5
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (found(built, 20), found(built, 3)) == (["new"], ["song-3"])


def test_a_reference_id_is_added_once(built: Path, songs: Path) -> None:
    (songs / "metadata.json").write_text('[{"file": "other.wav", "reference_id": "song-1"}]')
    soundfile.write(songs / "other.wav", tune(21), RATE)
    with pytest.raises(RecordingsError, match="song-1"):
        add_recordings([songs / "other.wav"], built)


def test_additions_are_joined_with_what_is_no_larger_and_the_rest_stays(built: Path, tmp_path: Path) -> None:
    (first,) = built.glob("generations/*")
    sizes = []
    for seed in range(30, 34):
        soundfile.write(tmp_path / f"add-{seed}.wav", tune(seed), RATE)
        add_recordings([tmp_path / f"add-{seed}.wav"], built)
        sizes.append([generation.recordings for generation in open_index(built).generations])
        assert first.exists()
    assert sizes == [[4, 1], [4, 2], [4, 2, 1], [8]]
    assert (found(built, 30), found(built, 33), found(built, 0)) == (["add-30"], ["add-33"], ["song-0"])
    remove_recordings(["add-33"], built)
    assert not first.exists()  # it stayed for those who had begun with it, until the next change


def test_removed_recordings_are_not_found_any_more(built: Path) -> None:
    info = remove_recordings(["song-1"], built)
    assert info.recordings == 3
    assert (found(built, 1), found(built, 2)) == ([], ["song-2"])
    with pytest.raises(RecordingsError, match="song-1"):
        remove_recordings(["song-1", "song-2"], built)
    assert found(built, 2) == ["song-2"]


def test_a_reader_goes_on_with_what_it_opened_while_the_index_is_replaced(built: Path, tmp_path: Path) -> None:
    reader = open_index(built)
    soundfile.write(tmp_path / "new.wav", tune(20), RATE)
    build_index([tmp_path / "new.wav"], built)
    assert [one.reference_id for one in open_index(built).recordings] == ["new"]
    assert [match.reference_id for match in identify(tune(3)[RATE : 9 * RATE], RATE, reader)] == ["song-3"]
    assert len(reader.recordings) == 4


@pytest.mark.parametrize("where", ["references.build.write_manifest", "references.generation.describe"])
def test_a_build_that_is_killed_leaves_the_old_index(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    before = open_index(built).sha256
    soundfile.write(tmp_path / "new.wav", tune(20), RATE)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(where, die)
        with pytest.raises(KeyboardInterrupt):
            build_index([tmp_path / "new.wav"], built)
    assert open_index(built).sha256 == before
    assert found(built, 2) == ["song-2"]
    assert add_recordings([tmp_path / "new.wav"], built).recordings == 5  # and is in nobody's way


def test_opening_takes_milliseconds(built: Path) -> None:
    open_index(built)
    began = time.process_time()
    open_index(built)
    assert time.process_time() - began < 0.05


def planes(folder: Path) -> Path:
    return next(folder.rglob("planes.npy"))


def truncate(folder: Path) -> None:
    with planes(folder).open("r+b") as file:
        file.truncate(1000)


def swap_ends(folder: Path) -> None:
    with planes(folder).open("r+b") as file:
        file.write(b"\x00" * 8)


def change_one_byte(folder: Path) -> None:
    data = bytearray(planes(folder).read_bytes())
    data[len(data) // 2] ^= 1
    planes(folder).write_bytes(data)


def change_version(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["fingerprint"] -= 1
    (folder / "manifest.json").write_text(json.dumps(manifest))


def leave_the_folder(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["generations"][0]["name"] = "../../elsewhere"
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (truncate, "has 1000 bytes"),
        (swap_ends, "not what its manifest says"),
        (change_one_byte, "not what its manifest says"),
        (change_version, "version"),
        (leave_the_folder, "outside"),
        (lambda folder: planes(folder).unlink(), "missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "no index"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "not the manifest"),
        (lambda folder: (folder / "manifest.json").write_text('{"format": "soundgate-index"}'), "damaged"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\x00"), "damaged"),
    ],
)
def test_a_broken_index_is_refused_at_opening(built: Path, harm: object, message: str) -> None:
    harm(built)  # type: ignore[operator]
    with pytest.raises(IndexRefusedError, match=message):
        open_index(built)


def test_of_an_index_too_large_to_be_read_at_opening_verify_finds_one_changed_byte(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_one_byte(built)
    monkeypatch.setattr("udfs.index_files.WHOLE", 0)
    assert len(open_index(built)) == 4
    result = CliRunner().invoke(app, ["index", "verify", "-i", str(built), "--json"])
    assert "planes.npy has other content" in json.loads(result.stdout)["damaged"][0]
    assert getattr(result.exception, "exit_code", None) == 1
    swap_ends(built)
    with pytest.raises(IndexRefusedError, match="not what its manifest says"):
        open_index(built)


def test_the_commands_build_change_list_and_verify(songs: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> dict[str, object]:
        result = CliRunner().invoke(app, ["index", *map(str, arguments), "--json"], catch_exceptions=False)
        assert result.exit_code == 0
        value = json.loads(result.stdout)
        assert isinstance(value, dict)
        return value

    index = tmp_path / "index"
    assert run("build", songs / "song-0.wav", songs / "song-1.wav", "-o", index)["recordings"] == 2
    assert run("add", songs / "song-2.wav", "-i", index)["recordings"] == 3
    assert run("remove", "song-0", "-i", index)["recordings"] == 2
    listed = run("list", "-i", index)["recordings"]
    assert [one["reference_id"] for one in listed] == ["song-1", "song-2"]  # type: ignore[attr-defined]
    assert run("verify", "-i", index)["damaged"] == []
