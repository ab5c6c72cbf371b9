"""A catalogue of Delta tables answers as the index of files does that is made of the same recordings."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from job_rig import RATE, make_rig, make_sound, upload, upload_id
from pyspark.sql import SparkSession

import references.duplicates
from references.build import take
from references.errors import RecordingsError
from references.generation import write_generation
from streaming.catalogue import ABOUT, CODES, HASHES, RECORDINGS, list_recordings, open_catalogue, write_table
from streaming.catalogue_build import add_to_catalogue, build_catalogue, remove_from_catalogue
from streaming.catalogue_duplicates import find_duplicates
from streaming.catalogue_search import identify_prints
from streaming.prints import take_print
from streaming.schemas import PRINT, STRING, fields
from udfs.fetched_line import lay_out
from udfs.fingerprint import VERSION
from udfs.index_files import IndexRefusedError, Manifest, write_manifest
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import MIN_SCORE, candidates

pytestmark = pytest.mark.spark

SECONDS = 40
KNOWN = 6


def music(seed: int, seconds: float) -> np.ndarray:
    return make_sound(seed, seconds).astype(np.float32)


def noisy(samples: np.ndarray, seed: int) -> np.ndarray:
    """Add noise as loud as the sound."""
    noise = np.random.default_rng(seed).standard_normal(len(samples)) * np.sqrt(np.mean(samples**2))
    return np.asarray(samples + noise, np.float32)


def excerpt(seed: int, start: float, seconds: float) -> np.ndarray:
    return music(seed, SECONDS)[int(start * RATE) : int((start + seconds) * RATE)]


def looped() -> np.ndarray:
    """A loop that comes back between two frames, with a quiet voice of its own above each repeat."""
    voice = music(31, SECONDS)
    return np.asarray(np.resize(music(30, 5)[: int(4.01 * RATE)], voice.shape) + 0.02 * voice, np.float32)


LOOP, REPEAT = 3, 24.36  # the song that is one, and a place in it in seconds
QUERIES = {
    "repeat": looped()[int(REPEAT * RATE) :][: 6 * RATE],
    "part": excerpt(2, 12.3, 8),
    "noisy": noisy(excerpt(4, 5, 10), seed=1),
    "long": excerpt(1, 3, 30),
    "two of them": np.concatenate([excerpt(0, 4, 10), excerpt(5, 20, 12)]),
    "unknown": music(100, 12),
    "silent": np.zeros(5 * RATE, np.float32),
}
HEARD = {
    "repeat": {f"song-{LOOP}"},
    "part": {"song-2"},
    "noisy": {"song-4"},
    "long": {"song-1"},
    "two of them": {"song-0", "song-5"},
}


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for seed in range(KNOWN + 1):
        samples = looped() if seed == LOOP else music(seed, SECONDS)
        soundfile.write(folder / f"song-{seed}.wav", samples, RATE, subtype="PCM_16")
    (folder / "song-broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00nothing")
    return folder


def first_songs(songs: Path) -> list[Path]:
    return [songs / f"song-{seed}.wav" for seed in range(KNOWN)]


@pytest.fixture(scope="module")
def index(songs: Path, tmp_path_factory: pytest.TempPathFactory) -> LandmarkIndex:
    """An index of files, with hashes although it is small."""
    folder = tmp_path_factory.mktemp("index")
    entry = write_generation(folder, [take(path) for path in first_songs(songs)], hashed_from=0)
    write_manifest(folder, Manifest(VERSION, (entry,)))
    return open_index(folder)


@pytest.fixture(scope="module")
def place(spark: SparkSession, songs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = str(tmp_path_factory.mktemp("catalogue"))
    unreadable = build_catalogue(spark, [*first_songs(songs), songs / "song-broken.wav"], place)
    assert [Path(path).name for path, _ in unreadable] == ["song-broken.wav"]
    return place


def answers(spark: SparkSession, place: str, min_score: float, names: list[str]) -> dict[str, list[Any]]:
    rows = [(name, take_print(QUERIES[name], RATE)) for name in names]
    queries = spark.createDataFrame(rows, fields(("query", STRING), ("print", PRINT)))
    with identify_prints(spark, open_catalogue(spark, f"delta:{place}"), queries, min_score) as found:
        return {row.query: [match.asDict() for match in row.matches] for row in found.collect()}


def test_the_tables_hold_what_the_files_hold(spark: SparkSession, place: str, index: LandmarkIndex) -> None:
    (generation,) = index.generations
    assert generation.postings is not None
    catalogue = open_catalogue(spark, f"delta:{place}")
    (slab,) = catalogue.read(spark, HASHES).collect()
    for name in ("places", "offsets", "bases"):
        assert bytes(slab[name]) == np.ascontiguousarray(getattr(generation.postings, name)).tobytes()
    codes = [(row.piece, bytes(row.planes)) for row in catalogue.read(spark, CODES).collect()]
    assert catalogue.frames == index.frames
    assert np.array_equal(lay_out(codes, catalogue.frames), generation.planes)
    assert np.array_equal(catalogue.edges, generation.edges)
    assert np.array_equal(catalogue.sample, generation.sample)
    assert list_recordings(spark, catalogue) == list(index.recordings)


def test_both_ways_give_the_same_answers(spark: SparkSession, place: str, index: LandmarkIndex) -> None:
    found = answers(spark, place, 0.0, list(QUERIES))
    for name, samples in QUERIES.items():
        expected = candidates(samples, RATE, index, 0.0)
        assert len(found.get(name, [])) == len(expected)
        for mine, theirs in zip(found.get(name, []), expected, strict=True):
            assert mine == {key: pytest.approx(getattr(theirs, key)) for key in mine}
        sure = {one["reference_id"] for one in found.get(name, []) if one["score"] >= MIN_SCORE}
        assert sure == HEARD.get(name, set())
    (repeat, *_) = found["repeat"]
    assert repeat["reference_offset_ms"] - repeat["query_offset_ms"] == pytest.approx(REPEAT * 1000, abs=100)


@pytest.fixture
def copied(place: str, tmp_path: Path) -> str:
    """Give a copy of the catalogue, to be changed."""
    shutil.copytree(place, tmp_path / "catalogue")
    return str(tmp_path / "catalogue")


def test_what_is_removed_stays_for_those_who_opened_the_catalogue_before(
    spark: SparkSession, copied: str, index: LandmarkIndex
) -> None:
    before = open_catalogue(spark, f"delta:{copied}")
    remove_from_catalogue(spark, ["song-2"], before)
    known = list_recordings(spark, open_catalogue(spark, f"delta:{copied}"))
    assert [one.reference_id for one in known] == [f"song-{seed}" for seed in range(KNOWN) if seed != 2]
    assert list_recordings(spark, before) == list(index.recordings)


def test_recordings_that_are_there_already_are_found_as_in_an_index_of_files(
    spark: SparkSession, copied: str, songs: Path, tmp_path: Path
) -> None:
    part, copy, other = (tmp_path / name for name in ("part.mp3", "copy.flac", "other.wav"))
    soundfile.write(part, excerpt(4, 7, 25), RATE, format="MP3", subtype="MPEG_LAYER_III")
    soundfile.write(copy, soundfile.read(songs / "song-1.wav", dtype="int16")[0], RATE, subtype="PCM_16")
    soundfile.write(other, music(77, 20), RATE, subtype="PCM_16")
    before = open_catalogue(spark, f"delta:{copied}")
    assert find_duplicates(spark, before) == []
    add_to_catalogue(spark, [part, copy, other], before)
    found = find_duplicates(spark, open_catalogue(spark, f"delta:{copied}"), since=len(before.edges) - 1)
    local = references.duplicates.find_duplicates([take(path) for path in [*first_songs(songs), part, copy, other]])
    assert [(one.reference_id, one.of) for one in found] == [("copy", "song-1"), ("part", "song-4")]
    assert found == [*local]


@pytest.mark.slow
def test_a_catalogue_is_added_to_and_taken_from_also_after_a_write_that_died(
    spark: SparkSession, copied: str, index: LandmarkIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_catalogue(spark, f"delta:{copied}")
    soundfile.write(tmp_path / "new.wav", music(100, 12), RATE, subtype="PCM_16")
    with monkeypatch.context() as patch:
        patch.setattr("streaming.catalogue_build.publish", die)
        with pytest.raises(KeyboardInterrupt):
            add_to_catalogue(spark, [tmp_path / "new.wav"], before)
    left = open_catalogue(spark, f"delta:{copied}")
    assert (left.sha256, len(left)) == (before.sha256, KNOWN)

    add_to_catalogue(spark, [tmp_path / "new.wav"], left)
    added = open_catalogue(spark, f"delta:{copied}")
    assert [row.slab for row in added.read(spark, HASHES).orderBy("slab").collect()] == [0, 1]
    with pytest.raises(RecordingsError, match="changed by another"):
        remove_from_catalogue(spark, ["song-2"], before)
    with pytest.raises(RecordingsError, match="song-9"):
        remove_from_catalogue(spark, ["song-2", "song-9"], added)
    remove_from_catalogue(spark, ["song-2"], added)
    after = open_catalogue(spark, f"delta:{copied}")
    assert [one.reference_id for one in list_recordings(spark, after)] == [
        *(f"song-{seed}" for seed in range(KNOWN) if seed != 2), "new",
    ]  # fmt: skip
    found = answers(spark, copied, MIN_SCORE, ["part", "unknown", "noisy"])
    sure = {name: ones[0]["reference_id"] for name, ones in found.items() if ones[0]["accepted"]}
    assert sure == {"unknown": "new", "noisy": "song-4"}
    # who opened the catalogue before sees what it was then
    assert list_recordings(spark, before) == list(index.recordings)


def die(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_batch_is_identified_against_a_catalogue(spark: SparkSession, place: str, tmp_path: Path) -> None:
    rig = make_rig(tmp_path, f"delta:{place}", max_batch_bytes=1 << 20)
    sounds = [to_wave(QUERIES["part"]), to_wave(QUERIES["unknown"]), b"not a sound at all " * 50]
    rig.put([record for number, data in enumerate(sounds) for record in upload(number, data)])
    rig.drain(spark)
    verdicts = rig.verdicts()
    said = {name: verdicts[upload_id(number)] for number, name in enumerate(("part", "unknown", "no sound"))}
    assert {name: row["identity"] for name, row in said.items()} == {
        "part": "match", "unknown": "no_match", "no sound": "not_tried",
    }  # fmt: skip
    assert (said["part"]["reference_id"], said["unknown"]["reference_id"]) == ("song-2", None)
    assert said["part"]["reference_offset_ms"] - said["part"]["query_offset_ms"] == pytest.approx(12300, abs=60)
    assert said["part"]["score"] >= MIN_SCORE
    assert not any(one["accepted"] for one in said["unknown"]["candidates"] or ())
    assert said["part"]["index_sha256"] == open_catalogue(spark, f"delta:{place}").sha256


def to_wave(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def test_what_is_no_catalogue_is_refused(spark: SparkSession, place: str, tmp_path: Path) -> None:
    with pytest.raises(IndexRefusedError, match="no catalogue"):
        open_catalogue(spark, f"delta:{tmp_path}")
    with pytest.raises(IndexRefusedError, match="no place"):
        open_catalogue(spark, "delta:")
    about = spark.read.format("delta").load(f"{place}/{ABOUT}").selectExpr("* except (fingerprint)", "1 as fingerprint")
    write_table(about, str(tmp_path), ABOUT, "overwrite")
    with pytest.raises(IndexRefusedError, match="version 1"):
        open_catalogue(spark, f"delta:{tmp_path}")
    assert RECORDINGS not in {path.name for path in tmp_path.iterdir()}
