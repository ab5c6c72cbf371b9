"""A catalogue of Delta tables answers as the index of files does that is made of the same recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from job_rig import RATE, make_sound
from pyspark.sql import SparkSession

from references.build import take
from references.generation import write_generation
from streaming.catalogue import ABOUT, CODES, HASHES, RECORDINGS, list_recordings, open_catalogue, write_table
from streaming.catalogue_build import build_catalogue
from streaming.catalogue_search import PRINT, identify_prints, pack
from udfs.fetched_line import lay_out
from udfs.fingerprint import VERSION, fingerprint
from udfs.index_files import IndexRefusedError, Manifest, write_manifest
from udfs.landmark_index import LandmarkIndex, open_index
from udfs.match import MIN_SCORE, best_matches, identify, search_generation

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


QUERIES = {
    "part": excerpt(2, 12.3, 8),
    "noisy": noisy(excerpt(4, 5, 10), seed=1),
    "long": excerpt(1, 3, 30),
    "two of them": np.concatenate([excerpt(0, 4, 10), excerpt(5, 20, 12)]),
    "unknown": music(100, 12),
    "silent": np.zeros(5 * RATE, np.float32),
}
HEARD = {"part": {"song-2"}, "noisy": {"song-4"}, "long": {"song-1"}, "two of them": {"song-0", "song-5"}}


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    for seed in range(KNOWN + 1):
        soundfile.write(folder / f"song-{seed}.wav", music(seed, SECONDS), RATE, subtype="PCM_16")
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
    rows = [(name, pack(fingerprint(QUERIES[name], RATE))) for name in names]
    queries = spark.createDataFrame(rows, f"query string, print {PRINT}")
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
    (generation,) = index.generations
    found = answers(spark, place, 0.0, list(QUERIES))
    for name, samples in QUERIES.items():
        query = fingerprint(samples, RATE)
        expected = best_matches(query, search_generation(query, generation, index.frames), 0.0)
        assert len(found.get(name, [])) == len(expected)
        for mine, theirs in zip(found.get(name, []), expected, strict=True):
            assert mine == {key: pytest.approx(getattr(theirs, key)) for key in mine}
        sure = {one["reference_id"]: one["score"] for one in found.get(name, []) if one["score"] >= MIN_SCORE}
        assert sure == {one.reference_id: pytest.approx(one.score) for one in identify(samples, RATE, index)}
        assert set(sure) == HEARD.get(name, set())


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
