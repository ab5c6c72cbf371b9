"""What the job keeps beside its checkpoint: the writer's identity, the ledger, progress, tracks, small files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import boto3
import numpy as np
import pytest
import soundfile
from moto import mock_aws

from streaming.errors import UserError
from streaming.identity import check_newest_batch, claim
from streaming.ledger import Ledger
from streaming.places import Folder, Place, open_place
from streaming.pressure import Pressure, read_changes, under_pressure
from streaming.progress import read_progress, summarise, write_progress
from streaming.track_store import TrackStore
from udfs.decode import decode
from udfs.findings import Decision
from udfs.track import Track


@pytest.fixture
def places(tmp_path: Path) -> tuple[Folder, Folder]:
    return Folder(tmp_path / "checkpoint"), Folder(tmp_path / "lake")


def test_a_new_pair_gets_an_app_id_and_keeps_it(places: tuple[Folder, Folder]) -> None:
    first = claim(*places, "lake")
    assert claim(*places, "lake") == first


def test_a_fresh_checkpoint_on_a_used_lake_is_refused_unless_it_adopts_the_lake(
    tmp_path: Path, places: tuple[Folder, Folder]
) -> None:
    first = claim(*places, "lake")
    fresh = Folder(tmp_path / "fresh")
    with pytest.raises(UserError, match="--adopt-lake"):
        claim(fresh, places[1], "lake")
    adopted = claim(fresh, places[1], "lake", adopt=True)
    assert adopted.app_id != first.app_id
    with pytest.raises(UserError, match="belong together"):
        claim(*places, "lake")


def test_another_lakes_checkpoint_is_refused(tmp_path: Path, places: tuple[Folder, Folder]) -> None:
    claim(*places, "lake")
    checkpoint, lake = Folder(tmp_path / "checkpoint 2"), Folder(tmp_path / "lake 2")
    claim(checkpoint, lake, "lake 2")
    with pytest.raises(UserError, match="belong together"):
        claim(places[0], lake, "lake 2")


def test_a_used_checkpoint_on_a_new_lake_is_refused(tmp_path: Path, places: tuple[Folder, Folder]) -> None:
    claim(*places, "lake")
    places[0].write("commits/0", b"")
    with pytest.raises(UserError, match="would be missing"):
        claim(places[0], Folder(tmp_path / "new lake"), "new lake")


def test_a_checkpoint_that_is_older_than_its_lake_is_refused_with_the_ways_out(places: tuple[Folder, Folder]) -> None:
    check_newest_batch(places[0], None, "lake")
    places[0].write("offsets/6", b"")
    check_newest_batch(places[0], 6, "lake")
    with pytest.raises(UserError, match=r"older than the lake.*Put the newest checkpoint back.*--adopt-lake"):
        check_newest_batch(places[0], 7, "lake")


def test_pressure_begins_above_a_bound_and_ends_at_half_of_it(
    places: tuple[Folder, Folder], capsys: pytest.CaptureFixture[str]
) -> None:
    pressure = Pressure(places[0], most_uploads=10, most_bytes=1_000)
    seen = []
    for now_ms, (uploads, held) in enumerate([(10, 1_000), (11, 0), (6, 0), (5, 500), (1, 1_001), (0, 1_001)]):
        pressure.look(uploads, held, now_ms)
        seen.append(pressure.on)
    assert seen == [False, True, True, False, True, False]
    assert "max_open_uploads = 10" in capsys.readouterr().err
    changes = read_changes(places[0])
    assert [under_pressure(changes, now_ms) for now_ms in range(6)] == seen
    assert not under_pressure(changes, -1)
    assert Pressure(places[0], 10, 1_000).on is False


def test_a_start_that_died_between_the_two_files_is_finished(tmp_path: Path, places: tuple[Folder, Folder]) -> None:
    first = claim(*places, "lake")
    assert claim(places[0], Folder(tmp_path / "lake that was not marked"), "lake") == first


def test_a_damaged_identity_is_said_so(places: tuple[Folder, Folder]) -> None:
    places[0].write("soundgate.json", b"{")
    with pytest.raises(UserError, match="damaged"):
        claim(*places, "lake")


def test_the_ledger_counts_uploads_in_flight_over_restarts(places: tuple[Folder, Folder]) -> None:
    for batch_id, (opened, closed) in enumerate([(3, {}), (0, {0: 1}), (2, {0: 2})]):
        assert Ledger(places[0]).oldest(batch_id) == 0
        Ledger(places[0]).post(batch_id, opened, closed)
    assert Ledger(places[0]).in_flight == 2
    assert Ledger(places[0]).oldest(3) == 2


def test_a_batch_done_twice_is_counted_once(places: tuple[Folder, Folder]) -> None:
    ledger = Ledger(places[0])
    for batch_id, opened, closed in ((0, 3, {}), (1, 2, {0: 3}), (1, 2, {0: 3})):
        ledger.post(batch_id, opened, closed)
    assert ledger.in_flight == 2
    assert Ledger(places[0]).oldest(1) == 0  # done once more, it needs what batch 0 spooled
    Ledger(places[0]).post(1, 4, {})
    assert Ledger(places[0]).in_flight == 7


def test_the_ledger_stays_small(places: tuple[Folder, Folder]) -> None:
    ledger = Ledger(places[0])
    for batch_id in range(50):
        ledger.post(batch_id, 1, {batch_id - 1: 1} if batch_id else {})
    assert json.loads(places[0].read("ledger.json") or b"") == {"48": {"48": 1}, "49": {"49": 1}}
    assert ledger.oldest(50) == 49


def test_with_nothing_in_flight_the_oldest_is_the_batch_itself(places: tuple[Folder, Folder]) -> None:
    assert Ledger(places[0]).oldest(5) == 5


def test_progress_is_what_spark_says_in_our_words(places: tuple[Folder, Folder]) -> None:
    spark = {
        "batchId": 7,
        "timestamp": "2026-01-01T00:00:10.000Z",
        "numInputRows": 5,
        "processedRowsPerSecond": "NaN",
        "durationMs": {"triggerExecution": 1500},
        "stateOperators": [{"numRowsTotal": 3, "memoryUsedBytes": 10, "customMetrics": {"rocksdbSstFileSize": 20}}],
        "sources": [{"metrics": {"avgMsBehindLatest": "12"}}],
    }
    arrived_ms = 1_767_225_608_000  # two seconds before the batch began
    write_progress(places[0], summarise(spark, in_flight=2, newest_arrival_ms=arrived_ms))
    read = read_progress(places[0])
    assert read is not None
    assert (read["batch_id"], read["records"], read["in_flight"], read["lag_ms"]) == (7, 5, 2, 3_500)
    assert (read["state_rows"], read["records_per_second"]) == (3, None)
    assert read["source"] == {"avgMsBehindLatest": "12"}


def test_no_progress_before_the_first_batch(places: tuple[Folder, Folder]) -> None:
    assert read_progress(places[0]) is None


@pytest.mark.parametrize("decision", list(Decision))
def test_tracks_are_kept_by_content_hash_where_their_decision_says(tmp_path: Path, decision: Decision) -> None:
    store = TrackStore(Folder(tmp_path / "tracks"), None)
    quarantine = TrackStore(Folder(tmp_path / "tracks"), Folder(tmp_path / "quarantine"))
    track = Track(b"bytes", name="../../etc/passwd")
    name = sha256(b"bytes").hexdigest()
    accepted = decision is Decision.ACCEPT
    assert store.keep(track, decision, None) == (str(tmp_path / "tracks" / name) if accepted else None)
    folder = "tracks" if accepted else "quarantine"
    for _ in range(2):
        assert quarantine.keep(track, decision, None) == str(tmp_path / folder / name)
    assert [path.name for path in (tmp_path / folder).iterdir()] == [name]
    assert (tmp_path / folder / name).read_bytes() == b"bytes"


def test_a_safe_copy_is_kept_in_place_of_an_accepted_track_and_written_once(tmp_path: Path) -> None:
    store = TrackStore(Folder(tmp_path / "tracks"), Folder(tmp_path / "quarantine"), safe_copies=True)
    sound = np.random.default_rng(1).normal(0, 0.1, (4000, 2))
    wave = io.BytesIO()
    soundfile.write(wave, sound, 8000, "PCM_16", format="WAV")
    track = Track(wave.getvalue() + b"JUNK" + (8).to_bytes(4, "little") + b"payload.")
    decoded = decode(track)
    where = store.keep(track, Decision.ACCEPT, decoded)
    assert where == str(tmp_path / "tracks" / f"{track.sha256}.flac")
    first = Path(where).read_bytes()
    assert first.startswith(b"fLaC")
    assert b"payload" not in first
    kept, rate = soundfile.read(where)
    assert rate == 8000
    assert np.abs(kept - decoded.samples).max() < 0.002
    assert store.keep(track, Decision.ACCEPT, decoded) == where
    assert Path(where).read_bytes() == first
    refused = store.keep(track, Decision.REJECT, decoded)
    assert refused is not None
    assert Path(refused).read_bytes() == track.data


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Give an empty place of each kind."""
    if request.param == "folder":
        yield open_place(str(tmp_path / "place"))
        return
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        where = {"LocationConstraint": "eu-west-1"}
        boto3.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration=where)
        yield open_place("s3://bucket/some/prefix")


def test_a_place_keeps_whole_files(place: Place) -> None:
    assert place.read("a/b") is None
    assert not place.exists("a/b")
    place.write("a/b", b"1")
    place.write("a/b", b"22")
    assert place.read("a/b") == b"22"
    assert place.exists("a/b")
    assert place.locate("a/b") == place.write("a/b", b"whole")
    assert place.locate("a/c") is None
    place.write("other", b"")
    place.remove_tree("a")
    place.remove_tree("never there")
    assert place.read("a/b") is None
    assert place.exists("other")


def test_a_place_gives_ranges_of_a_file_that_was_written_in_parts(place: Place) -> None:
    place.write_parts("a/b", [memoryview(b"0123"), memoryview(b""), memoryview(b"456789")])
    assert place.read("a/b") == b"0123456789"
    assert place.read_ranges("a/b", [(0, 2), (3, 5), (9, 1)]) == [b"01", b"34567", b"9"]
    for name, wanted in (("a/b", (8, 3)), ("a/b", (10, 1)), ("a/never", (0, 1))):
        with pytest.raises(FileNotFoundError):
            place.read_ranges(name, [(0, 1), wanted])


def test_a_place_lists_what_lies_directly_in_a_folder(place: Place) -> None:
    for name in ("a/b", "a/c/d", "a/c/e", "ab/c"):
        place.write(name, b"1")
    assert sorted(place.list_names("a")) == ["b", "c"]
    assert place.list_names("nothing") == []
    assert (place.count_bytes("a"), place.count_bytes("nothing")) == (3, 0)


def test_a_write_that_fails_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Folder(tmp_path)
    place.write("file", b"old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="No space"):
            place.write("file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert place.read("file") == b"old"


def test_a_place_of_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="neither a folder nor s3://"):
        open_place("gs://bucket")
