"""The job over stored files: the real Spark, real Delta tables, a folder and a bucket (moto), one run after another."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from job_rig import KNOWN, write_wave
from pyspark.sql import SparkSession
from stored_rig import TEST_EVENT, aws_server, eventbridge, in_sns, left, make_queue, notification, put, s3_record, send

from streaming import upkeep
from streaming.errors import UserError
from streaming.files.access import Access
from streaming.files.command import Order, carry_out
from streaming.files.judging import FilesJob, check_writers, new_work
from streaming.files.listing import list_files, stat_file
from streaming.files.reading import StoredReader
from streaming.files.report import make_report, write_report
from streaming.files.report_writer import BESIDE, ReportWriter
from streaming.files.stored_file import REPORT_SUFFIX, StoredFile
from streaming.files.tally import Tally
from streaming.identity import LAKE_FILE
from streaming.settings import Settings, load_settings
from streaming.single.lake import VerdictLake
from streaming.single.opening import open_judge
from streaming.single.verdict_row import make_row
from streaming.sinks import Lake
from streaming.track_store import open_store
from udfs.errors import NoTrackError
from udfs.row import judge_row, undecided
from udfs.track import Track

pytestmark = pytest.mark.spark

TEXT = b"Just a text, of many lines.\n" * 2_000
HOSTILE = "eve/'; DROP TABLE\x1b[31m +%2B.wav"
LARGEST = 1 << 20
STRANGERS = "a-stream"  # whose producers choose upload ids


@dataclass(frozen=True)
class Stored:
    """A folder and a bucket of files, a lake, and what running over them gave."""

    root: Path
    index: Path
    access: Access
    after_crash: list[dict[str, Any]]
    first: Tally
    second: Tally
    announced: Tally

    @property
    def folder(self) -> Path:
        return self.root / "uploads"

    def rows(self) -> dict[str, dict[str, Any]]:
        """Give the verdicts by name; two for one name are an error."""
        rows = [row for row in read_rows(self.root) if row["stream"] != STRANGERS]
        by_name = {row["partition_key"]: row for row in rows}
        assert len(by_name) == len(rows), "a file has two verdicts"
        return by_name


def read_rows(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = DeltaTable(root / "lake" / "verdicts").to_pyarrow_table().to_pylist()
    return rows


def settings_for(root: Path, index: Path, more: dict[str, Any]) -> Settings:
    flags = {"lake": str(root / "lake"), "index": index, "max_upload_bytes": LARGEST}
    return load_settings({**flags, **more})


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, index: Path, spark: SparkSession) -> Iterator[Stored]:
    """Run four times: one dies behind the reports, one does everything, one finds nothing new, one reads a queue."""
    root = tmp_path_factory.mktemp("stored")
    folder = root / "uploads"
    files = {
        "alice/known.wav": write_wave(KNOWN),
        "bob/text.wav": TEXT,
        HOSTILE: write_wave(2),
        "top.wav": write_wave(3),
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "huge.wav").write_bytes(bytes(LARGEST + 1))
    with aws_server() as access:
        put(access, "inbox", {"new/carol/a b+c.wav": write_wave(4), "new/dave/♫.wav": write_wave(KNOWN)})
        put(access, "inbox", {"new/cold.wav": write_wave(5)}, StorageClass="GLACIER")
        put(access, "inbox", {"old/elsewhere.wav": write_wave(6)})
        crash(spark, root, index, access)
        after_crash = read_rows(root)
        forge(root, stat_file(str(folder), "top.wav"))
        order = Order((str(folder), "s3://inbox/new"), access, BESIDE)
        runs = [carry_out(order, lambda more: settings_for(root, index, more), spark=spark) for _ in range(2)]
        announced = announce(spark, root, index, access)
        yield Stored(root, index, access, after_crash, *runs, announced)


def crash(spark: SparkSession, root: Path, index: Path, access: Access) -> None:
    """Judge a file of the folder, and die when the report is written and the verdict is not."""
    work = {"source": ["files:."], "checkpoint": new_work(str(root / "lake"))}
    job = FilesJob(spark, settings_for(root, index, work), access, ReportWriter(BESIDE, access))
    job.prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lake, "add_missing", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt("killed")))
        with pytest.raises(KeyboardInterrupt, match="killed"):
            job.judge([stat_file(str(root / "uploads"), "top.wav")])


def forge(root: Path, file: StoredFile) -> None:
    """Put a verdict on an upload into the lake whose producer guessed a file's id."""
    facts = {**file.facts(), "stream": STRANGERS, "decision": "incomplete", "reason": "upload.x", "message": ""}
    row = make_row("mallory/mine", {**facts, "decided_us": 1}, None, "")
    assert VerdictLake(upkeep.Access(str(root / "lake"))).add_missing([row]) == 1


def announce(spark: SparkSession, root: Path, index: Path, access: Access) -> Tally:
    """Announce objects in every way, with garbage between, and judge what is announced."""
    put(access, "inbox", {"new/erin/a+b 100%.wav": write_wave(8), "new/frank.wav": write_wave(9)})
    queue = make_queue(access, "arrivals", tries=2)
    plus = s3_record("new/erin/a%2Bb+100%25.wav")
    elsewhere = s3_record("old/elsewhere.wav")
    deleted = s3_record("new/frank.wav", "ObjectRemoved:Delete")
    bodies = [
        TEST_EVENT,
        notification(plus),
        notification(plus, deleted, elsewhere),
        in_sns(notification(plus)),
        json.dumps(
            eventbridge("new/frank.wav") | {"detail": {"bucket": {"name": "inbox"}, "object": {"key": "new/frank.wav"}}}
        ),
        notification(s3_record("new/never-there.wav")),
        notification(s3_record("new/dave/%E2%99%AB.wav")),  # judged before
        notification(s3_record("new/frank.wav.soundgate.json")),
        "<xml/>",
    ]
    send(access, queue, *bodies)
    order = Order(("s3://inbox/new",), access, BESIDE, queue="arrivals", drain=True)
    return carry_out(order, lambda more: settings_for(root, index, more), spark=spark)


def test_a_run_that_died_in_between_left_no_verdict(stored: Stored) -> None:
    assert stored.after_crash == []
    assert (stored.folder / f"top.wav{REPORT_SUFFIX}").exists()


def test_every_file_has_exactly_one_verdict(stored: Stored) -> None:
    decided = {name: (row["decision"], row["reasons"][:1]) for name, row in stored.rows().items()}
    assert decided == {
        "alice/known.wav": ("accept", []),
        "bob/text.wav": ("reject", ["decode.not_audio"]),
        HOSTILE: ("accept", []),
        "top.wav": ("accept", []),
        "huge.wav": ("reject", ["upload.too_large"]),
        "carol/a b+c.wav": ("accept", []),
        "dave/♫.wav": ("accept", []),
        "cold.wav": ("review", ["error.file_unreadable"]),
        "erin/a+b 100%.wav": ("accept", []),
        "frank.wav": ("accept", []),
    }


def test_the_run_says_what_it_did(stored: Stored) -> None:
    said = stored.first.as_json()
    assert (said["found"], said["known"], said["judged"], said["own"]) == (8, 0, 8, 1)
    assert said["decisions"] == {"accept": 5, "reject": 2, "review": 1}
    assert said["errors"] == {"error.file_unreadable": 1}
    assert said["unreadable"] == {"count": 1, "files": ["s3://inbox/new/cold.wav"]}
    assert said["gone"] == {"count": 0, "files": []}
    assert said["sound_seconds"] == pytest.approx(30, abs=0.1)
    assert not stored.first.complete
    assert any("8 judged now" in line for line in stored.first.in_words())


def test_a_second_run_judges_nothing_again(stored: Stored) -> None:
    assert (stored.second.found, stored.second.known, stored.second.judged) == (8, 8, 0)
    assert stored.second.own == 8


def test_announced_objects_are_judged_once_however_often_they_are_announced(stored: Stored) -> None:
    said = stored.announced.as_json()
    assert (said["judged"], said["decisions"]) == (2, {"accept": 2})
    assert (said["found"], said["known"]) == (6, 3)
    assert said["gone"] == {"count": 1, "files": ["s3://inbox/new/never-there.wav"]}
    assert said["passed"] == {"ObjectRemoved:Delete": 1, "elsewhere": 1, "s3:TestEvent": 1}
    assert (said["own"], said["refused"]) == (1, 2)
    assert (left(stored.access, "arrivals"), left(stored.access, "dead-arrivals")) == (0, 1)


def test_a_row_says_whose_file_it_is_and_which_version(stored: Stored) -> None:
    rows = stored.rows()
    local, remote = rows["alice/known.wav"], rows["carol/a b+c.wav"]
    assert (local["user_id"], local["track_name"], local["stream"]) == ("alice", "known.wav", str(stored.folder))
    assert (remote["user_id"], remote["track_name"], remote["stream"]) == ("carol", "a b+c.wav", "s3://inbox/new")
    assert rows["top.wav"]["user_id"] == ""
    (listed,) = (each for each in list_files("s3://inbox/new", stored.access) if each.name == "carol/a b+c.wav")
    assert remote["upload_id"] == listed.upload_id
    assert remote["first_sequence_number"] == remote["last_sequence_number"] == listed.version
    assert remote["last_arrival"].timestamp() * 1_000_000 == listed.modified_us
    assert remote["latency_ms"] >= 0
    assert remote["chunks_expected"] is None
    assert (local["identity"], local["reference_id"]) == ("match", "known-song")
    assert Path(local["stored_at"]).read_bytes() == (stored.folder / "alice/known.wav").read_bytes()


@pytest.mark.parametrize("name", ["alice/known.wav", "bob/text.wav", "huge.wav"])
def test_a_row_that_is_made_without_spark_is_the_same(stored: Stored, name: str) -> None:
    settings = settings_for(stored.root, stored.index, {"source": ["files:."], "checkpoint": "."})
    file = stat_file(str(stored.folder), name)
    try:
        track = Track(StoredReader(LARGEST).read(file), name=name)
        judged = judge_row(open_judge(settings), track, open_store(settings).keep)
    except NoTrackError as error:
        judged = undecided(error)
    made = make_row(file.shown_name, file.facts(), judged, settings.sha256)
    row = stored.rows()[name]
    assert made.keys() <= row.keys()
    changing = ("decided_at", "latency_ms")
    assert {each: made.get(each) for each in row if each not in changing} == {
        each: value for each, value in row.items() if each not in changing
    }


def test_nothing_is_left_of_a_run_but_tables_and_tracks(stored: Stored) -> None:
    left = list((stored.root / "lake" / "_soundgate" / "files").iterdir())
    assert len(left) == 1  # the killed one's, which a run a week later takes away


def test_a_report_beside_a_file_is_that_of_its_row(stored: Stored) -> None:
    for name, row in stored.rows().items():
        if row["stream"] == str(stored.folder):
            report = json.loads((stored.folder / f"{name}{REPORT_SUFFIX}").read_text())
            assert report == json.loads(write_report(make_report(row)))
    assert report["schema"] == "soundgate.report/1"


def test_a_report_beside_an_object_is_an_object(stored: Stored) -> None:
    client = stored.access.client("s3")
    body = client.get_object(Bucket="inbox", Key=f"new/carol/a b+c.wav{REPORT_SUFFIX}")["Body"].read()
    assert json.loads(body)["partition_key"] == "carol/a b+c.wav"


@pytest.mark.parametrize(("what", "where"), [("reports", "reports"), ("lake", "tables"), ("quarantine", "bad")])
def test_nothing_may_be_written_where_files_are_read(stored: Stored, what: str, where: str) -> None:
    inside = str(stored.folder / where)
    order = Order((str(stored.folder),), stored.access, inside if what == "reports" else None)
    more = {} if what == "reports" else {what: inside}
    with pytest.raises(UserError, match="lies under a place that is judged"):
        carry_out(order, lambda given: settings_for(stored.root, stored.index, {**given, **more}))


def test_a_lake_on_s3_that_a_job_writes_to_needs_a_lock(
    stored: Stored, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(stored.access.endpoint_url))
    put(stored.access, "lake", {"x": b""})
    settings = settings_for(
        stored.root, stored.index, {"lake": "s3://lake/lake", "source": ["files:."], "checkpoint": "."}
    )
    check_writers(spark, settings, job_stopped=False)  # nobody else does
    put(stored.access, "lake", {f"lake/{LAKE_FILE}": b"{}"})
    with pytest.raises(UserError, match="S3DynamoDBLogStore"):
        check_writers(spark, settings, job_stopped=False)
    check_writers(spark, settings, job_stopped=True)


@pytest.mark.slow
def test_two_that_judge_the_same_file_write_one_verdict(stored: Stored, spark: SparkSession) -> None:
    put(stored.access, "race", {"a.wav": TEXT})
    files = list(list_files("s3://race", stored.access))
    places = [{"source": ["files:."], "checkpoint": new_work(str(stored.root / "lake"))} for _ in range(2)]
    jobs = [FilesJob(spark, settings_for(stored.root, stored.index, place), stored.access) for place in places]
    threads = [threading.Thread(target=job.judge, args=(files,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job in jobs:
        job.close()
    assert [job.tally.judged for job in jobs] == [1, 1]
    assert stored.rows()["a.wav"]["stream"] == "s3://race"
