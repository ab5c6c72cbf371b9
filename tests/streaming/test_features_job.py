"""The features' stage: a row a second of each accepted, stored track, once, whatever is wrong with one of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from job_rig import RATE, make_sound, write_wave
from pyspark.sql import SparkSession

from streaming.errors import UserError
from streaming.features_beside import check_features
from streaming.features_job import FeaturesSettings, run_features
from streaming.settings import Settings, load_settings
from streaming.upkeep import Access, optimize
from udfs.features.mel import restore

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FACTS = {"decision": "accept", "container": "wav", "sample_rate": RATE, "channels": 1, "decided_at": WHEN}


def commit(lake: Path, *rows: dict[str, Any]) -> None:
    """Append verdicts to the lake's table."""
    names = ("upload_id", "decision", "stored_at", "container", "sample_rate", "channels", "decided_at")
    schema = pa.schema([(name, pa.string()) for name in names[:4]] + [(name, pa.int32()) for name in names[4:6]])
    schema = schema.append(pa.field("decided_at", pa.timestamp("us", "UTC")))
    write_deltalake(lake / "verdicts", pa.Table.from_pylist([{**FACTS, **row} for row in rows], schema), mode="append")


def store(lake: Path, data: bytes) -> str:
    path = lake / "tracks" / sha256(data).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def rows_of(lake: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = DeltaTable(lake / "features").to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: (row["upload_id"], row["second"]))


@pytest.mark.spark
def test_each_accepted_track_has_its_features_once_through_restarts_and_batches_done_again(
    tmp_path: Path, spark: SparkSession
) -> None:
    lake = tmp_path / "lake"
    raw = store(lake, make_sound(3, 2.0).astype("<f4").tobytes())
    commit(
        lake,
        {"upload_id": "a-wave", "stored_at": store(lake, write_wave(1, 3.5))},
        {"upload_id": "b-samples", "stored_at": raw, "container": "raw"},
        {"upload_id": "c-refused", "stored_at": store(lake, b"MZ"), "decision": "reject"},
        {"upload_id": "d-not-kept", "stored_at": None},
    )
    commit(
        lake,
        {"upload_id": "e-gone", "stored_at": str(lake / "tracks" / "00")},
        {"upload_id": "f-no-sound", "stored_at": store(lake, b"words")},
    )
    settings = FeaturesSettings(str(lake), ("metadata", "mel", "loudness"), once=True)
    run_features(settings, spark)
    first = rows_of(lake)
    assert [(row["upload_id"], row["second"]) for row in first] == [
        *(("a-wave", second) for second in range(4)),
        *(("b-samples", second) for second in range(2)),
        ("e-gone", 0),
        ("f-no-sound", 0),
    ]
    assert restore(first[1]["mel"]).shape == (50, 128)
    assert first[0]["track"]["loudness_lufs"] < -5
    assert json.loads(first[0]["track"]["metadata"])["container"] == "wav"
    assert json.loads(first[4]["track"]["parameters"]).keys() == {"metadata", "mel", "loudness"}
    assert first[0]["decided_at"] == WHEN
    assert (first[0]["pitch_hz"], first[0]["problem"]) == (None, None)
    assert "nothing at" in first[6]["problem"]
    assert "decode.not_audio" in first[7]["problem"]

    # The last batch's rows were committed, but Spark does not know that it was done: it does it again.
    commits = sorted((Path(settings.state) / "commits").glob("[0-9]*"), key=lambda path: int(path.name))
    for path in (commits[-1], commits[-1].with_name(f".{commits[-1].name}.crc")):
        path.unlink(missing_ok=True)
    commit(lake, {"upload_id": "g-later", "stored_at": store(lake, write_wave(2, 1.0))})
    run_features(settings, spark)
    assert rows_of(lake) == [*first, *(row for row in rows_of(lake) if row["upload_id"] == "g-later")]
    assert len(rows_of(lake)) == len(first) + 1

    with pytest.raises(UserError, match="each track would be written twice"):
        run_features(FeaturesSettings(str(lake), ("mel",), str(tmp_path / "another"), once=True), spark)
    optimize(Access(str(lake)), "features")
    assert len(DeltaTable(lake / "features").file_uris()) == 1
    assert rows_of(lake)[: len(first)] == first


def settings_of(tmp_path: Path, **more: Any) -> Settings:
    said = {"source": f"files:{tmp_path}", "index": tmp_path, "lake": str(tmp_path), "checkpoint": str(tmp_path)}
    return load_settings({**said, **more})


def test_features_are_off_unless_named(tmp_path: Path) -> None:
    assert check_features(settings_of(tmp_path)) == ()
    assert check_features(settings_of(tmp_path, features=["pitch", "mel"])) == ("mel", "pitch")
    assert len(check_features(settings_of(tmp_path, features=["all"]))) == 7


@pytest.mark.parametrize(
    ("said", "word"),
    [({"features": ["moods"]}, "moods"), ({"features": ["mel"], "store_accepted": False}, "set store_accepted")],
)
def test_features_that_cannot_be_extracted_stop_the_start(tmp_path: Path, said: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=word):
        check_features(settings_of(tmp_path, **said))


def test_on_a_cluster_they_are_a_step_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    with pytest.raises(UserError, match="emr submit"):
        check_features(settings_of(tmp_path, features=["mel"]))


def test_a_lake_without_verdicts_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no table 'verdicts'"):
        run_features(FeaturesSettings(str(tmp_path), ("mel",)))


@pytest.mark.slow
@pytest.mark.spark
def test_a_job_that_is_told_to_starts_them_beside_itself(tmp_path: Path, spark: SparkSession, index: Path) -> None:
    from job_rig import make_rig, upload

    rig = make_rig(tmp_path, index, features=["loudness"])
    rig.put(upload(1, write_wave(1, 3.0)))
    rig.drain(spark)
    assert [row["second"] for row in rows_of(tmp_path / "lake")] == [0, 1, 2]
